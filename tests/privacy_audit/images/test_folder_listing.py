import os
from pathlib import Path

import numpy as np
import pytest

from medsynth.errors import AuditError
from privacy_audit.images.folder_listing import list_folder
from tests.privacy_audit.dicom_files import write_dicom

_STORED = np.array([[0, 9]], np.uint16)


def test_all_files_that_are_no_images_are_counted_and_three_are_named(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"n{number}.docx").write_bytes(b"text")
    np.save(tmp_path / "a.npy", _STORED)
    with pytest.raises(AuditError, match=r"^5 of 6 files .*n0\.docx.*n1\.docx.*n2\.docx") as caught:
        list_folder(tmp_path)
    assert "n3.docx" not in str(caught.value)


def test_pipe_and_dangling_link_are_no_images(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    (tmp_path / "b.dcm").symlink_to(tmp_path / "nothing")
    with pytest.raises(AuditError, match=r"^2 of 2 files are no images"):
        list_folder(tmp_path)


def test_flat_dicom_files_are_gathered_by_the_patient_of_their_header(tmp_path: Path) -> None:
    for name, patient, series in (
        ("1", "X", "1.1"),
        ("2", "Y", "1.2"),
        ("3", "X", "1.1"),
        ("4", "X", "1.3"),
    ):
        write_dicom(tmp_path / name, _STORED, PatientID=patient, SeriesInstanceUID=series)
    listing = list_folder(tmp_path)
    assert [(image.name, image.file_names) for image in listing.images] == [
        ("1", ("1", "3")),
        ("2", ("2",)),
        ("4", ("4",)),
    ]
    assert listing.images[0].patient_key == listing.images[2].patient_key
    assert listing.images[0].patient_key != listing.images[1].patient_key
    assert (
        "3 DICOM series that lie directly in the folder were gathered into 2 patients"
        in (listing.notes[0])
    )


def test_series_without_a_patient_is_told(tmp_path: Path) -> None:
    write_dicom(tmp_path / "1", _STORED, SeriesInstanceUID="1.1")
    write_dicom(tmp_path / "2", _STORED, PatientID=" ", SeriesInstanceUID="1.2")
    listing = list_folder(tmp_path)
    assert listing.images[0].patient_key != listing.images[1].patient_key
    assert any(note.startswith("2 DICOM series name no patient") for note in listing.notes)


def test_sub_folders_that_part_or_mix_a_patient_are_told(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a" / "1", _STORED, PatientID="X", SeriesInstanceUID="1.1")
    write_dicom(tmp_path / "b" / "1", _STORED, PatientID="X", SeriesInstanceUID="1.2")
    write_dicom(tmp_path / "b" / "2", _STORED, PatientID="Y", SeriesInstanceUID="1.3")
    listing = list_folder(tmp_path)
    assert [image.patient for image in listing.images] == ["a", "b", "b"]
    mixed, split = listing.notes
    assert mixed.startswith("1 sub-folders hold DICOM files of several patients")
    assert split.startswith("2 sub-folders hold DICOM files of a patient whom another")


def test_files_without_a_scan_are_told(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a" / "1", _STORED, PatientID="X")
    write_dicom(tmp_path / "a" / "2", _STORED, PatientID="X", Modality="SEG")
    assert list_folder(tmp_path).notes == ("1 DICOM files hold no scan and were passed over.",)


def test_series_that_all_name_one_patient_are_told_with_what_to_do(tmp_path: Path) -> None:
    for number in range(3):
        series = f"1.{number}"
        write_dicom(tmp_path / series, _STORED, PatientID="NONE", SeriesInstanceUID=series)
    (note,) = list_folder(tmp_path).notes
    assert note.startswith("3 DICOM series that lie directly in the folder were gathered into 1")
    assert note.endswith("Give a table of patients if they are more.")


def test_patients_behind_links_are_listed_and_a_link_upwards_ends(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    np.save(tmp_path / "elsewhere" / "a.npy", _STORED)
    (tmp_path / "images" / "p2").mkdir(parents=True)
    np.save(tmp_path / "images" / "p2" / "b.npy", _STORED)
    (tmp_path / "images" / "p1").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "p2" / "up").symlink_to(tmp_path / "images")
    names = [image.name for image in list_folder(tmp_path / "images").images]
    assert names == ["p1/a.npy", "p2/b.npy"]


@pytest.mark.parametrize("name", ["s07.json", "s08.txt", "s09.csv"])
def test_image_under_the_name_of_a_table_is_refused(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "a.npy", _STORED)
    (tmp_path / name).write_bytes((tmp_path / "a.npy").read_bytes())
    with pytest.raises(AuditError, match=f"^1 of 2 files are no images .*{name}"):
        list_folder(tmp_path)


def test_scan_under_the_name_of_a_table_is_listed(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.json", _STORED, PatientID="X")
    assert [image.name for image in list_folder(tmp_path).images] == ["a.json"]


def test_files_that_are_no_images_are_counted_hidden_or_not(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", _STORED)
    (tmp_path / "labels.json").write_text("{}")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    listing = list_folder(tmp_path, may_hide_images=False)
    assert listing.notes == ("2 files that are no images were passed over.",)


def test_images_of_a_hidden_folder_are_refused_where_none_may_be_hidden(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", _STORED)
    (tmp_path / ".s09" / "deep").mkdir(parents=True)
    for number in range(4):
        np.save(tmp_path / ".s09" / "deep" / f"{number}.npy", _STORED)
    with pytest.raises(AuditError, match=r"holds 4 hidden files .* \.s09/deep/0\.npy,") as caught:
        list_folder(tmp_path, may_hide_images=False)
    assert "3.npy" not in str(caught.value)


def test_images_in_one_sub_folder_alone_are_told_to_be_one_patient(tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    np.save(tmp_path / "cohort" / "a.npy", _STORED)
    assert list_folder(tmp_path).notes == ()
    np.save(tmp_path / "cohort" / "b.npy", _STORED)
    (note,) = list_folder(tmp_path).notes
    assert note.startswith("All 2 images lie in one sub-folder and were counted as one patient.")
    np.save(tmp_path / "c.npy", _STORED)
    assert list_folder(tmp_path).notes == ()
