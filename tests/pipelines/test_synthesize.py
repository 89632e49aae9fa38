"""Stage synthesize, on blocks of known HU and engines of known effect."""

import dataclasses
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from torch import Tensor, nn

from medsynth.cohort.phase import Phase, PhaseRecord, write_phases
from medsynth.cohort.series import SeriesRecord, write_series
from medsynth.cohort.split import PatientRoles, write_patients
from medsynth.imaging.nifti import read_volume, write_labels, write_volume
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.networks.organ_segmenter import ORGANS
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.manifest import hash_file
from medsynth.synthesis.index import PUBLIC_START, TRAINED, SyntheticRecord, read_synthetic
from medsynth.synthesis.intensity_gate import GateVerdict
from medsynth.training.checkpoints import load_weights, save_weights
from medsynth.training.cycle_networks import build_generator
from medsynth.training.device import Compute
from pipelines import synthesize
from pipelines.project_config import ProjectConfig
from pipelines.synthesize import STAGE, Engine, translate_within_ranges
from pipelines.train import generator_design
from tests.medsynth.cohort.made_series import TECHNICAL, accepted_series
from tests.pipelines.made_workspace import finish
from tests.pipelines.stage_running import RecordingReporter, run_stages

SHAPE = (8, 64, 64)
AFFINE = axial_affine((5.0, 3.0, 3.0))
ROLES = ("source", "holdout")
LABEL_NAMES = {str(number): name for number, name in enumerate(ORGANS, start=1)}
KIDNEY = ORGANS.index("kidney") + 1
CPU = Compute(torch.device("cpu"), mixed=False)


class Darken(nn.Module):
    """Takes a fixed number of HU from all that is brighter than 100 HU."""

    def __init__(self, by_hu: float) -> None:
        super().__init__()
        self.by_hu = nn.Parameter(torch.tensor(by_hu))

    def forward(self, hu: Tensor) -> Tensor:
        return torch.where((hu > 100) & (hu < 400), hu - self.by_hu, hu)


class Refuse(nn.Module):
    """Must not be asked."""

    def forward(self, hu: Tensor) -> Tensor:
        raise AssertionError(f"asked to translate {len(hu)} slices")


def settings(**options: object) -> ProjectConfig:
    return ProjectConfig.model_validate(
        {
            "device": "cpu",
            "prepare": {"spacing_mm": 3.0},
            "train": {"channels": 8, "blocks": 1},
            "synthesize": {"dither_hu": 0.0, **options},
        }
    )


def block(kidney_hu: int) -> tuple[Volume, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """A body of 40 HU with one square kidney, and its labels."""
    voxels = np.full(SHAPE, -1000, dtype=np.int16)
    voxels[:, 8:56, 8:56] = 40
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[:, 32:48, 16:32] = KIDNEY
    voxels[labels == KIDNEY] = kidney_hu
    return Volume(voxels, AFFINE), labels


def make_workspace(workspace: Path, *, has_labels: bool = True) -> Path:
    """One source and one held-out patient; the trained weights change nothing yet."""
    ingest, sort, split, train = (workspace / x for x in ("ingest", "sort", "split", "train"))
    for folder in (ingest / "volumes", ingest / "labels", sort, split, train):
        folder.mkdir(parents=True)
    volume, labels = block(180)
    for role in ROLES:
        write_volume(ingest / "volumes" / f"s_{role}.nii.gz", volume)
        if has_labels:
            write_labels(ingest / "labels" / f"s_{role}.nii.gz", labels, AFFINE)
    if has_labels:
        write_json(ingest / "labels.json", LABEL_NAMES)
    write_series(ingest, [series_record(role, has_labels=has_labels) for role in ROLES])
    contrast = Phase.CONTRAST
    phases = [PhaseRecord(f"s_{x}", contrast, contrast, contrast, 0.9, False) for x in ROLES]
    write_phases(sort, phases)
    write_patients(split, [PatientRoles(f"p_{role}", ("contrast",), (role,)) for role in ROLES])
    save_weights(
        train / "to_noncontrast.safetensors", build_generator(generator_design(settings()))
    )
    finish(ingest)
    finish(sort, "ingest")
    finish(split, "sort")
    finish(train)
    return workspace


def series_record(role: str, *, has_labels: bool) -> SeriesRecord:
    return accepted_series(
        f"s_{role}",
        f"p_{role}",
        Phase.CONTRAST,
        shape=SHAPE,
        spacing_mm=(5.0, 3.0, 3.0),
        has_labels=has_labels,
        technical=TECHNICAL,
    )


def run(workspace: Path, config: ProjectConfig) -> tuple[dict[str, SyntheticRecord], list[str]]:
    """Run the stage and give the records by role, and what was said."""
    reporter: RecordingReporter = run_stages([STAGE], workspace, config)
    records = read_synthetic(workspace / "synthesize")
    return {record.role: record for record in records}, reporter.lines


@pytest.fixture(autouse=True)
def _idle_second_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The public start would mend what these tests leave wrong."""
    second_engine(monkeypatch, Darken(0.0))


def second_engine(monkeypatch: pytest.MonkeyPatch, network: nn.Module) -> None:
    monkeypatch.setattr(synthesize, "public_generator", lambda: network)


def test_a_translation_that_leaves_the_contrast_in_is_flagged(tmp_path: Path) -> None:
    records, lines = run(make_workspace(tmp_path / "w"), settings())
    assert records["source"].gate == GateVerdict.OUTSIDE
    assert records["source"].is_flagged
    assert records["source"].organ_median_hu == {"kidney": 180.0}
    assert records["source"].engine == TRAINED
    assert any(line.startswith("1 of 1 translated volumes are flagged") for line in lines)


def test_a_flagged_volume_is_kept_for_the_report_but_not_as_dicom(tmp_path: Path) -> None:
    records, _ = run(make_workspace(tmp_path / "w"), settings())
    folder = tmp_path / "w" / "synthesize"
    assert (folder / "nifti" / f"{records['source'].synthetic}.nii.gz").is_file()
    assert list((folder / "dicom").iterdir()) == []


def test_the_other_engine_makes_what_the_trained_one_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_engine(monkeypatch, Darken(150.0))
    workspace = make_workspace(tmp_path / "w")
    records, lines = run(workspace, settings())
    source = records["source"]
    assert (source.gate, source.engine) == (GateVerdict.INSIDE, PUBLIC_START)
    assert source.organ_median_hu == {"kidney": 30.0}
    made = read_volume(workspace / "synthesize" / "nifti" / f"{source.synthetic}.nii.gz")
    assert made.voxels_hu[4, 40, 24] == 30
    assert lines == []


def test_dicom_and_summary_name_the_weights_that_made_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_engine(monkeypatch, Darken(150.0))
    workspace = make_workspace(tmp_path / "w")
    records, _ = run(workspace, settings())
    summary = read_json(workspace / "synthesize" / "gate.json")
    trained, other = (summary["engines"][name] for name in (TRAINED, PUBLIC_START))
    assert trained["weights_sha256"] == hash_file(workspace / "train/to_noncontrast.safetensors")
    assert trained["weights_sha256"] != other["weights_sha256"]
    assert (trained["volumes"], other["volumes"]) == (0, 2)
    instance = next((workspace / "synthesize/dicom" / records["source"].synthetic).iterdir())
    assert other["weights_sha256"] in str(pydicom.dcmread(instance))


def test_the_audits_null_goes_the_same_way_as_what_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_engine(monkeypatch, Darken(150.0))
    workspace = make_workspace(tmp_path / "w")
    records, _ = run(workspace, settings())
    alike = {"gate", "organ_median_hu", "engine", "shape"}
    source, holdout = (dataclasses.asdict(records[role]) for role in ROLES)
    assert {key: source[key] for key in alike} == {key: holdout[key] for key in alike}
    summary = read_json(workspace / "synthesize" / "gate.json")
    assert summary["source"] == summary["holdout"]


def test_of_two_that_fail_the_better_is_kept_and_flagged() -> None:
    volume, _ = block(180)
    organs = np.zeros((8, 160, 160), dtype=np.uint8)
    organs[:, 80:96, 64:80] = KIDNEY
    engines = (
        Engine(TRAINED, Darken(20.0), "a", 3.0),
        Engine(PUBLIC_START, Darken(90.0), "b", 3.0),
        Engine("third", Darken(60.0), "c", 3.0),
    )
    made = translate_within_ranges(volume, organs, engines, compute=CPU)
    assert made.engine.name == PUBLIC_START
    assert made.gate.verdict is GateVerdict.OUTSIDE
    # 180 - 90 HU, where the kidney's range ends at 55 HU.
    assert made.gate.excess_hu == pytest.approx(35.0)


def test_the_other_engine_is_not_asked_where_the_first_is_inside() -> None:
    volume, _ = block(180)
    organs = np.zeros((8, 160, 160), dtype=np.uint8)
    organs[:, 80:96, 64:80] = KIDNEY
    engines = (Engine(TRAINED, Darken(150.0), "a", 3.0), Engine(PUBLIC_START, Refuse(), "b", 3.0))
    made = translate_within_ranges(volume, organs, engines, compute=CPU)
    assert made.gate.verdict is GateVerdict.INSIDE


def test_a_volume_in_which_no_organ_is_found_is_unjudged(tmp_path: Path) -> None:
    records, lines = run(make_workspace(tmp_path / "w", has_labels=False), settings())
    assert records["source"].gate == GateVerdict.UNJUDGED
    assert records["source"].organ_median_hu == {}
    assert any("could not be judged" in line for line in lines)


def test_without_the_gate_nothing_is_judged_and_that_is_written_down(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    records, _ = run(workspace, settings(gate=False))
    assert {record.gate for record in records.values()} == {GateVerdict.OFF}
    assert read_json(workspace / "synthesize" / "gate.json")["gate"] == "off"
    assert len(list((workspace / "synthesize" / "dicom").iterdir())) == 1


def test_without_the_gate_the_other_engine_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> nn.Module:
        raise AssertionError("loaded for nothing")

    monkeypatch.setattr(synthesize, "public_generator", refuse)
    workspace = make_workspace(tmp_path / "w")
    run(workspace, settings(gate=False))
    assert list(read_json(workspace / "synthesize" / "gate.json")["engines"]) == [TRAINED]


def test_what_was_not_trained_is_not_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace(tmp_path / "w")
    same = build_generator(generator_design(settings()))
    load_weights(workspace / "train" / "to_noncontrast.safetensors", same)
    second_engine(monkeypatch, same)
    run(workspace, settings())
    assert list(read_json(workspace / "synthesize" / "gate.json")["engines"]) == [TRAINED]


def test_noise_of_the_secret_covers_what_is_translated(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    records, _ = run(workspace, settings(dither_hu=4.0))
    made = read_volume(workspace / "synthesize/nifti" / f"{records['source'].synthetic}.nii.gz")
    body = made.voxels_hu[2:6, 12:28, 36:52]
    # The body is even at 40 HU, so all that varies is the noise.
    assert int(body.max()) - int(body.min()) > 2
    assert np.abs(body - 40).max() <= 4
