"""Which images a folder holds and which patient each belongs to."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.image_reading import group_dicom_series, is_array_or_picture, is_dicom, stem_of

# Tables, notes and records that lie beside images and are none.
_COMPANION_SUFFIXES = frozenset({".csv", ".html", ".json", ".jsonl", ".md", ".toml", ".txt"})


@dataclasses.dataclass(frozen=True)
class AuditImage:
    """One picture, volume or DICOM series.

    Attributes:
        name: the path within its folder, with "/"; unique in its set.
        patient: the patient it belongs to.
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
    """

    images: tuple[AuditImage, ...]

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


def read_image_set(folder: Path) -> ImageSet:
    """List the images of a folder; pixels are read later, one image at a time.

    A file directly in the folder is a patient of its own, named by the file
    without its extension. A sub-folder is a patient: each NIfTI, array or
    picture file below it is an image, and DICOM files are gathered into one
    image a series. Hidden files and tables (.csv, .json, .txt, ...) are passed over.

    Args:
        folder: the folder to list.

    Raises:
        AuditError: the folder is missing or empty, or a file is no image.
    """
    if not folder.is_dir():
        raise AuditError(
            f"Folder {folder} is not there. Expected a folder of images. Check the path."
        )
    images: list[AuditImage] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            images += _images_of_patient(folder, entry)
        elif entry.suffix.lower() not in _COMPANION_SUFFIXES:
            _require_image(entry)
            images.append(AuditImage(entry.name, stem_of(entry), (entry,)))
    if not images:
        raise AuditError(
            f"Folder {folder} holds no images. Expected NIfTI, DICOM, PNG, TIFF, npy or npz "
            "files. Check the path."
        )
    return ImageSet(tuple(sorted(images, key=lambda image: image.name)))


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

    Raises:
        AuditError: the file is missing, lacks a column or a value, or names an image twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuditError(
            f"Source map {path} cannot be read ({type(error).__name__}). Expected a CSV file. "
            "Check the path."
        ) from None
    source_of: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        synthetic, patient = row.get("synthetic"), row.get("patient")
        if not synthetic or not patient or synthetic in source_of:
            raise AuditError(
                f"Source map {path.name} has no image, no patient or a repeated image in line "
                f"{number}. Expected the columns synthetic and patient. Mend the line."
            )
        source_of[synthetic] = patient
    return source_of


def _images_of_patient(folder: Path, patient_folder: Path) -> list[AuditImage]:
    images = []
    dicom_files = []
    for path in sorted(patient_folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.is_dir() or path.suffix.lower() in _COMPANION_SUFFIXES:
            continue
        _require_image(path)
        if is_array_or_picture(path):
            name = path.relative_to(folder).as_posix()
            images.append(AuditImage(name, patient_folder.name, (path,)))
        else:
            dicom_files.append(path)
    series = group_dicom_series(dicom_files)
    folders = [paths[0].parent for paths in series]
    for paths in series:
        alone = folders.count(paths[0].parent) == 1
        named_by = paths[0].parent if alone else min(paths)
        name = named_by.relative_to(folder).as_posix()
        images.append(AuditImage(name, patient_folder.name, paths))
    return images


def _require_image(path: Path) -> None:
    if not is_array_or_picture(path) and not is_dicom(path):
        raise AuditError(
            f"File {path.name} in {path.parent.name} is no image that can be read. Expected NIfTI, "
            "DICOM, PNG, TIFF, npy or npz. Remove it from the folder."
        )
