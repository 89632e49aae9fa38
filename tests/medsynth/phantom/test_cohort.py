import dataclasses
import json
from pathlib import Path
from typing import Any

import pydicom
import pytest

from medsynth.errors import ConfigurationError, RecordError
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.phantom.cohort import PhantomOptions, phases_of_patient, write_cohort
from medsynth.phantom.options import BodyRegion

OPTIONS = PhantomOptions(
    matrix=32, slices=4, spacing_mm=11.0, slice_mm=12.0, contrast_share=0.4, both_share=0.3
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "made"
    write_cohort(folder, patients=7, seed=5, options=OPTIONS)
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _answers(folder: Path) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads((folder / "answers.json").read_text("utf-8"))
    return answers


def test_two_processes_write_the_same_bytes_as_one(cohort: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "again", patients=7, seed=5, options=OPTIONS, processes=2)
    assert _content(tmp_path / "again") == _content(cohort)


def test_a_longer_cohort_begins_with_a_shorter_one(cohort: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "short", patients=3, seed=5, options=OPTIONS)
    longer = _content(cohort)
    for name, content in _content(tmp_path / "short").items():
        if name not in ("planted.json", "answers.json"):
            assert longer[name] == content


def test_another_seed_makes_other_patients(cohort: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "other", patients=2, seed=6, options=OPTIONS)
    assert not set(_content(tmp_path / "other")) & {
        name for name in _content(cohort) if name.startswith("truth")
    }


def test_every_series_has_one_folder_and_its_labels(cohort: Path) -> None:
    answers = _answers(cohort)
    assert len(list((cohort / "dicom").iterdir())) == len(answers)
    axial = {one["series_uid"] for one in answers if one["kind"] != "scout"}
    contrast = {one["series_uid"] for one in answers if one["kind"] == "contrast"}
    labels = {path.name.removesuffix(".nii.gz") for path in (cohort / "labels").glob("*.gz")}
    truth = {path.name.removesuffix(".nii.gz") for path in (cohort / "truth").iterdir()}
    assert labels == axial
    assert truth == contrast


def test_the_label_names_hold_the_organs_that_others_ask_for(cohort: Path) -> None:
    names = json.loads((cohort / "labels" / "labels.json").read_text("utf-8"))
    assert {"liver", "spleen", "kidney", "aorta", "lesion"} <= set(names.values())
    assert names["1"] == "liver"


def test_both_phases_of_a_patient_carry_one_patient_id(cohort: Path) -> None:
    ids: dict[int, set[str]] = {}
    kinds: dict[int, set[str]] = {}
    for folder, answer in zip(
        sorted((cohort / "dicom").iterdir()),
        sorted(_answers(cohort), key=lambda one: (one["patient_index"], one["kind"] != "scout")),
        strict=True,
    ):
        index = int(folder.name[len("patient") : len("patient") + 4])
        assert index == answer["patient_index"]
        ids.setdefault(index, set()).add(
            str(pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True).PatientID)
        )
        kinds.setdefault(index, set()).add(answer["kind"])
    assert all(len(found) == 1 for found in ids.values())
    assert any({"contrast", "noncontrast"} <= found for found in kinds.values())


def test_truth_and_labels_lie_on_the_grid_of_their_series(cohort: Path) -> None:
    uid = next(one["series_uid"] for one in _answers(cohort) if one["kind"] == "contrast")
    truth = read_volume(cohort / "truth" / f"{uid}.nii.gz")
    labels, affine = read_labels(cohort / "labels" / f"{uid}.nii.gz")
    assert truth.voxels_hu.shape == labels.shape == (4, 32, 32)
    assert (truth.affine == affine).all()


def test_planted_values_stand_in_the_dicom_files(cohort: Path) -> None:
    planted = json.loads((cohort / "planted.json").read_text("utf-8"))
    everything = b"".join(path.read_bytes() for path in (cohort / "dicom").rglob("*.dcm"))
    for kind in ("names", "texts", "numbers", "uids"):
        missing = [value for value in planted[kind] if value.encode("latin-1") not in everything]
        assert missing == [], kind
    assert any(value.encode() in everything for value in planted["dates"])


def test_the_shares_of_phases_are_met_closely() -> None:
    options = PhantomOptions(contrast_share=0.6, both_share=0.1)
    phases = [phases_of_patient(2, index, options) for index in range(50)]
    assert phases.count(("contrast",)) == pytest.approx(30, abs=2)
    assert phases.count(("noncontrast", "contrast")) == pytest.approx(5, abs=2)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(RecordError, match="no cohort of made-up patients"):
        write_cohort(tmp_path, patients=1, seed=1, options=OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_cohort_without_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="patients is 0"):
        write_cohort(tmp_path / "none", patients=0, seed=1, options=OPTIONS)
    assert not (tmp_path / "none").exists()


def test_a_chest_cohort_says_so_in_headers_and_label_names(cohort: Path, tmp_path: Path) -> None:
    chest = dataclasses.replace(OPTIONS, region=BodyRegion.CHEST)
    write_cohort(tmp_path / "chest", patients=2, seed=5, options=chest)
    images = [pydicom.dcmread(path) for path in (tmp_path / "chest" / "dicom").rglob("*.dcm")]
    assert {image.BodyPartExamined for image in images} == {"CHEST"}
    names = json.loads((tmp_path / "chest" / "labels" / "labels.json").read_text("utf-8"))
    abdomen = json.loads((cohort / "labels" / "labels.json").read_text("utf-8"))
    assert set(names.values()) - set(abdomen.values()) == {
        "pulmonary_artery",
        "oesophagus",
        "trachea",
    }
