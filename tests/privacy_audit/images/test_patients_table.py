from pathlib import Path

import pytest

from medsynth.errors import AuditError
from privacy_audit.images.patients_table import (
    assign_patients,
    read_patients_table,
    require_all_used,
)

_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {"a.png": ("a.png",), "s": ("s", "s/1.dcm", "s/2.dcm")},
    "synthetic": {"a.png": ("a.png",)},
}


def test_table_gives_the_patient_of_each_image(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("patient,site,image\np1,x,sub\\a.png\np1,y,./b.png\n")
    assert read_patients_table(tmp_path / "t.csv") == {"sub/a.png": "p1", "b.png": "p1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,patient\na,p\n", "lacks the column"),
        ("image;patient\na;p\n", "lacks the column"),
        ("image,patient\n", "0 rows"),
        ("image,patient\na,p\nb,\n", "line 3"),
        ("image,patient\na,p\n./a,q\n", "line 3"),
        ("", "0 rows"),
    ],
)
def test_malformed_table_is_one_message_without_a_patient(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(AuditError, match=message):
        read_patients_table(tmp_path / "t.csv")


def test_missing_table_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cannot be read"):
        read_patients_table(tmp_path / "t.csv")


def test_series_may_be_named_by_its_files() -> None:
    table = {"train/a.png": "p1", "s/1.dcm": "p2", "s/2.dcm": "p2"}
    assert assign_patients(table, _NAMES) == {"train": {"a.png": "p1", "s": "p2"}}


def test_name_without_a_role_counts_in_every_folder_that_has_it() -> None:
    table = {"a.png": "p1", "s": "p2"}
    assert assign_patients(table, _NAMES) == {
        "train": {"a.png": "p1", "s": "p2"},
        "synthetic": {"a.png": "p1"},
    }


def test_image_that_is_left_out_is_named_and_counted() -> None:
    with pytest.raises(AuditError, match=r"leaves out 1 .* of 2 train images, the first is s"):
        assign_patients({"train/a.png": "p1"}, _NAMES)


def test_series_of_two_patients_is_refused() -> None:
    with pytest.raises(AuditError, match="gives two patients to 1"):
        assign_patients({"train/a.png": "p1", "s/1.dcm": "p2", "s/2.dcm": "p3"}, _NAMES)


def test_image_that_is_not_there_is_named_and_counted() -> None:
    require_all_used({"train/a.png": "p1", "s/1.dcm": "p2"}, _NAMES)
    with pytest.raises(AuditError, match=r"names 2 images that are not there, the first is b\.png"):
        require_all_used({"b.png": "p1", "holdout/a.png": "p2", "s": "p3"}, _NAMES)
