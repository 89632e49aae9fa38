"""What every format's reading shares: what decoders raise, how large an image may be, the words."""

import dataclasses
import struct
import tokenize
import zipfile
import zlib
from typing import Any

import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import OrientationError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray
from PIL import Image
from pydicom.errors import BytesLengthException, InvalidDicomError

from medsynth.errors import AuditError, ImageError

LARGEST_VOXEL_COUNT = 2**29
"""Voxels of one image: 2 GiB as float32, or 2,000 slices of 512 rows and columns."""
LONGEST_SIDE = 2**14
"""Rows, and columns, of one slice."""
# What the decoders raise on broken files; their texts may quote a header, so only the kind is told.
DECODING_ERRORS = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    HeaderDataError,
    Image.DecompressionBombError,
    ImageDataError,
    ImageError,
    ImageFileError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    OrientationError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    WrapStructError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_FEWEST_ROWS_OF_A_COLOUR_PICTURE = 16


@dataclasses.dataclass(frozen=True)
class Stack:
    """Values as a file holds them.

    Attributes:
        values: (slices, rows, columns), float32.
        slice_gap_mm: distance between neighbouring slices, mm; None where the file does not say.
        row_column_mm: distance between neighbouring rows and columns, mm; likewise.
    """

    values: NDArray[np.float32]
    slice_gap_mm: float | None
    row_column_mm: tuple[float, float] | None = None


def as_slices(name: str, values: NDArray[Any]) -> NDArray[np.float32]:
    """Give values as slices, rows and columns.

    Axes of length one are dropped. A last axis of three or four behind rows
    and columns holds colours, which must be equal; a fourth is transparency.

    Args:
        name: what to call the image in messages.
        values: any shape and type.

    Returns:
        (slices, rows, columns), float32; values beyond float32 become infinite.

    Raises:
        AuditError: the values are no numbers, or not those of one grey image.
    """
    if values.dtype.kind not in "biuf":
        raise AuditError(
            f"Image {name} holds values of type {values.dtype}. Expected real numbers. Convert it."
        )
    shape = values.shape
    while values.ndim > 2 and 1 in values.shape:
        values = np.squeeze(values, axis=values.shape.index(1))
    if _is_colour(values.shape):
        values = grey_of_colours(name, values)
    if values.ndim == 2:
        values = values[np.newaxis]
    if values.ndim != 3 or 0 in values.shape:
        raise AuditError(
            f"Image {name} has shape {shape}. Expected rows and columns, or slices, rows and "
            "columns. Convert it."
        )
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def grey_of_colours(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Give the grey values of a picture with channels.

    Args:
        name: what to call the image in messages.
        values: (..., channels); with two or four channels the last is transparency, left out.

    Raises:
        AuditError: the colour channels differ.
    """
    colours = values[..., : (values.shape[-1] - 1) // 2 * 2 + 1]
    if not (colours == colours[..., :1]).all():
        raise AuditError(f"Image {name} is a colour picture. Expected grey values. Convert it.")
    return colours[..., 0]


def refuse_too_large(name: str, shape: tuple[int, ...]) -> None:
    """Make sure of an image's size before it is decoded.

    Args:
        name: what to call the image in messages.
        shape: what the file declares.

    Raises:
        AuditError: it has more than `LARGEST_VOXEL_COUNT` values.
    """
    # Python's integers: a declared shape may overflow any other.
    count = 1
    for length in shape:
        count *= int(length)
    if count > LARGEST_VOXEL_COUNT:
        raise AuditError(
            f"Image {name} has shape {tuple(map(int, shape))}. Expected at most "
            f"{LARGEST_VOXEL_COUNT} values. Split it."
        )


def unreadable(name: str, error: Exception) -> AuditError:
    """Give the error for an image that no decoder could read; nothing of its content is told."""
    return AuditError(
        f"Image {name} cannot be read ({type(error).__name__}). Expected a whole file of its "
        "format. Write it again or remove it."
    )


def _is_colour(shape: tuple[int, ...]) -> bool:
    return (
        len(shape) == 3
        and shape[2] in {3, 4}
        and min(shape[:2]) >= _FEWEST_ROWS_OF_A_COLOUR_PICTURE
    )
