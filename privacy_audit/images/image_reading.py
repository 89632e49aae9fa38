"""Pixels of one image, whatever its format.

This reading is the audit's own: it shares nothing with the programs whose
output is audited, so that it cannot repeat their mistakes. Only the look at a
file's size and structure, before any decoder sees it, is shared.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.images.array_reading import read_array, read_only_array
from privacy_audit.images.decoding import (
    DECODING_ERRORS,
    Stack,
    as_slices,
    refuse_too_large,
    unreadable,
)
from privacy_audit.images.dicom_reading import read_dicom_stack
from privacy_audit.images.picture_reading import read_picture
from privacy_audit.images.upright import turn_upright

_NIFTI_SUFFIXES = (".nii", ".nii.gz")
_ARRAY_SUFFIXES = (".npy", ".npz")
_PICTURE_SUFFIXES = (".png", ".tif", ".tiff")


@dataclasses.dataclass(frozen=True)
class Pixels:
    """The values of one image.

    Attributes:
        values: (slices, rows, columns), float32, finite and not constant; one slice for a picture.
        slice_gap_mm: distance between neighbouring slices, mm; None where the file does not say.
        row_column_mm: distance between neighbouring rows and columns, mm; likewise.
    """

    values: NDArray[np.float32]
    slice_gap_mm: float | None
    row_column_mm: tuple[float, float] | None = None


def is_array_or_picture(path: Path) -> bool:
    """Whether the name says NIfTI, npy, npz, PNG or TIFF."""
    return path.name.lower().endswith((*_NIFTI_SUFFIXES, *_ARRAY_SUFFIXES, *_PICTURE_SUFFIXES))


def stem_of(path: Path) -> str:
    """Give the file's name without its extension; `.nii.gz` counts as one."""
    return path.name[: -len(".nii.gz")] if path.name.lower().endswith(".nii.gz") else path.stem


def read_pixels(name: str, paths: Sequence[Path]) -> Pixels:
    """Read one image.

    Args:
        name: what to call the image in messages.
        paths: its file, or the files of a DICOM series in order.

    Returns:
        New arrays. NIfTI volumes, and DICOM volumes that say how they lie, are
        turned alike, see `turn_upright`: as a rule rows run to the back, columns
        to the patient's left and slices to the head.

    Raises:
        AuditError: a file cannot be read, or the values are not finite, constant or
            not those of one grey image, or too many.
    """
    try:
        stack = _decode(name, paths)
    except DECODING_ERRORS as error:
        raise unreadable(name, error) from None
    if not np.isfinite(stack.values).all():
        raise AuditError(
            f"Image {name} holds values that are not finite. Expected numbers everywhere. "
            "Write it again without NaN."
        )
    if stack.values.min() == stack.values.max():
        raise AuditError(
            f"Image {name} is constant. Expected a picture of a body. Remove it from the folder."
        )
    return Pixels(stack.values, stack.slice_gap_mm, stack.row_column_mm)


def _decode(name: str, paths: Sequence[Path]) -> Stack:
    first = paths[0]
    lower = first.name.lower()
    if lower.endswith(_NIFTI_SUFFIXES):
        return _read_nifti(name, first)
    if lower.endswith(".npy"):
        return Stack(as_slices(name, read_array(name, first)), None)
    if lower.endswith(".npz"):
        return Stack(as_slices(name, read_only_array(name, first)), None)
    if lower.endswith(_PICTURE_SUFFIXES):
        return Stack(as_slices(name, read_picture(name, first)), None)
    return read_dicom_stack(name, paths)


def _read_nifti(name: str, path: Path) -> Stack:
    image: Any = nibabel.load(path)
    refuse_too_large(name, image.shape)
    stored = image.get_data_dtype()
    if stored.kind not in "biuf":
        raise AuditError(
            f"Image {name} holds values of type {stored}. Expected real numbers. Convert it."
        )
    with np.errstate(over="ignore"):
        values = np.asarray(image.dataobj, dtype=np.float32)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 2:
        values = values[:, :, np.newaxis]
    if values.ndim != 3 or 0 in values.shape:
        raise AuditError(
            f"Image {name} has shape {values.shape}. Expected one volume or one slice. Split it."
        )
    # NIfTI's world runs to the right, front and head.
    to_head_back_left = np.array([[0.0, 0, 1], [0, -1, 0], [-1, 0, 0]])
    return turn_upright(values, to_head_back_left @ image.affine[:3, :3])
