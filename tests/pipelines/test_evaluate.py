"""Stage evaluate, on a tiny made-up cohort with known errors."""

import dataclasses
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.cohort.phase import Phase
from medsynth.cohort.series import SeriesRecord, write_series
from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from medsynth.evaluation.utility_report import NO_LABELS
from medsynth.imaging import nifti
from medsynth.imaging.nifti import read_volume, write_labels, write_volume
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.records.configuration import fill_settings
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.manifest import read_manifest, write_manifest
from medsynth.records.progress import SilentReporter
from medsynth.synthesis.index import PUBLIC_START, SyntheticRecord, write_synthetic
from medsynth.training.checkpoints import save_weights
from medsynth.training.cycle_networks import build_cycle_networks
from pipelines import evaluate as evaluate_stage
from pipelines.evaluate import STAGE
from pipelines.inputs import InputRecord
from pipelines.project_config import ProjectConfig
from pipelines.stages import run_stage
from pipelines.train import training_plan
from tests.medsynth.cohort.made_series import accepted_series

MATRIX = 32
SLICES = 3
SPACING_MM = 5.0
AFFINE = axial_affine((5.0, SPACING_MM, SPACING_MM))
INPUTS = InputRecord(content_hashes={}, secret="00" * 32)
# The translation leaves the kidney 7 HU too bright.
LEFT_OVER_HU = 7


@dataclasses.dataclass(frozen=True)
class MadePatient:
    """A patient with one scan, and what is known of it."""

    number: int
    phase: Phase
    role: str
    has_labels: bool = True
    has_truth: bool = True

    @property
    def patient(self) -> str:
        return f"p{self.number:010x}"

    @property
    def series(self) -> str:
        return f"s{self.number:012x}"

    @property
    def synthetic(self) -> str:
        return f"y{self.number:012x}"

    @property
    def is_translated(self) -> bool:
        return self.role in ("source", "holdout")


COHORT = (
    MadePatient(1, Phase.CONTRAST, "source"),
    MadePatient(2, Phase.CONTRAST, "source"),
    MadePatient(3, Phase.CONTRAST, "holdout"),
    MadePatient(4, Phase.CONTRAST, "test"),
    MadePatient(5, Phase.NONCONTRAST, "test"),
    MadePatient(6, Phase.NONCONTRAST, "test"),
    MadePatient(7, Phase.NONCONTRAST, "train"),
)
WITHOUT_LABELS = tuple(dataclasses.replace(patient, has_labels=False) for patient in COHORT)
WITHOUT_TRUTH = tuple(dataclasses.replace(patient, has_truth=False) for patient in COHORT)
WITHOUT_TESTS = tuple(patient for patient in COHORT if patient.role != "test")


def anatomy(number: int) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Give a plain scan of 40 HU with a kidney of 30 HU in air, and its labels."""
    hu = np.full((SLICES, MATRIX, MATRIX), -1024, dtype=np.int16)
    hu[:, 4:28, 4:28] = 40
    labels = np.zeros(hu.shape, dtype=np.uint8)
    first = 6 + number
    labels[:, first : first + 8, first : first + 8] = 1
    hu[labels == 1] = 30
    return hu, labels


def make_workspace(workspace: Path, cohort: tuple[MadePatient, ...]) -> Path:
    """Write the folders that evaluate reads."""
    ingest, prepare, train, synthesize = (
        workspace / name for name in ("ingest", "prepare", "train", "synthesize")
    )
    for folder in ("volumes", "labels", "truth"):
        (ingest / folder).mkdir(parents=True)
    for folder in ("nifti", "labels", "null"):
        (synthesize / folder).mkdir(parents=True)
    prepare.mkdir()
    train.mkdir()
    plan = training_plan(small_config())
    networks = build_cycle_networks(plan.generator, plan.discriminator, seed=0)
    save_weights(train / "to_contrast.safetensors", networks.to_contrast)
    for patient in cohort:
        write_scan(workspace, patient)
    write_series(ingest, [series_record(patient) for patient in cohort])
    write_index(prepare, [stored_series(patient) for patient in cohort])
    write_synthetic(synthesize, [synthetic_record(p) for p in cohort if p.is_translated])
    if any(patient.has_labels for patient in cohort):
        write_json(ingest / "labels.json", {"1": "kidney"})
    for finished in (ingest, prepare, train, synthesize):
        write_manifest(finished, stage=finished.name, settings_hash="0", inputs={})
    return workspace


def write_scan(workspace: Path, patient: MadePatient) -> None:
    """Write one patient's scan, labels, truth and translation, where there are any."""
    plain_hu, labels = anatomy(patient.number)
    kidney = (labels == 1).astype(np.int16)
    hu = plain_hu + 140 * kidney if patient.phase is Phase.CONTRAST else plain_hu
    ingest, synthesize = workspace / "ingest", workspace / "synthesize"
    name = f"{patient.series}.nii.gz"
    write_volume(ingest / "volumes" / name, Volume(hu, AFFINE))
    store_array(workspace / "prepare", "slices", patient.series, hu)
    if patient.has_labels:
        write_labels(ingest / "labels" / name, labels, AFFINE)
        store_array(workspace / "prepare", "labels", patient.series, labels)
    if patient.has_truth:
        write_volume(ingest / "truth" / name, Volume(plain_hu, AFFINE))
    if patient.is_translated:
        folder = synthesize / ("nifti" if patient.role == "source" else "null")
        translated = Volume(plain_hu + LEFT_OVER_HU * kidney, AFFINE)
        write_volume(folder / f"{patient.synthetic}.nii.gz", translated)
        write_labels(synthesize / "labels" / f"{patient.synthetic}.nii.gz", labels, AFFINE)


def series_record(patient: MadePatient) -> SeriesRecord:
    """Give ingest's record of the scan."""
    return accepted_series(
        patient.series,
        patient.patient,
        patient.phase,
        shape=(SLICES, MATRIX, MATRIX),
        spacing_mm=(5.0, SPACING_MM, SPACING_MM),
        has_labels=patient.has_labels,
        has_truth=patient.has_truth,
    )


def stored_series(patient: MadePatient) -> StoredSeries:
    """Give the slice store's record of the scan."""
    return StoredSeries(
        series=patient.series,
        patient=patient.patient,
        phase=patient.phase.value,
        roles=(patient.role,),
        slices=SLICES,
        has_labels=patient.has_labels,
        has_truth=patient.has_truth,
    )


def synthetic_record(patient: MadePatient) -> SyntheticRecord:
    """Give the record of the scan's translation."""
    return SyntheticRecord(
        synthetic=patient.synthetic,
        series=patient.series,
        patient=patient.patient,
        role=patient.role,
        slices=SLICES,
        shape=(SLICES, MATRIX, MATRIX),
        spacing_mm=(5.0, SPACING_MM, SPACING_MM),
        has_labels=patient.role == "source" and patient.has_labels,
    )


def small_config(*overrides: str) -> ProjectConfig:
    """Give settings small enough for a test."""
    values = {
        "device": "cpu",
        "prepare": {"matrix": MATRIX, "spacing_mm": SPACING_MM},
        "evaluate": {"steps": 3, "batch": 2, "channels": 4, "bootstrap": 50},
    }
    return fill_settings(ProjectConfig, [values], overrides)


def evaluate(workspace: Path, config: ProjectConfig | None = None) -> tuple[Any, Any]:
    """Run the stage; give fidelity and utility."""
    config = config or small_config()
    run_stage(STAGE, workspace, config, inputs=INPUTS, reporter=SilentReporter())
    folder = workspace / "evaluate"
    return read_json(folder / "fidelity.json"), read_json(folder / "utility.json")


class ScriptedReporter:
    """Keeps what it is told and does something at each progress."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self.texts: list[str] = []
        self._on_text = on_text

    def message(self, text: str) -> None:
        self.texts.append(text)

    def progress(self, *, done: float, total: float, text: str) -> None:
        self.texts.append(f"{text}: {done} of {total}")
        self._on_text(text)


def interrupt_second_arm(text: str) -> None:
    """Press Ctrl-C when the second segmenter is being trained."""
    if "cyclegan_mix" in text:
        raise KeyboardInterrupt


def test_fidelity_finds_the_error_that_was_made(tmp_path: Path) -> None:
    fidelity, _ = evaluate(make_workspace(tmp_path, COHORT))
    kidney = fidelity["organs"]["kidney"]
    assert kidney["mae_hu"] == pytest.approx(LEFT_OVER_HU)
    assert kidney["bias_hu"] == pytest.approx(LEFT_OVER_HU)
    assert kidney["input_mae_hu"] == pytest.approx(140.0)
    assert kidney["n"] == 2
    # Only the kidney differs, so the body's errors stand to each other as 7 to 140.
    assert fidelity["ratio"] == pytest.approx(0.05)
    assert fidelity["n_patients"] == 2
    assert fidelity["holdout"]["n_patients"] == 1
    assert fidelity["not_measured"] == []
    # The kidney is searched; nothing is labelled as lesion, and nothing invented.
    lesions = fidelity["lesions"]
    assert (lesions["scans"], lesions["labelled"], lesions["invented"]) == (2, 0, 0)
    # The made-up body is all of 40 HU: no bone, fat, lung or gas.
    assert "kept" not in fidelity
    # The way back changes nothing, so nothing hidden could help it.
    hidden = fidelity["hidden_signal"]
    assert hidden["n"] == 2
    assert abs(hidden["hidden_signal_hu"]) < 0.5


def test_what_another_engine_made_hides_nothing_for_the_trained_partner(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, COHORT)
    first, *others = (synthetic_record(p) for p in COHORT if p.is_translated)
    records = [dataclasses.replace(first, engine=PUBLIC_START), *others]
    write_synthetic(workspace / "synthesize", records)
    fidelity, _ = evaluate(workspace)
    assert fidelity["n_patients"] == 2
    assert fidelity["hidden_signal"]["n"] == 1


def test_each_scan_and_its_truth_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    read_file = nifti._read

    def read_and_note(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
        read.append(path)
        return read_file(path)

    workspace = make_workspace(tmp_path, COHORT)
    monkeypatch.setattr(nifti, "_read", read_and_note)
    evaluate(workspace)
    for folder in ("volumes", "truth"):
        names = [path.name for path in read if path.parent == workspace / "ingest" / folder]
        assert sorted(names) == [f"{p.series}.nii.gz" for p in COHORT if p.is_translated]


def test_the_volumes_of_two_scans_are_never_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[NDArray[Any]]] = []
    most = 0

    def read(path: Path) -> Volume:
        nonlocal most
        volume = read_volume(path)
        held.append(weakref.ref(volume.voxels_hu))
        most = max(most, sum(one() is not None for one in held))
        return volume

    monkeypatch.setattr(evaluate_stage, "read_volume", read)
    evaluate(make_workspace(tmp_path, COHORT))
    # The scan, its translation and its truth, for each of three.
    assert (len(held), most) == (9, 3)


def test_utility_has_both_arms_on_both_kinds_of_test_scans(tmp_path: Path) -> None:
    _, utility = evaluate(make_workspace(tmp_path, COHORT))
    assert list(utility["arms"]) == ["contrast_only", "cyclegan_mix"]
    mix = utility["arms"]["cyclegan_mix"]
    assert mix["training_scans"] == 4
    assert mix["training_patients"] == 2
    assert mix["in_distribution"]["kidney"]["n"] == 1
    assert mix["in_distribution"]["kidney"]["ci"] is None
    assert mix["out_of_distribution"]["kidney"]["n"] == 2
    assert utility["not_measured"] == []


def test_ceiling_arm_learns_from_real_noncontrast_scans(tmp_path: Path) -> None:
    config = small_config('evaluate.arms=["contrast_only", "real_noncontrast"]')
    _, utility = evaluate(make_workspace(tmp_path, COHORT), config)
    assert utility["arms"]["real_noncontrast"]["training_scans"] == 1


def test_arm_without_scans_is_named_and_left_out(tmp_path: Path) -> None:
    config = small_config('evaluate.arms=["contrast_only", "real_noncontrast"]')
    _, utility = evaluate(make_workspace(tmp_path, COHORT[:-1]), config)
    assert list(utility["arms"]) == ["contrast_only"]
    assert "real_noncontrast" in utility["not_measured"][0]


def test_without_labels_both_files_say_what_was_not_measured(tmp_path: Path) -> None:
    fidelity, utility = evaluate(make_workspace(tmp_path, WITHOUT_LABELS))
    assert utility == {"arms": {}, "not_measured": [NO_LABELS]}
    assert fidelity["organs"] == {}
    assert "organ labels" in fidelity["not_measured"][0]


def test_without_truth_organs_are_given_before_and_after(tmp_path: Path) -> None:
    fidelity, _ = evaluate(make_workspace(tmp_path, WITHOUT_TRUTH))
    kidney = fidelity["organs"]["kidney"]
    assert (kidney["before_hu"], kidney["after_hu"]) == (170.0, 37.0)
    assert kidney["typical_hu"] == [20.0, 40.0]
    assert "body_mae_hu" not in fidelity
    assert len(fidelity["not_measured"]) == 1


def test_without_test_patients_the_reason_is_given(tmp_path: Path) -> None:
    _, utility = evaluate(make_workspace(tmp_path, WITHOUT_TESTS))
    assert utility["arms"] == {}
    assert "test patient" in utility["not_measured"][0]


def test_test_patient_with_a_second_role_tests_nothing(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, COHORT)
    stored = [stored_series(patient) for patient in COHORT]
    write_index(
        workspace / "prepare",
        [
            dataclasses.replace(s, roles=("train", "test")) if "test" in s.roles else s
            for s in stored
        ],
    )
    _, utility = evaluate(workspace)
    assert utility["arms"] == {}


def test_interrupted_evaluation_goes_on_and_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    broken = make_workspace(tmp_path / "broken", COHORT)
    unbroken = make_workspace(tmp_path / "unbroken", COHORT)
    config = small_config()
    with pytest.raises(KeyboardInterrupt):
        run_stage(
            STAGE, broken, config, inputs=INPUTS, reporter=ScriptedReporter(interrupt_second_arm)
        )
    assert not (broken / "evaluate").exists()
    reporter = ScriptedReporter(lambda _text: None)
    run_stage(STAGE, broken, config, inputs=INPUTS, reporter=reporter)
    assert not any("contrast_only" in text for text in reporter.texts)
    evaluate(unbroken, config)
    assert read_manifest(broken / "evaluate") == read_manifest(unbroken / "evaluate")
    assert set(read_manifest(broken / "evaluate").files) == {"fidelity.json", "utility.json"}
