"""Arrays, as people have them, to those that the compiled part takes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._glyphic import GlyphicError

SIDE = 28
PIXELS = SIDE * SIDE


def glyphs(pixels: ArrayLike) -> NDArray[np.uint8]:
    """Pictures of 28 × 28 pixels as `[n, 784]` bytes. Bytes that lie one after the other are not copied."""
    array = _numbers(pixels, "pixels")
    shape = array.shape
    fits = shape[1:] in ((SIDE, SIDE), (1, SIDE, SIDE), (SIDE, SIDE, 1), (PIXELS,))
    if shape in ((SIDE, SIDE), (PIXELS,)):
        array = array[None]
    elif not fits:
        raise GlyphicError(
            f"pixels must have the shape [n, 28, 28] or [n, 784], not {list(shape)}: `read` takes pictures "
            "of any size"
        )
    return np.ascontiguousarray(as_bytes(array, "pixels").reshape(len(array), PIXELS))


def rgba(picture: ArrayLike) -> NDArray[np.uint8]:
    """A picture, grey or in colour, as `[height, width, 4]` bytes."""
    array = as_bytes(_numbers(picture, "a picture"), "a picture")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise GlyphicError(
            "a picture must have the shape [height, width], or [height, width, channels] with 1, 3 or 4 "
            f"channels, not {list(array.shape)}"
        )
    height, width, channels = array.shape
    whole = np.full((height, width, 4), 255, np.uint8)
    whole[:, :, : max(channels, 3)] = array
    return whole


def _numbers(given: ArrayLike, what: str) -> NDArray[Any]:
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise GlyphicError(
            f"{what} must be an array of numbers, not {type(given).__name__}: `read` takes also the name of a "
            "file, an open one, its bytes, or a picture of Pillow"
        )
    return array


def as_bytes(array: NDArray[Any], what: str) -> NDArray[np.uint8]:
    """Values from 0 to 255 as bytes, or of 16 bits. If none is over 1, floats are shares of 255, as most
    libraries scale pictures."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    largest = array.max(initial=0)
    if array.dtype == np.uint16 and largest > 255:
        return (array // 257).astype(np.uint8)
    if not (array.min(initial=0) >= 0 and largest <= 255):
        raise GlyphicError(
            f"{what} must be from 0 to 255, or from 0 to 1, but some are not: undo the normalisation first"
        )
    if array.dtype.kind == "f":
        array = np.rint(array * 255 if largest <= 1 else array)
    return array.astype(np.uint8)
