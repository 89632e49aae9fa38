"""Which images a folder holds and which patient each belongs to."""

import csv
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.images.folder_listing import FolderListing, FoundImage, list_folder
from privacy_audit.images.patients_table import as_posix, assign_patients, require_all_used

_MAP_COLUMNS = ("synthetic", "patient")
_RELEASED = "synthetic"


@dataclasses.dataclass(frozen=True)
class AuditImage:
    """One picture, volume or DICOM series.

    Attributes:
        name: the path within its folder, with "/"; unique in its set.
        patient: the patient it belongs to; never what a DICOM header calls it.
        paths: the file, or the files of one DICOM series in the order of its slices.
    """

    name: str
    patient: str
    paths: tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images of one role, sorted by name.

    Attributes:
        images: at least one image.
        notes: sentences about how patients were told apart, for the report; without
            anything read from a header.
    """

    images: tuple[AuditImage, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that there are images and that no name occurs twice."""
        names = [image.name for image in self.images]
        if not names:
            raise AuditError(
                "An image set is empty. Expected at least one image. Check the folder given."
            )
        if len(set(names)) != len(names):
            raise AuditError(
                f"An image set has {len(names) - len(set(names))} names twice. Expected one image "
                "a name. Rename the files."
            )

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients, each once, sorted."""
        return tuple(sorted({image.patient for image in self.images}))

    def first_images(self) -> tuple[AuditImage, ...]:
        """The first image of each patient, in the order of patients."""
        first: dict[str, AuditImage] = {}
        for image in self.images:
            first.setdefault(image.patient, image)
        return tuple(first[patient] for patient in self.patients)


@dataclasses.dataclass(frozen=True)
class NamedSets:
    """The image sets of one audit, and what headers call their patients.

    Attributes:
        sets: role -> images.
        labels: Patient ID in a DICOM header -> what the audit calls the patient, where only
            the header names one; to translate tables with, and never to show. An ID that
            several issuers gave is left out.
    """

    sets: Mapping[str, ImageSet]
    labels: Mapping[str, str] = dataclasses.field(repr=False)


def read_image_set(folder: Path, patients: Mapping[str, str] | None = None) -> ImageSet:
    """List the images of one folder; see `read_image_sets`, which is for several.

    Args:
        folder: the folder to list.
        patients: image -> patient, as `read_patients_table` gives it.

    Raises:
        AuditError: the folder is missing or empty, a file is no image, or `patients` does not fit.
    """
    return read_image_sets({"images": folder}, patients)["images"]


def read_image_sets(
    folders: Mapping[str, Path], patients: Mapping[str, str] | None = None
) -> dict[str, ImageSet]:
    """List the images of each role's folder; pixels are read later, one image at a time.

    A file directly in a folder is a patient of its own, named by the file
    without its extension; DICOM files directly in it are many slices of few
    patients, and are gathered by the patient that their headers name. A
    sub-folder is a patient: each NIfTI, array or picture file below it is an
    image, and DICOM files are gathered into one image a series. Hidden files
    and tables (.csv, .json, .txt, ...) are counted and passed over, but not
    tables that begin like an image, nor such hidden files in "synthetic".

    A patient that only a header names is called "DICOM patient 1" and so on, in
    the order of the first files, and is called the same in every role. That is
    why the folders of one audit are listed together.

    Args:
        folders: role, such as "train" -> its folder.
        patients: image -> patient, as `read_patients_table` gives it. An image is named
            by its path within its folder, or with its role in front ("train/a.png").
            A folder of which it names no image keeps the rules above.

    Raises:
        AuditError: a folder is missing or empty, a file is no image, a synthetic image is
            hidden, or `patients` leaves out an image, or names one that is not there.
    """
    return dict(read_named_sets(folders, patients).sets)


def read_named_sets(
    folders: Mapping[str, Path], patients: Mapping[str, str] | None = None
) -> NamedSets:
    """List the images as `read_image_sets` does, and give what headers call their patients.

    Args:
        folders: role -> its folder.
        patients: image -> patient.

    Raises:
        AuditError: as `read_image_sets`.
    """
    listings = {
        role: list_folder(folder, may_hide_images=role != _RELEASED)
        for role, folder in folders.items()
    }
    names = {role: _names(listing) for role, listing in listings.items()}
    assigned = {} if patients is None else assign_patients(patients, names)
    if patients is not None:
        require_all_used(patients, names)
    labels = _label_patients(
        [listing for role, listing in listings.items() if role not in assigned]
    )
    sets = {
        role: _make_set(listing, assigned.get(role), labels) for role, listing in listings.items()
    }
    return NamedSets(sets, _labels_by_id(labels))


def image_set_from_files(
    pairs: Sequence[tuple[str, Path]], *, root: Path | None = None
) -> ImageSet:
    """Make an image set from an explicit list of files, one image a file.

    Args:
        pairs: (patient, file) for each image.
        root: the folder that names are relative to; without it a name is the file's own.

    Raises:
        AuditError: the list is empty, a file is missing, or two images share a name.
    """
    images = []
    for patient, path in pairs:
        if not path.is_file():
            raise AuditError(
                f"File {path.name} is not there. Expected an image file. Run the stage that "
                "writes it."
            )
        name = path.name if root is None else path.relative_to(root).as_posix()
        images.append(AuditImage(name, patient, (path,)))
    return ImageSet(tuple(sorted(images, key=lambda image: image.name)))


def read_source_map(path: Path) -> dict[str, str]:
    """Read which patient each synthetic image was made from.

    Args:
        path: a CSV file with the columns "synthetic" (path within the synthetic
            folder) and "patient".

    Returns:
        Synthetic image -> patient, in the order of the lines, with "/" in paths.

    Raises:
        AuditError: the file is missing, is not parted by commas, lacks a column or a value, or
            names an image twice. Messages quote no value.
    """
    rows = _read_map_rows(path)
    source_of: dict[str, str] = {}
    for line, row in rows:
        # What is behind the last column is gathered under None.
        synthetic, patient = as_posix(row["synthetic"] or ""), (row["patient"] or "").strip()
        if not synthetic or not patient or synthetic in source_of or None in row:
            raise AuditError(
                f"Source map {path.name} has no image, no patient, a repeated image or too many "
                f"cells in line {line}. Expected the columns synthetic and patient. Mend the line."
            )
        source_of[synthetic] = patient
    return source_of


def _read_map_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            # The outer counter stands still at empty lines.
            rows = [(reader.reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuditError(
            f"Source map {path} cannot be read ({type(error).__name__}). Expected a CSV file. "
            "Check the path."
        ) from None
    columns = list(reader.fieldnames)
    if not all(columns.count(name) == 1 for name in _MAP_COLUMNS):
        is_by_semicolon = any(";" in name for name in columns)
        found = "is parted by semicolons" if is_by_semicolon else "lacks a column in line 1"
        raise AuditError(
            f"Source map {path.name} {found}. Expected the columns synthetic and patient, each "
            "once, parted by a comma. Write the table again."
        )
    if not rows:
        raise AuditError(
            f"Source map {path.name} has no lines below its columns. Expected one for each "
            "synthetic image. Fill the table."
        )
    return rows


def _names(listing: FolderListing) -> dict[str, tuple[str, ...]]:
    """Give what each image may be called in a table: its name, or any of its files."""
    return {image.name: (image.name, *image.file_names) for image in listing.images}


def _label_patients(listings: Sequence[FolderListing]) -> dict[tuple[str, ...], str]:
    """Number the patients whom headers alone name, in the order in which they are met."""
    labels: dict[tuple[str, ...], str] = {}
    for listing in listings:
        for image in listing.images:
            if image.patient is None:
                # Four digits, so that names sort as numbers do.
                labels.setdefault(image.patient_key, f"DICOM patient {len(labels) + 1:04d}")
    return labels


def _labels_by_id(labels: Mapping[tuple[str, ...], str]) -> dict[str, str]:
    """Give the label of each Patient ID that names one patient only."""
    # A key without an ID is that of a series; it begins with an empty text.
    counts = Counter(key[0] for key in labels)
    return {key[0]: label for key, label in labels.items() if key[0] and counts[key[0]] == 1}


def _make_set(
    listing: FolderListing,
    assigned: Mapping[str, str] | None,
    labels: Mapping[tuple[str, ...], str],
) -> ImageSet:
    def patient_of(image: FoundImage) -> str:
        if assigned is not None:
            return assigned[image.name]
        return labels[image.patient_key] if image.patient is None else image.patient

    images = [AuditImage(image.name, patient_of(image), image.paths) for image in listing.images]
    notes = listing.notes if assigned is None else listing.notes_on_files
    return ImageSet(tuple(images), notes)
