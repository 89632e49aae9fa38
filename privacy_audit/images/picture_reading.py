"""Grey values of PNG and TIFF pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from medsynth.errors import AuditError
from privacy_audit.images.decoding import grey_of_colours, refuse_too_large

_GREY_MODES = frozenset({"1", "F", "I", "I;16", "I;16B", "I;16L", "I;16N", "L", "LA", "La"})
_COLOUR_MODES = frozenset({"RGB", "RGBA"})
_PHOTOMETRIC_TAG = 262
_WHITE_IS_ZERO = 0


def read_picture(name: str, path: Path) -> NDArray[Any]:
    """Read all pages of a picture.

    Transparency is left out. A TIFF picture whose zero is white is turned, so
    that bright is high.

    Args:
        name: what to call the image in messages.
        path: a PNG or TIFF file of 1, 8 or 16 bits, palette, grey colours or float.

    Returns:
        (pages, rows, columns) in the file's own type.

    Raises:
        AuditError: a page has colours, or pages differ in size or are too large.
    """
    pages: list[NDArray[Any]] = []
    with Image.open(path, formats=("PNG", "TIFF")) as picture:
        for page in ImageSequence.Iterator(picture):
            refuse_too_large(name, (len(pages) + 1, page.height, page.width))
            pages.append(_grey_values(name, page))
    if len({page.shape for page in pages}) != 1:
        raise AuditError(f"Image {name} has pages of different sizes. Expected one size. Split it.")
    return np.stack(pages)


def _grey_values(name: str, page: Image.Image) -> NDArray[Any]:
    if page.mode in {"P", "PA"}:
        # A palette's places are no values: 7 may stand for black.
        page = page.convert("RGB")
    if page.mode not in _GREY_MODES | _COLOUR_MODES:
        raise AuditError(
            f"Image {name} is a picture of mode {page.mode}. Expected grey values. Convert it."
        )
    values = np.asarray(page)
    if values.ndim == 3:
        return grey_of_colours(name, values)
    return _bright_is_high(page, values)


def _bright_is_high(page: Image.Image, values: NDArray[Any]) -> NDArray[Any]:
    """Turn what the decoder leaves with white at zero: it turns 1 to 8 bits, but no more."""
    tags = getattr(page, "tag_v2", {})
    if tags.get(_PHOTOMETRIC_TAG) != _WHITE_IS_ZERO:
        return values
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return np.asarray(np.iinfo(np.uint16).max - values)
    return np.negative(values) if values.dtype.kind == "f" else values
