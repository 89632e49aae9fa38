"""What real images hold that must not be found again: identifiers, names, dates, grids."""

import dataclasses
import gzip
import re
import struct
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom

from medsynth.imaging.dicom_guard import GuardLimits, check_file
from medsynth.imaging.file_reason import FileReason
from privacy_audit.artefacts.dicom_artefacts import READING_ERRORS, grids_of_dataset
from privacy_audit.artefacts.findings import Grid
from privacy_audit.artefacts.nifti_artefacts import grids_of_header, is_nifti_header
from privacy_audit.artefacts.text_artefacts import is_generated_uid
from privacy_audit.artefacts.wording import unknown_words

_STANDARD_ROOT = "1.2.840.10008."
_NAMES = ("PatientName", "OtherPatientNames", "PatientBirthName", "ReferringPhysicianName")
_NAMES_OF_STAFF = ("OperatorsName", "PerformingPhysicianName", "PhysiciansOfRecord")
_NUMBERS = ("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "DeviceSerialNumber")
_PLACES = ("InstitutionName", "InstitutionAddress", "StationName", "PatientAddress")
_DATES = ("PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_SHORTEST_NAME = 4
_SHORTEST_NUMBER = 5
_SHORTEST_FILE_NAME = 6
_EMPTY_DATES = frozenset({"19000101", "00010101"})


@dataclasses.dataclass(frozen=True)
class RealTraces:
    """What was read from real images.

    Attributes:
        uids: unique identifiers other than the standard's own.
        texts: names, numbers and dates, sorted.
        grids: the geometry of the images; the slices of a series are apart.
        unread: how many files could not be read.
    """

    uids: frozenset[str] = dataclasses.field(repr=False)
    texts: tuple[str, ...] = dataclasses.field(repr=False)
    grids: tuple[Grid, ...]
    unread: int


def read_real_traces(folders: Iterable[Path]) -> RealTraces:
    """Read headers and file names of real images; pixels are left alone.

    Args:
        folders: folders with DICOM, NIfTI or other images, searched to the bottom.
    """
    uids: set[str] = set()
    texts: set[str] = set()
    grids: list[Grid] = []
    unread = 0
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            texts.update(_texts_of_name(path.relative_to(folder)))
            try:
                grids += _read_file(path, uids, texts)
            except (*READING_ERRORS, struct.error):
                unread += 1
    return RealTraces(frozenset(uids), tuple(sorted(texts)), tuple(grids), unread)


def _read_file(path: Path, uids: set[str], texts: set[str]) -> tuple[Grid, ...]:
    with path.open("rb") as stream:
        beginning = stream.read(544)
    if beginning[:2] == b"\x1f\x8b":
        with gzip.open(path) as unpacked:
            beginning = unpacked.read(544)
    if is_nifti_header(beginning):
        return grids_of_header(path.as_posix(), beginning)
    if beginning[128:132] != b"DICM" and path.suffix.lower() != ".dcm":
        return ()
    if check_file(path, GuardLimits()).reason is not FileReason.READABLE:
        raise ValueError("The file's structure is not bounded.")
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        uids.update(_uids(dataset))
        texts.update(_texts_of_header(dataset))
        return grids_of_dataset(path.as_posix(), dataset)


def _uids(dataset: Any) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR == "UI":
            for uid in _values(element.value):
                if uid and not str(uid).startswith(_STANDARD_ROOT):
                    yield str(uid)


def _texts_of_header(dataset: Any) -> Iterator[str]:
    for name in _texts_at(dataset, (*_NAMES, *_NAMES_OF_STAFF)):
        yield from _texts_of_person(name.split("=")[0].strip("^ "))
    for number in _texts_at(dataset, _NUMBERS):
        if len(number) >= _SHORTEST_NUMBER and any(letter.isdigit() for letter in number):
            yield number
    for place in _texts_at(dataset, _PLACES):
        if len(place) >= _SHORTEST_NUMBER and unknown_words(place):
            yield place
    for day in _texts_at(dataset, _DATES):
        if len(day) == 8 and day.isdigit() and day not in _EMPTY_DATES:
            yield day


def _texts_at(dataset: Any, keywords: tuple[str, ...]) -> Iterator[str]:
    for keyword in keywords:
        yield from (str(value).strip() for value in _values(dataset.get(keyword)))


def _texts_of_person(name: str) -> Iterator[str]:
    """Give a whole name and, where it has parts, the family's alone."""
    parts = [part for part in re.split(r"[\^ ,]+", name) if part]
    if not unknown_words(name) or len(name) < _SHORTEST_NAME:
        return
    yield name
    if len(parts) > 1 and len(parts[0]) >= _SHORTEST_NAME and parts[0].isalpha():
        yield parts[0]


def _texts_of_name(path: Path) -> Iterator[str]:
    """Give the parts of a path that are more than known words with a short number."""
    for part in path.parts:
        stem = part.split(".")[0]
        has_digit = any(letter.isdigit() for letter in stem)
        is_uid = is_generated_uid(part.rsplit(".", 1)[0]) or stem.isdigit()
        if len(stem) >= _SHORTEST_FILE_NAME and has_digit and unknown_words(stem) and not is_uid:
            yield stem


def _values(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else (value,)
