"""Which images lie in a folder, and what it says of the patients they belong to."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.images.beginnings import begins_as_image
from privacy_audit.images.dicom_reading import DicomSeries, group_dicom_series, is_dicom
from privacy_audit.images.image_reading import is_array_or_picture, stem_of

_SHOWN_NAMES = 3
# Tables, notes and records that lie beside images and are none.
_COMPANION_SUFFIXES = frozenset({".csv", ".html", ".json", ".jsonl", ".md", ".toml", ".txt"})


@dataclasses.dataclass(frozen=True)
class FoundImage:
    """One picture, volume or DICOM series.

    Attributes:
        name: the path within the folder, with "/"; unique.
        patient: the patient that the folder's structure names; None where a header alone does.
        patient_key: what the DICOM header names the patient by, to compare and never to
            show; empty where there is none.
        paths: its files.
        file_names: their paths within the folder, with "/".
    """

    name: str
    patient: str | None
    patient_key: tuple[str, ...] = dataclasses.field(repr=False)
    paths: tuple[Path, ...]
    file_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class FolderListing:
    """The images of a folder.

    Attributes:
        images: at least one, sorted by name.
        notes_on_files: sentences about files that were passed over.
        notes_on_patients: sentences about how patients were told apart.
    """

    images: tuple[FoundImage, ...]
    notes_on_files: tuple[str, ...]
    notes_on_patients: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """All sentences."""
        return (*self.notes_on_files, *self.notes_on_patients)


@dataclasses.dataclass(frozen=True)
class _Files:
    """The files of a folder.

    Attributes:
        listed: those that must be images, sorted.
        companions: those beside them that are none.
        hidden_images: those that begin like images and are hidden, or lie in a hidden folder.
    """

    listed: tuple[Path, ...]
    companions: tuple[Path, ...]
    hidden_images: tuple[Path, ...]


def list_folder(folder: Path, *, may_hide_images: bool = True) -> FolderListing:
    """List a folder's images.

    Args:
        folder: the folder.
        may_hide_images: whether hidden files that begin like images are told of and passed
            over; else they are refused.

    Raises:
        AuditError: the folder is missing or empty, files are no images or must not be
            hidden; these are counted.
    """
    files = _list_files(folder)
    if not may_hide_images:
        _refuse_hidden(folder, files.hidden_images)
    paths = files.listed
    _require_images(paths)
    found = [_image_of_file(folder, path) for path in paths if is_array_or_picture(path)]
    dicom_files = [path for path in paths if not is_array_or_picture(path)]
    series: list[tuple[str | None, DicomSeries]] = []
    passed_over = 0
    for patient, members in _by_patient(folder, dicom_files).items():
        grouped, others = group_dicom_series(members)
        passed_over += others
        series += [(patient, one) for one in grouped]
    found += _images_of_series(folder, series)
    if not found:
        raise AuditError(
            f"Folder {folder} holds no images. Expected NIfTI, DICOM, PNG, TIFF, npy or npz "
            "files. Check the path."
        )
    images = tuple(sorted(found, key=lambda image: image.name))
    return FolderListing(images, _notes_on_files(files, passed_over), _notes_on_patients(images))


def _notes_on_files(files: _Files, without_scan: int) -> tuple[str, ...]:
    counted = (
        (without_scan, "DICOM files hold no scan and were passed over."),
        (len(files.companions), "files that are no images were passed over."),
        (len(files.hidden_images), "hidden files that begin like images were passed over."),
    )
    return tuple(f"{count} {words}" for count, words in counted if count)


def _list_files(folder: Path) -> _Files:
    if not folder.is_dir():
        raise AuditError(
            f"Folder {folder} is not there. Expected a folder of images. Check the path."
        )
    try:
        found = sorted(_walk(folder, frozenset()))
    except OSError as error:
        raise AuditError(
            f"Folder {folder} cannot be listed ({type(error).__name__}). Expected to be allowed to "
            "read all of it. Check its permissions."
        ) from None
    listed, companions, hidden_images = [], [], []
    for path in found:
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        may_be_none = is_hidden or path.suffix.lower() in _COMPANION_SUFFIXES
        if may_be_none and not begins_as_image(path):
            companions.append(path)
        elif is_hidden:
            hidden_images.append(path)
        else:
            listed.append(path)
    return _Files(tuple(listed), tuple(companions), tuple(hidden_images))


def _walk(folder: Path, above: frozenset[Path]) -> list[Path]:
    """List all files below, also behind links; a link back to a folder above ends there."""
    place = folder.resolve()
    if place in above:
        return []
    files = []
    for entry in folder.iterdir():
        if entry.is_dir():
            files += _walk(entry, above | {place})
        else:
            files.append(entry)
    return files


def _refuse_hidden(folder: Path, hidden: Sequence[Path]) -> None:
    if hidden:
        names = [path.relative_to(folder).as_posix() for path in hidden[:_SHOWN_NAMES]]
        raise AuditError(
            f"Folder {folder} holds {len(hidden)} hidden files that begin like images, the first: "
            f"{', '.join(names)}. Expected all images of a release to be seen. Rename or remove "
            "them."
        )


def _require_images(paths: Sequence[Path]) -> None:
    others = [path for path in paths if not _is_image(path)]
    if others:
        shown = ", ".join(f"{path.name} in {path.parent.name}" for path in others[:_SHOWN_NAMES])
        raise AuditError(
            f"{len(others)} of {len(paths)} files are no images that can be read, the first: "
            f"{shown}. Expected NIfTI, DICOM, PNG, TIFF, npy or npz, named as such. Rename or "
            "remove them."
        )


def _is_image(path: Path) -> bool:
    # A pipe or a device would never come to an end.
    if not path.is_file():
        return False
    try:
        return is_array_or_picture(path) or is_dicom(path)
    except OSError:
        return False


def _image_of_file(folder: Path, path: Path) -> FoundImage:
    name = path.relative_to(folder).as_posix()
    patient = _sub_folder(folder, path)
    return FoundImage(name, stem_of(path) if patient is None else patient, (), (path,), (name,))


def _sub_folder(folder: Path, path: Path) -> str | None:
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else None


def _by_patient(folder: Path, paths: Sequence[Path]) -> dict[str | None, list[Path]]:
    files: dict[str | None, list[Path]] = {}
    for path in paths:
        files.setdefault(_sub_folder(folder, path), []).append(path)
    return files


def _images_of_series(
    folder: Path, series: Sequence[tuple[str | None, DicomSeries]]
) -> list[FoundImage]:
    series_of_folder = Counter(one.paths[0].parent for _, one in series)
    images = []
    for patient, one in series:
        is_alone = series_of_folder[one.paths[0].parent] == 1 and patient is not None
        named_by = one.paths[0].parent if is_alone else min(one.paths)
        name = named_by.relative_to(folder).as_posix()
        names = tuple(path.relative_to(folder).as_posix() for path in one.paths)
        # Without a patient in the header, a series is the most that is known to be one patient's.
        key = one.patient_key or ("", name)
        images.append(FoundImage(name, patient, key, one.paths, names))
    return images


def _notes_on_patients(images: Sequence[FoundImage]) -> tuple[str, ...]:
    by_header = [image for image in images if image.patient is None]
    unnamed = sum(_is_unnamed(image) for image in by_header)
    notes = []
    if by_header:
        named = len(by_header) - unnamed
        patients = len({image.patient_key for image in by_header if not _is_unnamed(image)})
        advice = " Give a table of patients if they are more." if patients == 1 < named else ""
        notes.append(
            f"{named} DICOM series that lie directly in the folder were gathered into {patients} "
            f"patients by their headers.{advice}"
        )
    if unnamed:
        notes.append(
            f"{unnamed} DICOM series name no patient in their headers; each was counted as a "
            "patient of its own."
        )
    return (*notes, *_notes_on_one_sub_folder(images), *_notes_on_sub_folders(images))


def _notes_on_one_sub_folder(images: Sequence[FoundImage]) -> list[str]:
    """Tell of a cohort that was put into one folder more than was meant."""
    is_one = all("/" in image.name and image.patient == images[0].patient for image in images)
    if len(images) < 2 or not is_one or any(image.patient_key for image in images):
        return []
    return [
        f"All {len(images)} images lie in one sub-folder and were counted as one patient. Give a "
        "table of patients, or that sub-folder itself, if they are more."
    ]


def _notes_on_sub_folders(images: Sequence[FoundImage]) -> list[str]:
    keys: dict[str, set[tuple[str, ...]]] = {}
    owners: dict[tuple[str, ...], set[str]] = {}
    for image in images:
        if image.patient is not None and image.patient_key and not _is_unnamed(image):
            keys.setdefault(image.patient, set()).add(image.patient_key)
            owners.setdefault(image.patient_key, set()).add(image.patient)
    mixed = sum(len(found) > 1 for found in keys.values())
    split = sum(len(found) for found in owners.values() if len(found) > 1)
    notes = []
    if mixed:
        notes.append(
            f"{mixed} sub-folders hold DICOM files of several patients; each was counted as one "
            "patient. Give a table of patients if they are several."
        )
    if split:
        notes.append(
            f"{split} sub-folders hold DICOM files of a patient whom another sub-folder holds, "
            "too; each was counted as a patient of its own. Give a table of patients if they are "
            "one."
        )
    return notes


def _is_unnamed(image: FoundImage) -> bool:
    return image.patient_key[:1] == ("",)
