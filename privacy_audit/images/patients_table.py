"""The table that says which image belongs to which patient."""

import csv
from collections.abc import Mapping
from pathlib import Path

from medsynth.errors import AuditError

_COLUMNS = ("image", "patient")


def read_patients_table(path: Path) -> dict[str, str]:
    """Read which patient each image belongs to.

    Args:
        path: a CSV file with the columns "image" (path within its folder, or with the
            role in front, such as "train/a.png") and "patient"; others are passed over.

    Returns:
        Image -> patient, with "/" in paths whatever the table has.

    Raises:
        AuditError: the file cannot be read, lacks a column, a value or every row, or
            names an image twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
            columns = tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuditError(
            f"Table of patients {path} cannot be read ({type(error).__name__}). Expected a CSV "
            "file in UTF-8. Check the path."
        ) from None
    if not set(_COLUMNS) <= set(columns) or not rows:
        raise AuditError(
            f"Table of patients {path.name} has {len(rows)} rows and lacks the column image or "
            "patient, or has no rows. Expected both, parted by a comma. Write the table again."
        )
    patients: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        image = as_posix(row["image"] or "")
        patient = (row["patient"] or "").strip()
        if not image or not patient or image in patients:
            raise AuditError(
                f"Table of patients {path.name} has no image, no patient or a repeated image in "
                f"line {number}. Expected one patient for each image. Mend the line."
            )
        patients[image] = patient
    return patients


def assign_patients(
    patients: Mapping[str, str], names: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> dict[str, dict[str, str]]:
    """Give the patient of each image of each role that the table is about.

    Args:
        patients: image -> patient.
        names: role -> image -> what the table may call it: its name or any of its files.

    Returns:
        Role -> image -> patient; roles of which the table names no image are left out.

    Raises:
        AuditError: some of a role's images are left out, or one belongs to two patients.
    """
    assigned: dict[str, dict[str, str]] = {}
    for role, images in names.items():
        found = {image: _patients_of(patients, role, known) for image, known in images.items()}
        missing = [image for image, owners in found.items() if not owners]
        if len(missing) == len(found):
            continue
        torn = [image for image, owners in found.items() if len(owners) > 1]
        if missing or torn:
            raise AuditError(
                f"The table of patients leaves out {len(missing)} and gives two patients to "
                f"{len(torn)} of {len(found)} {role} images, the first is {(missing + torn)[0]}. "
                "Expected one patient for each. Mend the table."
            )
        assigned[role] = {image: next(iter(owners)) for image, owners in found.items()}
    return assigned


def require_all_used(
    patients: Mapping[str, str], names: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> None:
    """Make sure that every image of the table is there.

    Args:
        patients: image -> patient.
        names: role -> image -> what the table may call it.

    Raises:
        AuditError: the table names images that are not there.
    """
    known = {
        spelling
        for role, images in names.items()
        for spellings in images.values()
        for name in spellings
        for spelling in (name, f"{role}/{name}")
    }
    unknown = sorted(set(patients) - known)
    if unknown:
        raise AuditError(
            f"The table of patients names {len(unknown)} images that are not there, the first is "
            f"{unknown[0]}. Expected paths within the folders. Mend the table."
        )


def _patients_of(patients: Mapping[str, str], role: str, names: tuple[str, ...]) -> set[str]:
    """Give the patients of an image; what is said of the role's own image comes first."""
    own = {patients[f"{role}/{name}"] for name in names if f"{role}/{name}" in patients}
    return own or {patients[name] for name in names if name in patients}


def as_posix(image: str) -> str:
    """Give a path of a table as images are named: with "/", and without "./" before it."""
    return image.strip().replace("\\", "/").removeprefix("./")
