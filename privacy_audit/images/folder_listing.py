"""Which images lie in a folder, and what it says of the patients they belong to."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from medsynth.errors import AuditError
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


def list_folder(folder: Path) -> FolderListing:
    """List a folder's images.

    Args:
        folder: the folder.

    Raises:
        AuditError: the folder is missing or empty, or files are no images; these are counted.
    """
    paths = _list_files(folder)
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
    notes_on_files = (
        (f"{passed_over} DICOM files hold no scan and were passed over.",) if passed_over else ()
    )
    images = tuple(sorted(found, key=lambda image: image.name))
    return FolderListing(images, notes_on_files, _notes_on_patients(images))


def _list_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise AuditError(
            f"Folder {folder} is not there. Expected a folder of images. Check the path."
        )
    try:
        found = _walk(folder, frozenset())
    except OSError as error:
        raise AuditError(
            f"Folder {folder} cannot be listed ({type(error).__name__}). Expected to be allowed to "
            "read all of it. Check its permissions."
        ) from None
    return sorted(path for path in found if path.suffix.lower() not in _COMPANION_SUFFIXES)


def _walk(folder: Path, above: frozenset[Path]) -> list[Path]:
    """List all files below, also behind links; a link back to a folder above ends there."""
    place = folder.resolve()
    if place in above:
        return []
    files = []
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            files += _walk(entry, above | {place})
        else:
            files.append(entry)
    return files


def _require_images(paths: Sequence[Path]) -> None:
    others = [path for path in paths if not _is_image(path)]
    if others:
        shown = ", ".join(f"{path.name} in {path.parent.name}" for path in others[:_SHOWN_NAMES])
        raise AuditError(
            f"{len(others)} of {len(paths)} files are no images that can be read, the first: "
            f"{shown}. Expected NIfTI, DICOM, PNG, TIFF, npy or npz. Remove them from the folder."
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
    return (*notes, *_notes_on_sub_folders(images))


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
