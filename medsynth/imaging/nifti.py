"""Reading and writing NIfTI files, whose index order is the reverse of ours.

Of a file no more is read, and of a compressed one no more inflated, than the
values that its header declares; and that is checked before.
"""

import contextlib
import dataclasses
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from medsynth.errors import ImageError
from medsynth.imaging.volume import Volume

# A gzip file names no length that can be trusted, so the header's is checked first.
LARGEST_VOXEL_COUNT = 2**30
LARGEST_VALUE_BYTES = 2**31
_LARGEST_OFFSET = 2**20
_FIRST_HEADER_BYTES, _SECOND_HEADER_BYTES = 348, 540
_PIECE_BYTES = 2**20


@dataclasses.dataclass(frozen=True)
class _Layout:
    """What a header says of its values.

    Attributes:
        shape: columns, rows, slices.
        dtype: of a stored value, with its byte order.
        offset: where the values begin.
        slope: factor of the stored values.
        intercept: added to them.
        affine: (4, 4), as in `Volume`.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]

    @property
    def slice_bytes(self) -> int:
        """Bytes of one slice as stored."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize


def read_volume(path: Path) -> Volume:
    """Read a CT volume.

    Args:
        path: `.nii` or `.nii.gz`, three-dimensional, values in HU.

    Returns:
        A volume on the file's own grid; int16 when the file holds integers, else float32.

    Raises:
        ImageError: the file is missing, is no NIfTI file, or is not three-dimensional.
    """
    values, affine = _read(path)
    if np.issubdtype(values.dtype, np.integer):
        return Volume(values.astype(np.int16, copy=False), affine)
    return Volume(values.astype(np.float32, copy=False), affine)


def read_middle_slice(path: Path) -> tuple[NDArray[Any], tuple[float, float, float]]:
    """Read the slice in the middle of a volume; no more of the file is unpacked than comes before.

    Args:
        path: as for `read_volume`.

    Returns:
        (rows, columns), values in HU, and the spacing of slices, rows and columns in mm.

    Raises:
        ImageError: as `read_volume`.
    """
    with _readable(path) as stream:
        layout = _read_layout(path, stream)
        columns, rows, slices = layout.shape
        _skip(stream, layout.offset + slices // 2 * layout.slice_bytes - stream.tell())
        values = _read_values(stream, layout, rows * columns)
    spacing_mm = np.linalg.norm(layout.affine[:3, :3], axis=0)
    column_mm, row_mm, slice_mm = (float(value) for value in spacing_mm)
    return values.reshape(rows, columns), (slice_mm, row_mm, column_mm)


def read_labels(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Read a label map.

    Args:
        path: `.nii` or `.nii.gz`, three-dimensional, whole values from 0 to 255.

    Returns:
        (slices, rows, columns) uint8, and the (4, 4) affine as in `Volume`.

    Raises:
        ImageError: the file cannot be read or holds values that are no labels.
    """
    values, affine = _read(path)
    labels = values.astype(np.uint8)
    if not np.array_equal(labels, values):
        raise ImageError(
            f"Label file {path.name} holds values other than 0 to 255. Expected whole numbers "
            "that labels.json names. Write the labels again."
        )
    return labels, affine


def write_volume(path: Path, volume: Volume) -> None:
    """Write a CT volume as int16 HU, values rounded to the nearest unit.

    The header carries the grid and nothing else: no description, no name, no date.

    Args:
        path: where to write, ending in `.nii` or `.nii.gz`.
        volume: the volume; values must fit int16.
    """
    voxels_hu: NDArray[Any] = volume.voxels_hu
    if not np.issubdtype(voxels_hu.dtype, np.integer):
        voxels_hu = np.rint(voxels_hu)
    # A volume of a thousand slices is not copied where it is int16 already.
    _write(path, voxels_hu.astype(np.int16, copy=False), volume.affine)


def write_labels(path: Path, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    """Write a label map as uint8.

    Args:
        path: where to write, ending in `.nii` or `.nii.gz`.
        labels: (slices, rows, columns), uint8.
        affine: (4, 4), as in `Volume`.
    """
    _write(path, labels, affine)


def _read(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    with _readable(path) as stream:
        layout = _read_layout(path, stream)
        columns, rows, slices = layout.shape
        _skip(stream, layout.offset - stream.tell())
        values = _read_values(stream, layout, columns * rows * slices)
    # NIfTI indices are (column, row, slice), the first of them the fastest.
    return values.reshape(slices, rows, columns), layout.affine


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[BinaryIO]:
    """Open a file, plain or compressed; whatever its reading raises becomes an `ImageError`."""
    try:
        with path.open("rb") as file:
            is_compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.GzipFile(fileobj=file) if is_compressed else file as stream:
                yield stream  # type: ignore[misc]
    except FileNotFoundError:
        raise ImageError(
            f"File {path.name} is not there. Expected a NIfTI file. Check the path."
        ) from None
    except (ImageFileError, HeaderDataError, EOFError, ValueError, OSError, zlib.error) as error:
        raise ImageError(
            f"File {path.name} cannot be read as NIfTI ({type(error).__name__}). Expected a whole "
            ".nii or .nii.gz file. Write it again."
        ) from None


def _read_layout(path: Path, stream: BinaryIO) -> _Layout:
    """Read the header; `ImageError` where it declares more than is read here."""
    start = _exactly(stream, _FIRST_HEADER_BYTES)
    kind = nibabel.Nifti1Header
    if 540 in (int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")):
        start += _exactly(stream, _SECOND_HEADER_BYTES - _FIRST_HEADER_BYTES)
        kind = nibabel.Nifti2Header
    # Extensions name their own lengths, which nothing bounds; without them the header ends here.
    header = kind.from_fileobj(io.BytesIO(start), check=True)
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    count = int(np.prod(shape, dtype=object))
    if len(shape) != 3 or not 0 < count <= LARGEST_VOXEL_COUNT:
        raise ImageError(
            f"File {path.name} has shape {shape}. Expected three dimensions and at most "
            f"{LARGEST_VOXEL_COUNT} voxels. Split or convert it."
        )
    if dtype.hasobject or dtype.kind not in "iuf" or count * dtype.itemsize > LARGEST_VALUE_BYTES:
        raise ImageError(
            f"File {path.name} has {count} values of type {dtype}. Expected numbers of at most "
            f"{LARGEST_VALUE_BYTES} bytes in all. Split or convert it."
        )
    offset = header.get_data_offset()
    if not len(start) <= offset <= _LARGEST_OFFSET:
        raise ImageError(
            f"File {path.name} has its values at byte {offset}. Expected them within the first "
            f"{_LARGEST_OFFSET} bytes of the same file. Convert it."
        )
    slope, intercept = header.get_slope_inter()
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    return _Layout(tuple(shape), dtype, offset, slope or 1.0, intercept or 0.0, affine)


def _read_values(stream: BinaryIO, layout: _Layout, count: int) -> NDArray[Any]:
    stored = np.empty(count, dtype=layout.dtype)
    content = stored.view(np.uint8)
    filled = 0
    while filled < len(content):
        read = stream.readinto(content[filled : filled + _PIECE_BYTES].data)  # type: ignore[attr-defined]
        if not read:
            raise EOFError
        filled += read
    native = stored.astype(layout.dtype.newbyteorder("="), copy=False)
    if (layout.slope, layout.intercept) == (1.0, 0.0):
        return native
    return native * np.float64(layout.slope) + np.float64(layout.intercept)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        count -= len(_exactly(stream, min(count, _PIECE_BYTES)))


def _write(path: Path, values: NDArray[Any], affine: NDArray[np.float64]) -> None:
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
