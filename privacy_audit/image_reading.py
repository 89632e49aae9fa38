"""Pixels of one image, whatever its format.

This reading is the audit's own: it shares nothing with the programs whose
output is audited, so that it cannot repeat their mistakes.
"""

import dataclasses
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from pydicom.errors import InvalidDicomError

from medsynth.errors import AuditError

_NIFTI_SUFFIXES = (".nii", ".nii.gz")
_ARRAY_SUFFIXES = (".npy", ".npz")
_PICTURE_SUFFIXES = (".png", ".tif", ".tiff")
_LARGEST_VOXEL_COUNT = 2**30
# What the decoders raise on broken files; their texts may quote a header, so only the kind is told.
_DECODING_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    ImageFileError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclasses.dataclass(frozen=True)
class Pixels:
    """The values of one image.

    Attributes:
        values: (slices, rows, columns), float32, finite and not constant; one slice for a picture.
        slice_gap_mm: distance between neighbouring slices, mm; None where the file does not say.
    """

    values: NDArray[np.float32]
    slice_gap_mm: float | None


def is_array_or_picture(path: Path) -> bool:
    """Whether the name says NIfTI, npy, npz, PNG or TIFF."""
    return path.name.lower().endswith((*_NIFTI_SUFFIXES, *_ARRAY_SUFFIXES, *_PICTURE_SUFFIXES))


def is_dicom(path: Path) -> bool:
    """Whether the file begins as a DICOM file or is named `.dcm`."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM" or path.suffix.lower() == ".dcm"


def stem_of(path: Path) -> str:
    """Give the file's name without its extension; `.nii.gz` counts as one."""
    return path.name[: -len(".nii.gz")] if path.name.lower().endswith(".nii.gz") else path.stem


def group_dicom_series(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Gather DICOM files by series, each sorted along the patient.

    Args:
        paths: DICOM files.

    Raises:
        AuditError: a file cannot be read as DICOM.
    """
    series: dict[str, list[tuple[float, Path]]] = {}
    for path in paths:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        except _DECODING_ERRORS as error:
            raise _unreadable(path.name, error) from None
        series_uid = str(header.get("SeriesInstanceUID", ""))
        series.setdefault(series_uid, []).append((_place_along_patient(header), path))
    return [tuple(path for _, path in sorted(files)) for _, files in sorted(series.items())]


def read_pixels(name: str, paths: Sequence[Path]) -> Pixels:
    """Read one image.

    Args:
        name: what to call the image in messages.
        paths: its file, or the files of a DICOM series in order.

    Returns:
        New arrays. NIfTI volumes are turned so that rows run to the back,
        columns to the patient's left and slices to the head.

    Raises:
        AuditError: a file cannot be read, or the values are not finite, constant or
            not those of one grey image.
    """
    try:
        pixels = _decode(paths)
    except _DECODING_ERRORS as error:
        raise _unreadable(name, error) from None
    if not np.isfinite(pixels.values).all():
        raise AuditError(
            f"Image {name} holds values that are not finite. Expected numbers everywhere. "
            "Write it again without NaN."
        )
    if pixels.values.min() == pixels.values.max():
        raise AuditError(
            f"Image {name} is constant. Expected a picture of a body. Remove it from the folder."
        )
    return pixels


def _decode(paths: Sequence[Path]) -> Pixels:
    first = paths[0]
    lower = first.name.lower()
    if lower.endswith(_NIFTI_SUFFIXES):
        return _read_nifti(first)
    if lower.endswith(_ARRAY_SUFFIXES):
        return Pixels(_as_slices(_read_array(first), first.name), None)
    if lower.endswith(_PICTURE_SUFFIXES):
        return Pixels(_as_slices(_read_picture(first), first.name), None)
    return _read_dicom(paths)


def _read_nifti(path: Path) -> Pixels:
    image: Any = nibabel.load(path)
    if int(np.prod(image.shape, dtype=np.int64)) > _LARGEST_VOXEL_COUNT:
        raise AuditError(
            f"File {path.name} has shape {image.shape}. Expected at most {_LARGEST_VOXEL_COUNT} "
            "voxels. Split it."
        )
    values = np.asarray(image.dataobj, dtype=np.float32)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 2:
        values = values[:, :, np.newaxis]
    if values.ndim != 3:
        raise _wrong_shape(path.name, values.shape)
    turns = nibabel.orientations.io_orientation(image.affine)
    gap_mm = float(np.linalg.norm(image.affine[:3, int(np.argmax(turns[:, 0] == 2))]))
    canonical = nibabel.orientations.apply_orientation(values, turns)
    # From (right, front, head) to slices, rows to the back, columns to the left.
    upright = canonical.transpose(2, 1, 0)[:, ::-1, ::-1]
    return Pixels(np.ascontiguousarray(upright, dtype=np.float32), gap_mm if gap_mm > 0 else None)


def _read_array(path: Path) -> NDArray[Any]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        names = loaded.files
        if len(names) != 1:
            raise AuditError(
                f"File {path.name} holds {len(names)} arrays. Expected one. Write one image a file."
            )
        return np.asarray(loaded[names[0]])


def _read_picture(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        pages = [_grey_values(page, path.name) for page in ImageSequence.Iterator(picture)]
    if len({page.shape for page in pages}) != 1:
        raise AuditError(
            f"File {path.name} has pages of different sizes. Expected one size. Split it."
        )
    return np.stack(pages)


def _grey_values(page: Image.Image, name: str) -> NDArray[Any]:
    values = np.asarray(page.convert("RGB") if page.mode == "P" else page)
    if values.ndim == 2:
        return values
    # With two or four channels, the last is transparency.
    colours = values[..., : (values.shape[-1] - 1) // 2 * 2 + 1]
    if not (colours == colours[..., :1]).all():
        raise AuditError(f"File {name} is a colour picture. Expected grey values. Convert it.")
    return colours[..., 0]


def _read_dicom(paths: Sequence[Path]) -> Pixels:
    slices = []
    places = []
    for path in paths:
        dataset = pydicom.dcmread(path, force=True)
        values = np.asarray(dataset.pixel_array, dtype=np.float32)
        values = values * float(dataset.get("RescaleSlope", 1)) + float(
            dataset.get("RescaleIntercept", 0)
        )
        if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
            values = -values
        slices.append(_as_slices(values, path.name))
        places.append(_place_along_patient(dataset))
    if len({part.shape[1:] for part in slices}) != 1:
        raise AuditError(
            f"Series of file {paths[0].name} has slices of different sizes. Expected one size. "
            "Remove the odd slices."
        )
    gap_mm = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
    return Pixels(np.concatenate(slices), gap_mm if gap_mm > 0 else None)


def _place_along_patient(header: Any) -> float:
    position = header.get("ImagePositionPatient")
    orientation = header.get("ImageOrientationPatient")
    if position is None or orientation is None or len(orientation) != 6:
        return float(header.get("InstanceNumber") or 0)
    along_row, along_column = np.reshape(np.asarray(orientation, dtype=np.float64), (2, 3))
    return float(np.cross(along_row, along_column) @ np.asarray(position, dtype=np.float64))


def _as_slices(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    if values.dtype.kind not in "biuf":
        raise AuditError(
            f"File {name} holds values of type {values.dtype}. Expected real numbers. Convert it."
        )
    if values.ndim == 2:
        values = values[np.newaxis]
    if values.ndim != 3 or 0 in values.shape:
        raise _wrong_shape(name, values.shape)
    return values.astype(np.float32)


def _wrong_shape(name: str, shape: tuple[int, ...]) -> AuditError:
    return AuditError(
        f"File {name} has shape {shape}. Expected rows and columns, or slices, rows and columns. "
        "Convert it."
    )


def _unreadable(name: str, error: Exception) -> AuditError:
    return AuditError(
        f"Image {name} cannot be read ({type(error).__name__}). Expected a whole file of its "
        "format. Write it again or remove it."
    )
