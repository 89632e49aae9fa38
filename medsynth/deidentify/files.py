"""De-identification of DICOM files: read, judge, treat, write.

The preamble is zeroed and the file meta information made new. A name is made
of pseudonyms alone. Pixel data is written as it was read, byte for byte.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medsynth.deidentify.action_log import ActionCounts, ActionLog
from medsynth.deidentify.engine import DeidentifiedObject, deidentify_dataset
from medsynth.deidentify.policy import Policy
from medsynth.deidentify.pseudonyms import keyed_uid
from medsynth.deidentify.screening import ObjectReason, quarantine_reason
from medsynth.imaging.dicom_guard import GuardLimits, check_file
from medsynth.imaging.dicom_header import silent_pydicom
from medsynth.imaging.file_reason import FileReason

# A slice of 4096 x 4096 pixels of two bytes takes 32 MiB.
_LIMITS = GuardLimits(file_bytes=2**28)
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows")


@dataclasses.dataclass(frozen=True)
class FileTask:
    """One file to de-identify.

    Attributes:
        source: the file as it is; links must have been resolved.
        target: where the result is written, in a folder that exists.
    """

    source: Path = dataclasses.field(repr=False)
    target: Path = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class BatchOutcome:
    """What became of several files.

    Attributes:
        names: for each file in order, the relative path its result should get,
            made of pseudonyms alone; None where nothing was written.
        reasons: reason code -> number of files.
        counts: what was done to the objects written.
        faces: how many of those may show a face.
    """

    names: tuple[str | None, ...]
    reasons: Mapping[str, int]
    counts: ActionCounts
    faces: int


def deidentify_files(tasks: Sequence[FileTask], policy: Policy, secret: str) -> BatchOutcome:
    """De-identify several files; one that cannot be is counted and costs no other.

    Args:
        tasks: the files.
        policy: what is done with each attribute.
        secret: the project's secret.
    """
    names: list[str | None] = []
    reasons: collections.Counter[str] = collections.Counter()
    log, faces = ActionLog(), 0
    for task in tasks:
        source, reason = read_object(task.source)
        result = None if source is None else _written(source, task.target, policy, secret)
        name = None
        if source is not None and result is not None:
            name = object_name(source, result.patient, secret)
            log.add_counts(result.counts)
            faces += result.may_show_a_face
        elif source is not None:
            reason = ObjectReason.NOT_WRITABLE.value
        names.append(name)
        reasons[reason] += 1
    return BatchOutcome(tuple(names), reasons, log.counts(), faces)


def read_object(path: Path) -> tuple[Dataset | None, str]:
    """Read a file if it is a CT slice that can be de-identified.

    Args:
        path: any file; links must have been resolved.

    Returns:
        The object and "written", or None and the code of the reason why not.
    """
    try:
        verdict = check_file(path, _LIMITS).reason
        if verdict is not FileReason.READABLE:
            return None, verdict.value
        with silent_pydicom():
            source = pydicom.dcmread(path, force=True)
            reason = quarantine_reason(source, _transfer_syntax(source))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises a dozen kinds on damaged files
        return None, FileReason.UNREADABLE.value
    if reason is not None:
        return None, reason.value
    return source, ObjectReason.WRITTEN.value


def write_object(dataset: Dataset, path: Path, transfer_syntax: UID) -> None:
    """Write an object with new file meta information and an empty preamble.

    Args:
        dataset: the de-identified object.
        path: the file to write; it must not exist.
        transfer_syntax: how its pixel data is encoded.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = meta
    with silent_pydicom():
        dataset.save_as(path, enforce_file_format=True, overwrite=False)


def object_name(source: Dataset, patient: str, secret: str) -> str:
    """Give the relative path that the result of an object gets.

    Args:
        source: the object as it was read.
        patient: the patient's pseudonym.
        secret: the project's secret.

    Returns:
        patient/study/series/object.dcm, of pseudonyms alone: also where the
        object keeps its UIDs, its name does not show them.
    """
    uids = (source.StudyInstanceUID, source.SeriesInstanceUID, source.SOPInstanceUID)
    study, series, instance = (keyed_uid(secret, str(uid).strip(" \x00")) for uid in uids)
    return f"{patient}/{study}/{series}/{instance}.dcm"


def _written(
    source: Dataset, target: Path, policy: Policy, secret: str
) -> DeidentifiedObject | None:
    try:
        result = deidentify_dataset(source, policy, secret)
        if not all(result.dataset.get(keyword) for keyword in _NEEDED):
            # Of another VR than the standard's, it could not stay.
            return None
        write_object(result.dataset, target, _transfer_syntax(source))
    except (OSError, MemoryError):
        # A full disk or too little memory is not the file's fault.
        raise
    except Exception:  # noqa: BLE001 - what a library cannot encode costs this file alone
        target.unlink(missing_ok=True)
        return None
    return result


def _transfer_syntax(source: Dataset) -> UID:
    said = source.file_meta.get("TransferSyntaxUID")
    if said:
        return UID(said)
    is_implicit, is_little_endian = source.original_encoding
    if is_implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if is_little_endian else ExplicitVRBigEndian
