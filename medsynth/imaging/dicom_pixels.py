"""The values stored in a CT file, decoded whatever their encoding."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels import pixel_array

from medsynth.errors import ImageError
from medsynth.imaging.dicom_values import whole_number
from medsynth.imaging.pixel_guard import PixelLimits, check_pixels

_LITTLE_ENDIAN = frozenset(
    {
        pydicom.uid.ImplicitVRLittleEndian,
        pydicom.uid.ExplicitVRLittleEndian,
        pydicom.uid.DeflatedExplicitVRLittleEndian,
    }
)
_TAGS_READ = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
)


@dataclasses.dataclass(frozen=True)
class _Native:
    """The pixels of a file that holds them as plain 16-bit numbers.

    Attributes:
        values: (frames, rows, columns), a view of the file's bytes.
        unused_bits: number of high bits that hold something else.
    """

    values: NDArray[np.integer]
    unused_bits: int


def read_stored(path: Path, frames: Sequence[int]) -> Iterator[NDArray[np.integer]]:
    """Decode images of one file, one after the other.

    Args:
        path: a DICOM file.
        frames: which images, counted from 0.

    Yields:
        (rows, columns), whole numbers as stored, bits beyond Bits Stored cleared.

    Raises:
        ImageError: the file holds no such image, or decoding it would not be bounded.
        Exception: whatever pydicom and the decoders raise on a damaged file.
    """
    # Only these few elements are parsed: an enhanced file's groups are long.
    dataset = pydicom.dcmread(path, force=True, specific_tags=list(_TAGS_READ))
    _name_transfer_syntax(dataset)
    check_pixels(dataset, PixelLimits())
    count = whole_number(dataset, "NumberOfFrames") or 1
    if not all(0 <= frame < count for frame in frames):
        raise ImageError(
            f"A file holds {count} images. Expected image {max(frames)}, counted from 0. "
            "Copy the series again."
        )
    native = _native(dataset, count)
    for frame in frames:
        if native is None:
            yield np.asarray(pixel_array(dataset, index=frame))
        else:
            yield _without_unused_bits(native.values[frame], native.unused_bits)


def _name_transfer_syntax(dataset: Any) -> None:
    """Name the transfer syntax of a file without meta information."""
    if "TransferSyntaxUID" in dataset.file_meta:
        return
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        syntax = pydicom.uid.ImplicitVRLittleEndian
    elif is_little:
        syntax = pydicom.uid.ExplicitVRLittleEndian
    else:
        syntax = pydicom.uid.ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = syntax


def _native(dataset: Any, count: int) -> _Native | None:
    """Give the pixels of a plain 16-bit file without a decoder; None for any other file."""
    syntax = dataset.file_meta.TransferSyntaxUID
    stored_bits = whole_number(dataset, "BitsStored") or 0
    is_plain = (
        syntax in _LITTLE_ENDIAN
        and whole_number(dataset, "BitsAllocated") == 16
        and 1 <= stored_bits <= 16
        and whole_number(dataset, "HighBit") == stored_bits - 1
        and whole_number(dataset, "SamplesPerPixel") in (None, 1)
    )
    if not is_plain:
        return None
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    kind = "<i2" if whole_number(dataset, "PixelRepresentation") == 1 else "<u2"
    # Too few bytes raise here; a byte or more of filling at the end is allowed.
    values = np.frombuffer(dataset.PixelData, dtype=kind, count=count * rows * columns)
    return _Native(values.reshape(count, rows, columns), 16 - stored_bits)


def _without_unused_bits(values: NDArray[np.integer], unused_bits: int) -> NDArray[np.integer]:
    if unused_bits == 0:
        return values
    # Up and down again: the sign, where there is one, comes back with the shift.
    shifted: NDArray[np.integer] = (values << unused_bits) >> unused_bits
    return shifted
