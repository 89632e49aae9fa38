"""From Hounsfield units to pictures that stand inside the page."""

import base64
import dataclasses
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.transform import resize

HounsfieldSlice = NDArray[np.int16] | NDArray[np.float32]
# Blue for darker, red for brighter, light grey for equal: told apart with any colour vision.
_DARKER = np.array([0.11, 0.36, 0.67])
_EQUAL = np.array([0.94, 0.94, 0.93])
_BRIGHTER = np.array([0.75, 0.16, 0.16])


@dataclasses.dataclass(frozen=True)
class Window:
    """The range of HU that is shown from black to white.

    Attributes:
        name: what radiologists call it.
        level_hu: the middle of the range, HU.
        width_hu: the length of the range, HU.
    """

    name: str
    level_hu: float
    width_hu: float


SOFT_TISSUE = Window("Soft tissue window", 40.0, 400.0)
NARROW = Window("Narrow window", 40.0, 150.0)


def windowed(values_hu: HounsfieldSlice, window: Window) -> NDArray[np.uint8]:
    """Show HU in greys: black below the window, white above.

    Args:
        values_hu: (rows, columns), HU.
        window: the range that is shown.

    Returns:
        (rows, columns), uint8, a new array.
    """
    low = window.level_hu - window.width_hu / 2
    share = (values_hu.astype(np.float32) - low) / window.width_hu
    return np.asarray(np.rint(np.clip(share, 0.0, 1.0) * 255), dtype=np.uint8)


def difference_colours(difference_hu: NDArray[np.float32], limit_hu: float) -> NDArray[np.uint8]:
    """Show differences in colour: blue below zero, light grey at zero, red above.

    Args:
        difference_hu: (rows, columns), HU.
        limit_hu: the difference at which the colour is full; beyond it stays so.

    Returns:
        (rows, columns, 3), uint8, red, green and blue.
    """
    share = np.clip(difference_hu / limit_hu, -1.0, 1.0)[..., None]
    towards = np.where(share < 0, _DARKER, _BRIGHTER)
    colours = _EQUAL + np.abs(share) * (towards - _EQUAL)
    return np.asarray(np.rint(colours * 255), dtype=np.uint8)


def square_pixels(
    values: HounsfieldSlice, spacing_row_column_mm: tuple[float, float], *, longest: int
) -> NDArray[np.float32]:
    """Resample a slice to square pixels, no side longer than asked for.

    Args:
        values: (rows, columns).
        spacing_row_column_mm: the slice's spacing, mm.
        longest: upper bound of both sides of the result, in pixels.

    Returns:
        A new float32 slice of the same extent in mm, to within one pixel.
    """
    rows, columns = values.shape
    height_mm, width_mm = rows * spacing_row_column_mm[0], columns * spacing_row_column_mm[1]
    pixel_mm = max(min(spacing_row_column_mm), max(height_mm, width_mm) / longest)
    shape = (max(1, round(height_mm / pixel_mm)), max(1, round(width_mm / pixel_mm)))
    smaller = shape[0] < rows or shape[1] < columns
    # Anti-aliasing where the picture shrinks, plain linear interpolation elsewhere.
    resized = resize(values.astype(np.float32), shape, order=1, mode="edge", anti_aliasing=smaller)
    return np.asarray(resized, dtype=np.float32)


def png_data_uri(pixels: NDArray[np.uint8]) -> str:
    """Give a picture as the text that an `img` element takes in place of an address.

    Args:
        pixels: (rows, columns) grey or (rows, columns, 3) colour, uint8.
    """
    return _encoded(Image.fromarray(np.ascontiguousarray(pixels)))


def picture_file_data_uri(path: Path, *, widest: int) -> str:
    """Give a picture file like `png_data_uri`, made smaller where it is wider than asked for.

    Args:
        path: a PNG file.
        widest: upper bound of the picture's width and height, in pixels.
    """
    with Image.open(path) as picture:
        picture.thumbnail((widest, widest))
        return _encoded(picture)


def bytes_data_uri(content: bytes) -> str:
    """Give the content of a PNG file like `png_data_uri`."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def _encoded(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return bytes_data_uri(buffer.getvalue())
