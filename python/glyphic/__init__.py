"""Reads handwriting: pictures, pen strokes and arrays, with Glyphic's trained networks.

    >>> import glyphic
    >>> glyphic.read("photo.jpg").text
    '2026'
    >>> net = glyphic.load("artifacts")
    >>> labels, probabilities, verdicts = net.predict(array)  # [n, 28, 28]

The functions of the module read with the checkpoint that the package contains; `load` opens another
one. What cannot be read raises `GlyphicError`, which is a `ValueError`, with a message that says what,
where, and what to do; a file that is not there raises the usual `OSError`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numpy.typing import ArrayLike

from ._glyphic import GlyphicError
from .answers import Box, Cell, Line, Predictions, Reading, Sheet, Symbol, Table, Verdict
from .network import Columns, Network, Picture, Strokes, load

__all__ = [
    "Box",
    "Cell",
    "GlyphicError",
    "Line",
    "Network",
    "Predictions",
    "Reading",
    "Sheet",
    "Symbol",
    "Table",
    "Verdict",
    "load",
    "predict",
    "read",
    "sheet",
    "strokes",
]


@cache
def _released() -> Network:
    return load()


def read(picture: Picture, *, orientation: int | None = None) -> Reading:
    """Reads the lines of digits in a picture; see `Network.read`."""
    return _released().read(picture, orientation=orientation)


def sheet(picture: Picture, *, orientation: int | None = None, columns: Columns | None = None) -> Sheet:
    """Reads the tables in a picture; see `Network.sheet`."""
    return _released().sheet(picture, orientation=orientation, columns=columns)


def strokes(drawn: Strokes) -> Reading:
    """Reads a drawing; see `Network.strokes`."""
    return _released().strokes(drawn)


def predict(pixels: ArrayLike) -> Predictions:
    """Reads pictures of 28 × 28 pixels; see `Network.predict`."""
    return _released().predict(pixels)


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("glyphic")
    raise AttributeError(f"module 'glyphic' has no attribute '{name}'")
