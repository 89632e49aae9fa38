"""DICOM files: which belong together, and the values they hold.

Nothing of a header leaves this module but numbers and the keys by which
files are gathered, which are never shown.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medsynth.errors import ImageError
from medsynth.imaging.dicom_guard import GuardLimits, check_file
from medsynth.imaging.element_walk import WalkLimits
from medsynth.imaging.file_reason import FileReason
from medsynth.imaging.pixel_guard import PixelLimits, check_pixels
from privacy_audit.images.decoding import DECODING_ERRORS, LONGEST_SIDE, Stack
from privacy_audit.images.dicom_frames import (
    DicomFrames,
    join_frames,
    place_along_patient,
    read_frames,
)

_LARGEST_FILE_BYTES = 2**31
_SUFFIXES = (".dcm", ".dicom", ".ima")
# Groups 0002 and 0008, with which a file without preamble begins.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
_LIMITS = GuardLimits(
    file_bytes=_LARGEST_FILE_BYTES,
    walk=WalkLimits(matrix=LONGEST_SIDE, decoded_bytes=_LARGEST_FILE_BYTES),
)
_PIXEL_LIMITS = PixelLimits(matrix=LONGEST_SIDE, decoded_bytes=_LARGEST_FILE_BYTES)
# Objects with rows and columns that are no scan of a patient.
_MODALITIES_OF_LABELS = frozenset({"SEG", "RTDOSE"})
_HEADER_TAGS = [
    "Columns",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "InstanceNumber",
    "IssuerOfPatientID",
    "Modality",
    "PatientID",
    "Rows",
    "SeriesInstanceUID",
    "SpecificCharacterSet",
]


@dataclasses.dataclass(frozen=True)
class DicomSeries:
    """Files of one DICOM series.

    Attributes:
        paths: the files, sorted along the patient.
        patient_key: Patient ID and its issuer, to compare and never to show; empty
            where the header names no patient.
    """

    paths: tuple[Path, ...]
    patient_key: tuple[str, ...] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class _Header:
    path: Path
    patient_key: tuple[str, ...] = dataclasses.field(repr=False)
    series_key: str = dataclasses.field(repr=False)
    place: float
    is_scan: bool


def is_dicom(path: Path) -> bool:
    """Whether the file begins as a DICOM file or is named as one."""
    with path.open("rb") as stream:
        beginning = stream.read(132)
    is_marked = beginning[128:] == b"DICM" or beginning[:2] in _FIRST_GROUPS
    return is_marked or path.suffix.lower() in _SUFFIXES


def group_dicom_series(paths: Sequence[Path]) -> tuple[list[DicomSeries], int]:
    """Gather DICOM files by series, each sorted along the patient.

    A file that cannot be read, or names no series, is a series of its own:
    what is wrong with it is told when its pixels are read.

    Args:
        paths: DICOM files.

    Returns:
        The series, by their first file's path, and how many files were passed over
        because they hold no scan: segmentations, reports, plans, directories.
    """
    headers = [_read_header(path) for path in paths]
    series: dict[tuple[tuple[str, ...], str], list[_Header]] = {}
    for header in headers:
        if header.is_scan:
            series.setdefault((header.patient_key, header.series_key), []).append(header)
    grouped = [
        DicomSeries(
            tuple(header.path for header in sorted(members, key=_by_place)), members[0].patient_key
        )
        for members in series.values()
    ]
    grouped.sort(key=lambda one: min(one.paths))
    return grouped, sum(not header.is_scan for header in headers)


def read_dicom_stack(name: str, paths: Sequence[Path]) -> Stack:
    """Read the values of a series, each file with one frame or several.

    Args:
        name: what to call the image in messages.
        paths: its files.

    Raises:
        AuditError: frames differ in size, hold colours or are too many.
        ImageError: a file's structure or codestream is beyond the limits.
    """
    files: list[DicomFrames] = []
    frames = 0
    for path in paths:
        _require_bounded(path)
        dataset = pydicom.dcmread(path, force=True)
        _complete_syntax(dataset)
        check_pixels(dataset, _PIXEL_LIMITS)
        files.append(read_frames(name, dataset, frames_before=frames))
        frames += len(files[-1].values)
    return join_frames(name, files)


def _read_header(path: Path) -> _Header:
    try:
        _require_bounded(path)
        # Warnings of the parser quote the values that they are about.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=_HEADER_TAGS
            )
            return _Header(
                path=path,
                patient_key=_patient_key(dataset),
                series_key=str(dataset.get("SeriesInstanceUID") or path),
                place=_place(dataset),
                is_scan=_is_scan(dataset),
            )
    except _DirectoryError:
        return _Header(path, (), str(path), 0.0, is_scan=False)
    except DECODING_ERRORS:
        return _Header(path, (), str(path), 0.0, is_scan=True)


class _DirectoryError(Exception):
    """A DICOMDIR: a table of files."""


def _require_bounded(path: Path) -> None:
    """Refuse a file whose structure a library must not be handed."""
    reason = check_file(path.resolve(), _LIMITS).reason
    if reason is FileReason.MEDIA_DIRECTORY:
        raise _DirectoryError
    if reason is not FileReason.READABLE:
        raise ImageError(reason.value)


def _complete_syntax(dataset: Any) -> None:
    """Name the transfer syntax where a file without meta information does not."""
    if "TransferSyntaxUID" in dataset.file_meta:
        return
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    else:
        syntax = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = syntax


def _patient_key(dataset: Any) -> tuple[str, ...]:
    patient = str(dataset.get("PatientID") or "").strip()
    return (patient, str(dataset.get("IssuerOfPatientID") or "").strip()) if patient else ()


def _place(dataset: Any) -> float:
    place = place_along_patient(
        dataset.get("ImagePositionPatient"), dataset.get("ImageOrientationPatient")
    )
    if place is not None:
        return place
    number = str(dataset.get("InstanceNumber") or "")
    return float(number) if number.isdecimal() else 0.0


def _is_scan(dataset: Any) -> bool:
    is_picture = bool(dataset.get("Rows")) and bool(dataset.get("Columns"))
    return is_picture and str(dataset.get("Modality") or "") not in _MODALITIES_OF_LABELS


def _by_place(header: _Header) -> tuple[float, Path]:
    return header.place, header.path
