"""Networks: checkpoints that read."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _glyphic, answers, arrays
from .answers import Predictions, Reading, Sheet

Picture: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes] | ArrayLike
"""A picture: the name of a file, the file or its content (PNG, JPEG, WebP, GIF or BMP); or an array, or what NumPy
makes one of, such as a picture of Pillow: `[height, width]` or `[height, width, channels]`, 0–255."""
Strokes: TypeAlias = Sequence[Sequence[Sequence[float]]] | Sequence[NDArray[Any]]
"""A drawing: for each stroke the points, x to the right and y down."""
Columns: TypeAlias = Sequence[Mapping[str, Any] | None]
"""What is known of the first columns of tables, such as `[{"digits": 8}, None, {"min": 0, "max": 20}]`."""

MANIFEST = "manifest.json"
WEIGHTS = "weights.bpk"
# Longest file of a checkpoint, in bytes: many times what one has.
LONGEST = 256 << 20
VERDICTS = np.array(_glyphic.Network.VERDICTS)
# Most threads that can be asked for.
MOST_THREADS = 256


class Network:
    """A checkpoint that reads on the CPU. `load` opens one.

    It does not change, and several threads may use it at once: Python's lock is released while it computes.
    """

    def __init__(self, native: _glyphic.Network) -> None:
        self._native = native

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the checkpoint says of itself: its network, its data, its accuracy."""
        manifest: dict[str, Any] = json.loads(self._native.manifest())
        return manifest

    @property
    def id(self) -> str:
        """The checkpoint's id."""
        return str(self.manifest["id"])

    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the probabilities."""
        return [str(label) for label in self.manifest["labels"]]

    @cached_property
    def _texts(self) -> NDArray[np.str_]:
        """The labels, and last that of what is blank, which has the index -1."""
        return np.array([*self.labels, ""])

    def __reduce__(self) -> Any:
        raise TypeError("a glyphic.Network cannot be pickled: load it in each process")

    def __repr__(self) -> str:
        return f"<glyphic.Network {self.id}: {len(self.labels)} labels>"

    def predict(self, pixels: ArrayLike) -> Predictions:
        """Reads pictures of one symbol each, framed as MNIST frames its digits.

        pixels: `[n, 28, 28]` or `[n, 784]`, also with an axis for one channel; ink is bright, on 0. Bytes,
        or numbers from 0 to 255; if none is over 1, floats are shares of full ink. Bytes that lie one after
        the other are not copied.
        """
        glyphs = arrays.glyphs(pixels)
        indices, verdicts, scores, probabilities = self._native.predict(glyphs)
        labels = self._texts[indices]
        names = VERDICTS[verdicts]
        return Predictions(labels, probabilities.reshape(len(glyphs), len(self._texts) - 1), names, scores)

    def features(self, pixels: ArrayLike) -> NDArray[np.float32]:
        """The input of the network's last layer, `[n, features]`: glyphs that look alike to the network are
        close to each other. `pixels` as for `predict`."""
        glyphs = arrays.glyphs(pixels)
        features = self._native.features(glyphs)
        return features.reshape(len(glyphs), len(features) // max(1, len(glyphs)))

    def read(self, picture: Picture, *, orientation: int | None = None) -> Reading:
        """Reads the lines of digits in a picture: a photograph, a scan, a drawing, dark on light or light on
        dark.

        orientation: by how many degrees it is turned clockwise first: 0, 90, 180 or 270; without it, that
        is found out from the digits.
        """
        match _content(picture):
            case bytes(file):
                answer = self._native.read_file(file, _turn(orientation))
            case rgba:
                answer = self._native.read_pixels(rgba, _turn(orientation))
        return answers.reading(json.loads(answer))

    def sheet(
        self, picture: Picture, *, orientation: int | None = None, columns: Columns | None = None
    ) -> Sheet:
        """Reads the tables in a picture, printed with lines or as boxes.

        columns: what is known of the first columns decides between readings: `{"digits": 8}`,
        `{"min": 0, "max": 20}`, `{"values": ["17", "23"]}`, or None.
        """
        known = None if columns is None else json.dumps(list(columns), default=_plain)
        match _content(picture):
            case bytes(file):
                answer = self._native.sheet_file(file, _turn(orientation), known)
            case rgba:
                answer = self._native.sheet_pixels(rgba, _turn(orientation), known)
        return answers.tables(json.loads(answer))

    def strokes(self, drawn: Strokes) -> Reading:
        """Reads a drawing.

        drawn: for each stroke its points (x, y), in any unit; y grows downwards.
        """
        try:
            points = [[(float(x), float(y)) for x, y in stroke] for stroke in drawn]
        except (TypeError, ValueError):
            raise _glyphic.GlyphicError(
                "strokes must be a list of strokes, each a list of points (x, y)"
            ) from None
        return answers.reading(json.loads(self._native.strokes(points)))


def load(
    checkpoint: str | os.PathLike[str] | None = None, *, model: str | None = None, threads: int | None = None
) -> Network:
    """Opens a checkpoint.

    checkpoint: a folder of checkpoints, as `train` makes it; one checkpoint's folder; or a zip file of
    `train export`. Without it: the checkpoint that the package contains.
    model: which checkpoint of a folder of checkpoints, by its id or alias. Without it: the promoted one.
    threads: how many threads compute; without it, as many as there are cores, shared by all networks.
    """
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise _glyphic.GlyphicError(f"threads must be from 1 to {MOST_THREADS}, not {threads}")
    if checkpoint is None:
        _refuse(model)
        return Network(_glyphic.Network.released(threads))
    path = Path(checkpoint)
    if path.is_dir() and not (path / MANIFEST).exists():
        return Network(_glyphic.Network.of_registry(path, model, threads))
    _refuse(model)
    if path.is_dir():
        files = {name: _limited((path / name).open("rb"), name) for name in (MANIFEST, WEIGHTS)}
    else:
        files = _unpacked(path)
    return Network(_glyphic.Network.of_files(_id_of(files[MANIFEST]), files[MANIFEST], files[WEIGHTS], threads))


def _refuse(model: str | None) -> None:
    if model is not None:
        raise _glyphic.GlyphicError("`model` chooses from a folder of checkpoints: name that folder")


def _content(picture: Picture) -> bytes | NDArray[np.uint8]:
    """The content of a file, or an array of pixels."""
    if isinstance(picture, (str, os.PathLike)):
        return Path(picture).read_bytes()
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return bytes(picture)
    if hasattr(picture, "exif_transpose") or hasattr(picture, "getexif"):
        return arrays.rgba(_upright(picture))
    if hasattr(picture, "read"):
        return bytes(picture.read())
    return arrays.rgba(picture)


def _upright(picture: Any) -> NDArray[Any]:
    """A picture of Pillow as its file shows it: upright, in colours."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)
    # 16 bits and more are numbers already; the rest may be indices, or colours of another kind.
    return np.asarray(picture if picture.mode.startswith(("I", "F")) else picture.convert("RGBA"))


def _turn(orientation: int | None) -> int | None:
    if orientation is not None and orientation not in (0, 90, 180, 270):
        raise _glyphic.GlyphicError(f"orientation must be 0, 90, 180 or 270 degrees, not {orientation}")
    return orientation


def _plain(value: Any) -> Any:
    """A number of NumPy as JSON's."""
    if isinstance(value, np.generic):
        return value.item()
    raise _glyphic.GlyphicError(f"columns cannot have {value!r}: use numbers and texts")


def _unpacked(path: Path) -> dict[str, bytes]:
    """The manifest and the weights in a zip file, which may be in a folder there."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            manifests = [name for name in names if name.split("/")[-1] == MANIFEST and name.count("/") < 2]
            if len(manifests) != 1:
                raise _glyphic.GlyphicError(f"{path} is no checkpoint: it has {len(manifests)} {MANIFEST}")
            folder = manifests[0].removesuffix(MANIFEST)
            if folder + WEIGHTS not in names:
                raise _glyphic.GlyphicError(f"{path} is no checkpoint: it has no {WEIGHTS}")
            return {name: _limited(archive.open(folder + name), name) for name in (MANIFEST, WEIGHTS)}
    except zipfile.BadZipFile as error:
        raise _glyphic.GlyphicError(
            f"{path} is neither a folder nor a zip file of `train export`: {error}"
        ) from None


def _limited(file: Any, name: str) -> bytes:
    with file:
        content = bytes(file.read(LONGEST + 1))
    if len(content) > LONGEST:
        raise _glyphic.GlyphicError(f"{name} has more than {LONGEST >> 20} MiB, the limit for it")
    return content


def _id_of(manifest: bytes) -> str:
    """The id in a manifest. What is wrong with it is said when it is parsed."""
    try:
        return str(json.load(io.BytesIO(manifest))["id"])
    except (ValueError, KeyError, TypeError):
        return "unknown"
