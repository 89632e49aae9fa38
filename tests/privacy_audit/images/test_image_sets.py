from pathlib import Path

import numpy as np
import pytest

from medsynth.errors import AuditError
from privacy_audit.images.image_sets import (
    image_set_from_files,
    read_image_set,
    read_image_sets,
    read_named_sets,
    read_source_map,
)
from tests.privacy_audit.dicom_files import write_dicom

_PICTURE = np.arange(16.0).reshape(4, 4)


def test_file_of_a_flat_folder_is_a_patient_named_without_extension(tmp_path: Path) -> None:
    (tmp_path / "p2.nii.gz").write_bytes(b"")
    np.save(tmp_path / "p1.npy", _PICTURE)
    (tmp_path / "labels.json").write_text("{}")
    (tmp_path / ".hidden").write_text("")
    images = read_image_set(tmp_path).images
    assert [(image.name, image.patient) for image in images] == [
        ("p1.npy", "p1"),
        ("p2.nii.gz", "p2"),
    ]


def test_sub_folder_is_a_patient_with_all_its_images(tmp_path: Path) -> None:
    (tmp_path / "p1" / "late").mkdir(parents=True)
    np.save(tmp_path / "p1" / "a.npy", _PICTURE)
    np.save(tmp_path / "p1" / "late" / "b.npy", _PICTURE)
    image_set = read_image_set(tmp_path)
    assert [image.name for image in image_set.images] == ["p1/a.npy", "p1/late/b.npy"]
    assert image_set.patients == ("p1",)
    assert [image.name for image in image_set.first_images()] == ["p1/a.npy"]


@pytest.mark.parametrize("make", [False, True])
def test_missing_and_empty_folders_are_refused(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "images"
    if make:
        folder.mkdir()
    with pytest.raises(AuditError, match="Check the path"):
        read_image_set(folder)


def test_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_bytes(b"text")
    with pytest.raises(AuditError, match=r"notes\.docx"):
        read_image_set(tmp_path)


def test_listed_files_are_named_by_their_path_under_the_root(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a" / "x.npy", _PICTURE)
    images = image_set_from_files([("p9", tmp_path / "a" / "x.npy")], root=tmp_path).images
    assert (images[0].name, images[0].patient) == ("a/x.npy", "p9")


def test_two_listed_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "x.npy", _PICTURE)
    pairs = [("p1", tmp_path / "a" / "x.npy"), ("p2", tmp_path / "b" / "x.npy")]
    with pytest.raises(AuditError, match="1 names twice"):
        image_set_from_files(pairs)


def test_source_map_gives_the_patient_of_each_image(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("synthetic,patient\na.nii.gz,p1\nb.nii.gz,p2\n")
    assert read_source_map(tmp_path / "map.csv") == {"a.nii.gz": "p1", "b.nii.gz": "p2"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("image,patient\na,p1\n", 1),
        ("synthetic,patient\na,p1\nb,\n", 3),
        ("synthetic,patient\na,p1\na,p2\n", 3),
        ("synthetic,patient\na,p1\n./a,p2\n", 3),
        ("synthetic,patient\n\na,p1\nb,p2,p3\n", 4),
    ],
)
def test_source_map_with_a_bad_line_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(AuditError, match=f"in line {line}"):
        read_source_map(tmp_path / "map.csv")


def test_blanks_and_leading_dots_of_a_source_map_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("synthetic, patient\n./a.npy , p1\nb\\c.npy,p2 \n")
    assert read_source_map(tmp_path / "map.csv") == {"a.npy": "p1", "b/c.npy": "p2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("synthetic;patient\na;anna\n", "is parted by semicolons"),
        ("synthetic,patient,patient\na,anna,anna\n", "lacks a column"),
        ("synthetic,patient\n", "has no lines"),
        ("", "lacks a column"),
    ],
)
def test_source_map_of_another_form_is_refused_without_its_values(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(AuditError, match=words) as caught:
        read_source_map(tmp_path / "map.csv")
    assert "anna" not in str(caught.value)


def test_hidden_image_is_refused_among_synthetic_images_alone(tmp_path: Path) -> None:
    for role in ("train", "synthetic"):
        (tmp_path / role).mkdir()
        np.save(tmp_path / role / "seen.npy", _PICTURE)
        np.save(tmp_path / role / ".s06.npy", _PICTURE)
    train = read_image_sets({"train": tmp_path / "train"})["train"]
    assert train.notes == ("1 hidden files that begin like images were passed over.",)
    with pytest.raises(AuditError, match=r"holds 1 hidden files .*\.s06\.npy"):
        read_image_sets({"synthetic": tmp_path / "synthetic"})


def test_patient_ids_lead_to_labels_unless_two_issuers_gave_them(tmp_path: Path) -> None:
    headers = {
        "1": {"PatientID": "MRN-1"},
        "2": {"PatientID": "MRN-2", "IssuerOfPatientID": "north"},
        "3": {"PatientID": "MRN-2", "IssuerOfPatientID": "south"},
        "4": {},
    }
    for name, elements in headers.items():
        series = f"1.{name}"
        picture = np.array([[0, 9]], np.uint16)
        write_dicom(tmp_path / name, picture, SeriesInstanceUID=series, **elements)
    named = read_named_sets({"train": tmp_path})
    assert named.labels == {"MRN-1": "DICOM patient 0001"}
    assert "MRN" not in repr(named)


def test_patient_of_a_header_has_one_number_in_every_role_and_no_other_name(
    tmp_path: Path,
) -> None:
    patients = {"train": ("MRN-9", "MRN-1"), "holdout": ("MRN-5", "MRN-1")}
    for role, ids in patients.items():
        for number, patient in enumerate(ids):
            write_dicom(
                tmp_path / role / f"{number}.dcm",
                np.array([[0, 9]], np.uint16),
                PatientID=patient,
                SeriesInstanceUID=f"1.{len(role)}.{number}",
            )
    sets = read_image_sets({role: tmp_path / role for role in patients})
    assert [image.patient for image in sets["train"].images] == [
        "DICOM patient 0001",
        "DICOM patient 0002",
    ]
    assert [image.patient for image in sets["holdout"].images] == [
        "DICOM patient 0003",
        "DICOM patient 0002",
    ]
    assert "MRN" not in repr(sets)


def test_table_of_patients_overrules_folders_and_headers(tmp_path: Path) -> None:
    write_dicom(tmp_path / "1.dcm", np.array([[0, 9]], np.uint16), PatientID="X")
    np.save(tmp_path / "2.npy", _PICTURE)
    image_set = read_image_set(tmp_path, {"1.dcm": "anna", "2.npy": "anna"})
    assert image_set.patients == ("anna",)
    assert image_set.notes == ()
    with pytest.raises(AuditError, match="leaves out 1"):
        read_image_set(tmp_path, {"1.dcm": "anna"})


def test_folder_that_the_table_does_not_name_keeps_its_own_patients(tmp_path: Path) -> None:
    for role in ("train", "synthetic"):
        (tmp_path / role).mkdir()
        np.save(tmp_path / role / f"{role}.npy", _PICTURE)
    folders = {role: tmp_path / role for role in ("train", "synthetic")}
    sets = read_image_sets(folders, {"train.npy": "p9"})
    assert sets["train"].patients == ("p9",)
    assert sets["synthetic"].patients == ("synthetic",)
    with pytest.raises(AuditError, match="not there"):
        read_image_sets(folders, {"train.npy": "p9", "other.npy": "p8"})
