from pathlib import Path

import numpy as np
import pytest

from medsynth.errors import AuditError
from privacy_audit.given import Given, read_given
from tests.privacy_audit.dicom_files import write_dicom


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """Give a flat folder of two DICOM patients, one synthetic image, and both tables by ID."""
    for number in (1, 2):
        write_dicom(
            tmp_path / "train" / f"{number}.dcm",
            np.array([[0, 9]], np.uint16),
            PatientID=f"MRN-{number}",
            SeriesInstanceUID=f"1.{number}",
        )
    (tmp_path / "synthetic").mkdir()
    np.save(tmp_path / "synthetic" / "s.npy", np.eye(4))
    (tmp_path / "map.csv").write_text("synthetic,patient\ns.npy,MRN-2\n")
    (tmp_path / "attributes.csv").write_text("patient,sex\nMRN-2,F\nother,M\n")
    return Given(
        folders={role: tmp_path / role for role in ("train", "synthetic")},
        source_map=tmp_path / "map.csv",
        attributes=tmp_path / "attributes.csv",
    )


def test_patients_of_tables_are_called_what_the_audit_calls_them(given: Given) -> None:
    inputs = read_given(given)
    assert inputs.source_of == {"s.npy": "DICOM patient 0002"}
    assert inputs.evidence.attributes == {
        "DICOM patient 0002": {"sex": "F"},
        "other": {"sex": "M"},
    }
    assert "MRN" not in repr(inputs)


def test_note_says_how_many_patients_the_attributes_name(given: Given) -> None:
    assert read_given(given).notes == ("The attributes name 1 of 2 real patients.",)


def test_patient_under_both_names_is_refused_without_a_name(tmp_path: Path, given: Given) -> None:
    (tmp_path / "attributes.csv").write_text("patient,sex\nMRN-2,F\nDICOM patient 0002,M\n")
    with pytest.raises(AuditError, match="names 1 patients twice") as caught:
        read_given(given)
    assert "MRN" not in str(caught.value)


def test_patient_of_a_folder_is_not_taken_for_one_of_a_header(tmp_path: Path, given: Given) -> None:
    (tmp_path / "train" / "MRN-2").mkdir()
    np.save(tmp_path / "train" / "MRN-2" / "a.npy", np.eye(4))
    assert read_given(given).source_of == {"s.npy": "MRN-2"}
