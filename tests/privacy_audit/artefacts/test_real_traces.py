from pathlib import Path

import pydicom
import pytest

from privacy_audit.artefacts.real_traces import RealTraces, read_real_traces
from privacy_audit.attacks.metadata import check_metadata
from tests.privacy_audit.artefacts.planted import first_dicom, write_clean_set, write_dicom


@pytest.fixture
def real(tmp_path: Path) -> Path:
    path = tmp_path / "real" / "patient_1" / "0001.dcm"
    write_dicom(path, 0)
    dataset = pydicom.dcmread(path)
    dataset.PatientName = "Zwickelmoser^Theodelinde"
    dataset.PatientID = "6561750259"
    dataset.PatientBirthDate = "19510917"
    dataset.AccessionNumber = "A46241467038"
    dataset.InstitutionName = "Klinikum Wendelstein"
    dataset.SOPInstanceUID = "1.3.12.2.1107.5.1.4.70344.1"
    dataset.SeriesInstanceUID = "1.3.12.2.1107.5.1.4.70344.2"
    dataset.StudyInstanceUID = "1.3.12.2.1107.5.1.4.70344.3"
    dataset.save_as(path)
    return path.parents[1]


@pytest.fixture
def traces(real: Path) -> RealTraces:
    return read_real_traces([real])


def test_names_numbers_and_dates_are_read_and_known_words_are_not(traces: RealTraces) -> None:
    assert traces.texts == (
        "19510917",
        "6561750259",
        "A46241467038",
        "Klinikum Wendelstein",
        "Zwickelmoser",
        "Zwickelmoser^Theodelinde",
    )


def test_identifiers_are_read_and_the_standards_own_are_not(traces: RealTraces) -> None:
    assert {uid.rsplit(".", 1)[0] for uid in traces.uids} == {"1.3.12.2.1107.5.1.4.70344"}
    assert len(traces.uids) == 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("the liver of theodelinde zwickelmoser", "real_trace"),
        ("a46241467038", "real_trace"),
        ("1.3.12.2.1107.5.1.4.70344.1", "real_uid"),
    ],
)
def test_what_a_real_header_holds_is_found_in_a_release(
    real: Path, tmp_path: Path, text: str, kind: str
) -> None:
    release = write_clean_set(tmp_path / "release", patients=1)
    assert check_metadata(release, [real], None)[1] == []
    (release / "notes.txt").write_text(text)
    assert kind in {finding.kind for finding in check_metadata(release, [real], None)[1]}


def test_broken_real_file_is_counted_and_passed_over(real: Path) -> None:
    (real / "broken.nii.gz").write_bytes(b"\x1f\x8b\7\7\7")
    assert read_real_traces([real]).unread == 1


@pytest.mark.parametrize(("patients", "alarms"), [(4, 4), (5, 0)])
def test_word_that_five_patients_share_is_no_finding(
    tmp_path: Path, patients: int, alarms: int
) -> None:
    for seed in range(patients):
        path = first_dicom(tmp_path).with_name(f"{seed + 1:04d}.dcm")
        write_dicom(path, seed)
        dataset = pydicom.dcmread(path)
        dataset.SeriesDescription = "SYNTHETIC by Wendelograph"
        dataset.save_as(path)
    assert len(check_metadata(tmp_path, [], None)[1]) == alarms
