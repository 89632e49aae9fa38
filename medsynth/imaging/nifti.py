"""Reading and writing NIfTI files, whose index order is the reverse of ours."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from medsynth.errors import ImageError
from medsynth.imaging.volume import Volume

# A gzip file names no length that can be trusted, so the header's is checked first.
LARGEST_VOXEL_COUNT = 2**31


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
        return Volume(values.astype(np.int16), affine)
    return Volume(values.astype(np.float32), affine)


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
    _write(path, np.rint(volume.voxels_hu).astype(np.int16), volume.affine)


def write_labels(path: Path, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    """Write a label map as uint8.

    Args:
        path: where to write, ending in `.nii` or `.nii.gz`.
        labels: (slices, rows, columns), uint8.
        affine: (4, 4), as in `Volume`.
    """
    _write(path, labels, affine)


def _read(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    try:
        image = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Pair):
            raise ImageFileError("not NIfTI")
        if len(image.shape) != 3 or int(np.prod(image.shape, dtype=np.int64)) > LARGEST_VOXEL_COUNT:
            raise ImageError(
                f"File {path.name} has shape {image.shape}. Expected three dimensions and at most "
                f"{LARGEST_VOXEL_COUNT} voxels. Split or convert it."
            )
        values = np.asanyarray(image.dataobj)
    except FileNotFoundError:
        raise ImageError(
            f"File {path.name} is not there. Expected a NIfTI file. Check the path."
        ) from None
    except (ImageFileError, gzip.BadGzipFile, EOFError, ValueError, OSError) as error:
        raise ImageError(
            f"File {path.name} cannot be read as NIfTI ({type(error).__name__}). Expected a whole "
            ".nii or .nii.gz file. Write it again."
        ) from None
    affine = np.asarray(image.affine, dtype=np.float64)
    # NIfTI indices are (column, row, slice).
    return np.ascontiguousarray(values.transpose(2, 1, 0)), affine


def _write(path: Path, values: NDArray[Any], affine: NDArray[np.float64]) -> None:
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
