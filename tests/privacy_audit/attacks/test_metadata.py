from pathlib import Path

import pytest

from medsynth.errors import AuditError
from privacy_audit.artefacts.findings import KINDS
from privacy_audit.artefacts.private_list import PrivateList
from privacy_audit.attacks.metadata import check_metadata
from tests.privacy_audit.artefacts.planted import (
    BORN,
    NAME,
    NUMBER,
    Plant,
    first_dicom,
    write_clean_set,
    write_dicom,
)
from tests.privacy_audit.artefacts.planted_places import DICOM_PLACES, FILE_PLACES, LISTED_PLACES

_PRIVATE = PrivateList(((1, NAME), (2, NUMBER), (3, "1951-09-17"), (4, "Zwickelmoser")))


@pytest.fixture
def clean_set(tmp_path: Path) -> Path:
    return write_clean_set(tmp_path / "release")


def test_clean_set_gives_no_alarm(clean_set: Path) -> None:
    result, findings = check_metadata(clean_set, [], _PRIVATE)
    assert (findings, result.verdict, result.statistic) == ([], "pass", 0.0)


def test_clean_set_of_one_patient_gives_no_alarm(tmp_path: Path) -> None:
    assert check_metadata(write_clean_set(tmp_path, patients=1), [], _PRIVATE)[1] == []


@pytest.mark.parametrize(("plant", "kind"), DICOM_PLACES.values(), ids=DICOM_PLACES.keys())
def test_plant_in_a_dicom_file_is_found_without_a_list(
    tmp_path: Path, plant: Plant, kind: str
) -> None:
    for seed in range(2):
        write_dicom(first_dicom(tmp_path).with_name(f"{seed + 1:04d}.dcm"), seed)
    plant(tmp_path)
    result, findings = check_metadata(tmp_path, [], None)
    assert kind in {finding.kind for finding in findings}
    assert KINDS.keys() >= {finding.kind for finding in findings}
    assert result.verdict == "fail"


@pytest.mark.parametrize(("plant", "kind"), FILE_PLACES.values(), ids=FILE_PLACES.keys())
def test_plant_in_a_file_is_found_without_a_list(tmp_path: Path, plant: Plant, kind: str) -> None:
    plant(write_clean_set(tmp_path, patients=1))
    result, findings = check_metadata(tmp_path, [], None)
    assert kind in {finding.kind for finding in findings}
    assert KINDS.keys() >= {finding.kind for finding in findings}
    assert result.verdict == "fail"


@pytest.mark.parametrize("plant", LISTED_PLACES.values(), ids=LISTED_PLACES.keys())
def test_entry_of_the_list_is_found(tmp_path: Path, plant: Plant) -> None:
    plant(write_clean_set(tmp_path, patients=1))
    result, findings = check_metadata(tmp_path, [], _PRIVATE)
    assert "private_entry" in {finding.kind for finding in findings}
    assert result.verdict == "fail"


def test_findings_never_repeat_what_was_found(tmp_path: Path) -> None:
    for number, (plant, _) in enumerate((*DICOM_PLACES.values(), *FILE_PLACES.values())):
        if number % 9 == 0:
            plant(write_clean_set(tmp_path / f"part_{number}", patients=1))
    told = repr(check_metadata(tmp_path, [], _PRIVATE)).lower()
    for secret in ("zwickel", "theodelinde", NUMBER, BORN, "wendel", "doctor"):
        assert secret not in told


def test_uid_of_a_real_image_is_found(clean_set: Path, tmp_path: Path) -> None:
    write_dicom(tmp_path / "real" / "p1" / "0001.dcm", 0)
    _, findings = check_metadata(clean_set, [tmp_path / "real"], None)
    assert "real_uid" in {finding.kind for finding in findings}


def test_same_input_gives_the_same_findings(clean_set: Path) -> None:
    (clean_set / "notes.txt").write_text(f"{NAME} of /home/doctor/x on 2017-12-07")
    assert check_metadata(clean_set, [], _PRIVATE) == check_metadata(clean_set, [], _PRIVATE)


def test_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    release = write_clean_set(tmp_path, patients=1)
    (release / "notes.txt").write_text("seen on 2017-12-07")
    alone = check_metadata(release, [], _PRIVATE)
    assert check_metadata(release, [], _PRIVATE, processes=2) == alone


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="holds no file"):
        check_metadata(tmp_path, [], None)
