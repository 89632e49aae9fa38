"""A small finished workspace, made up of smooth blobs, for the tests of release and report."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from medsynth.cohort.phase import Phase, PhaseRecord, write_phases
from medsynth.cohort.series import SeriesRecord, write_series
from medsynth.cohort.slice_store import write_index
from medsynth.cohort.split import PatientRoles, write_patients
from medsynth.imaging.nifti import write_labels, write_volume
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.records.json_lines import write_json, write_json_lines
from medsynth.records.manifest import read_manifest, write_manifest
from medsynth.records.provenance import write_provenance
from medsynth.synthesis.index import SyntheticRecord, synthetic_identifier, write_synthetic
from medsynth.training.checkpoints import save_weights
from medsynth.training.cycle_networks import build_generator
from pipelines.inputs import InputRecord
from pipelines.project_config import ProjectConfig
from pipelines.train import generator_design
from tests.medsynth.cohort.made_series import TECHNICAL, accepted_series

SECRET = "5e" * 32
INPUTS = InputRecord(content_hashes={"dicom": "0" * 64}, secret=SECRET)
LABEL_NAMES = {"1": "liver", "2": "kidney"}
WEIGHTS = bytes(range(256)) * 8
# At delta 0.001 these cost epsilon 3.4, less than the made-up training states.
UPDATES = {"name": "generators", "noise_multiplier": 2.0, "sample_rate": 0.3, "steps": 40}
SHAPE = (6, 40, 48)
AFFINE = axial_affine((5.0, 2.5, 2.5), first_voxel_ras_mm=(61.0, 48.0, -913.0))


@dataclasses.dataclass(frozen=True)
class Patient:
    """A made-up patient with one series."""

    patient: str
    series: str
    phase: Phase
    role: str

    @property
    def synthetic(self) -> str:
        return synthetic_identifier(SECRET, self.series)


@dataclasses.dataclass(frozen=True)
class Parts:
    """What the made-up workspace holds, where tests want it otherwise.

    What was trained and the verdict on the claim of privacy are a private training's.
    """

    has_truth: bool = True
    has_labels: bool = True
    verdict: str = "pass"
    private: bool = False
    trained: str = "calibration"
    claim_verdict: str | None = "pass"
    train_patients: int = 2


PATIENTS = (
    Patient("p0000000001", "s000000000001", Phase.CONTRAST, "train"),
    Patient("p0000000002", "s000000000002", Phase.CONTRAST, "train"),
    Patient("p0000000003", "s000000000003", Phase.NONCONTRAST, "train"),
    Patient("p0000000004", "s000000000004", Phase.CONTRAST, "source"),
    Patient("p0000000005", "s000000000005", Phase.CONTRAST, "source"),
    Patient("p0000000006", "s000000000006", Phase.CONTRAST, "holdout"),
    Patient("p0000000007", "s000000000007", Phase.NONCONTRAST, "test"),
)
SOURCES = tuple(patient for patient in PATIENTS if patient.role == "source")


def make_workspace(workspace: Path, parts: Parts | None = None) -> Path:
    """Write every folder up to audit, with manifests that fit one another."""
    parts = parts or Parts()
    _write_ingest(workspace, parts)
    _write_sort_and_split(workspace)
    _write_prepare(workspace)
    _write_train(workspace, parts)
    _write_synthesize(workspace, parts)
    _write_evaluate(workspace, parts)
    _write_audit(workspace, parts)
    return workspace


def example_hu(patient: Patient, *, contrast: bool) -> NDArray[np.int16]:
    """Give a body of 50 HU with two organs that contrast agent lights up."""
    organs = example_labels(patient)
    voxels = np.where(_ellipse(16.0, 20.0), 50, -1000).astype(np.int16)
    voxels[organs == 1] = 110 if contrast else 55
    voxels[organs == 2] = 190 if contrast else 32
    noise = np.random.default_rng(int(patient.series[1:])).normal(0, 6, SHAPE)
    return (voxels + np.rint(noise)).astype(np.int16)


def example_labels(patient: Patient) -> NDArray[np.uint8]:
    shift = int(patient.series[1:])
    labels = np.where(_ellipse(6.0, 8.0, column=-8.0 + 0.5 * shift), 1, 0)
    labels = np.where(_ellipse(4.0, 3.0, row=2.0, column=9.0), 2, labels)
    return labels.astype(np.uint8)


def example_audit(verdict: str = "pass") -> dict[str, Any]:
    """Give an `audit.json` with a linkage of every volume and a given verdict of near copies."""
    everywhere = ["translated", "unlinked", "source_free", "weights"]
    linked = "2 of 2 released volumes can be matched to their source by someone who has the scan."
    return {
        "verdict": verdict,
        "mode": "translated",
        "reasons": [],
        "checks": {
            "near_copy_exact": _check("pass", 0.0, None, "No identical image.", everywhere),
            "near_copy": _check(verdict, 0.1234567, [0.0, 0.3], "What was found.", everywhere),
            "partial_copy": _check("pass", 0.0, [0.0, 0.3], "No part of a copy.", everywhere),
            "metadata": _check("pass", 0.0, None, "No trace of a patient.", everywhere),
            "membership_released": _check("pass", 0.5, [0.4, 0.58], "Nobody told.", everywhere),
            "linkage_to_source": _check(
                "fail", 1.0, [0.16, 1.0], linked, ["unlinked", "source_free"]
            ),
        },
        "flagged": [
            {
                "synthetic": f"{patient.synthetic}.nii.gz",
                "patient": patient.patient,
                "check": "linkage_to_source",
                "p_value": 0.25,
                "similarity": 0.9,
                "picture": f"flagged/{index:04d}.png",
            }
            for index, patient in enumerate(SOURCES)
        ],
        "self_test": {
            "verdict": "pass",
            "explanation": "All planted copies were found.",
            "kinds": {"shift": {"planted": 4, "found": 4, "lowest_similarity": 0.8}},
        },
    }


def with_claim(audit: Mapping[str, Any], verdict: str = "pass") -> dict[str, Any]:
    """Give an audit that also tried to refute a claim of privacy."""
    everywhere = ["translated", "unlinked", "source_free", "weights"]
    claim = _check(verdict, 1.2345678, [0.5, 2.5], "5 checks tried it.", everywhere)
    attack = _check("inconclusive", 0.61, [0.41, 0.79], "Too few to tell.", ["weights"])
    tried = {"privacy_claim": claim, "membership_model": attack}
    return {**audit, "checks": {**audit["checks"], **tried}}


def finish(folder: Path, *reads: str) -> None:
    """Write the manifest and the provenance of a stage's folder."""
    inputs = {name: read_manifest(folder.parent / name).content_hash() for name in reads}
    write_manifest(folder, stage=folder.name, settings_hash="0" * 64, inputs=inputs)
    write_provenance(folder, seconds=1.5, device="cpu")


def _check(
    verdict: str,
    statistic: float,
    interval: Sequence[float] | None,
    explanation: str,
    applies_to: Sequence[str],
) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "statistic": statistic,
        "ci": interval,
        "threshold": 0.05,
        "n": 2,
        "explanation": explanation,
        "applies_to": list(applies_to),
    }


def _ellipse(
    half_rows: float, half_columns: float, *, row: float = 0.0, column: float = 0.0
) -> NDArray[np.bool_]:
    slices, rows, columns = SHAPE
    down = (np.arange(rows) - (rows - 1) / 2 - row) / half_rows
    across = (np.arange(columns) - (columns - 1) / 2 - column) / half_columns
    inside = down[:, None] ** 2 + across[None, :] ** 2 <= 1.0
    return np.broadcast_to(inside, (slices, rows, columns))


def _write_ingest(workspace: Path, parts: Parts) -> None:
    folder = workspace / "ingest"
    for name in ("volumes", "labels", "truth"):
        (folder / name).mkdir(parents=True)
    records = []
    for patient in PATIENTS:
        contrast = patient.phase is Phase.CONTRAST
        name = f"{patient.series}.nii.gz"
        write_volume(
            folder / "volumes" / name, Volume(example_hu(patient, contrast=contrast), AFFINE)
        )
        if parts.has_labels:
            write_labels(folder / "labels" / name, example_labels(patient), AFFINE)
        if parts.has_truth and contrast:
            truth = Volume(example_hu(patient, contrast=False), AFFINE)
            write_volume(folder / "truth" / name, truth)
        records.append(_series_record(patient, parts))
    rejected = dataclasses.replace(
        records[0],
        series="s00000000000a",
        verdict="rejected",
        reason="localizer",
        shape=(),
        spacing_mm=(),
        has_labels=False,
        has_truth=False,
    )
    write_series(folder, [*records, rejected])
    if parts.has_labels:
        write_json(folder / "labels.json", LABEL_NAMES)
    finish(folder)


def _series_record(patient: Patient, parts: Parts) -> SeriesRecord:
    return accepted_series(
        patient.series,
        patient.patient,
        patient.phase,
        shape=SHAPE,
        spacing_mm=(5.0, 2.5, 2.5),
        has_labels=parts.has_labels,
        has_truth=parts.has_truth and patient.phase is Phase.CONTRAST,
        technical=TECHNICAL,
    )


def _write_sort_and_split(workspace: Path) -> None:
    for name in ("sort", "split"):
        (workspace / name).mkdir()
    write_phases(
        workspace / "sort",
        [
            PhaseRecord(
                series=patient.series,
                phase=patient.phase,
                header=patient.phase,
                pixels=patient.phase,
                confidence=0.9,
                conflict=False,
            )
            for patient in PATIENTS
        ],
    )
    finish(workspace / "sort", "ingest")
    write_patients(
        workspace / "split",
        [PatientRoles(x.patient, (str(x.phase),), (x.role,)) for x in PATIENTS],
    )
    finish(workspace / "split", "sort")


def _write_prepare(workspace: Path) -> None:
    (workspace / "prepare").mkdir()
    write_index(workspace / "prepare", [])
    finish(workspace / "prepare", "ingest", "split")


def _write_train(workspace: Path, parts: Parts) -> None:
    folder = workspace / "train"
    folder.mkdir()
    for name in ("to_noncontrast", "to_contrast"):
        _write_weights(folder / f"{name}.safetensors", parts)
    write_json_lines(folder / "metrics.jsonl", (_metrics_row(step) for step in range(10, 400, 10)))
    write_json(
        folder / "privacy.json",
        {
            "private": parts.private,
            "unit": "patient",
            "epsilon": 4.123456 if parts.private else None,
            "delta": 1e-3 if parts.private else None,
            "trained": parts.trained if parts.private else None,
            "mechanisms": [UPDATES] if parts.private else [],
            "not_covered": ["A translated scan keeps its patient's anatomy."],
        },
    )
    finish(folder, "prepare")


def _write_weights(path: Path, parts: Parts) -> None:
    if not parts.private:
        path.write_bytes(WEIGHTS)
        return
    design = dataclasses.replace(
        generator_design(ProjectConfig()), calibrated=parts.trained == "calibration"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_weights(path, build_generator(design))


def _metrics_row(step: int) -> Mapping[str, float]:
    swing = float(np.cos(step))
    return {
        "step": step,
        "learning_rate": 5e-4,
        "to_noncontrast_adversarial": 0.4 + 0.05 * swing,
        "to_contrast_adversarial": 0.35 + 0.05 * swing,
        "cycle": 20.0 / step + 0.01,
        "identity": 12.0 / step,
        "discriminator": 0.2 + 0.02 * swing,
    }


def _write_synthesize(workspace: Path, parts: Parts) -> None:
    folder = workspace / "synthesize"
    for name in ("nifti", "labels", "null"):
        (folder / name).mkdir(parents=True)
    records = []
    for patient in PATIENTS:
        if patient.role not in {"source", "holdout"}:
            continue
        name = f"{patient.synthetic}.nii.gz"
        wanted = example_hu(patient, contrast=False)
        wanted[example_labels(patient) == 2] += 20
        place = "nifti" if patient.role == "source" else "null"
        write_volume(folder / place / name, Volume(wanted, AFFINE))
        if parts.has_labels and patient.role == "source":
            write_labels(folder / "labels" / name, example_labels(patient), AFFINE)
        records.append(_synthetic_record(patient, parts))
    write_synthetic(folder, records)
    if parts.has_labels:
        write_json(folder / "labels.json", LABEL_NAMES)
    finish(folder, "ingest", "split", "train")


def _synthetic_record(patient: Patient, parts: Parts) -> SyntheticRecord:
    return SyntheticRecord(
        synthetic=patient.synthetic,
        series=patient.series,
        patient=patient.patient,
        role=patient.role,
        slices=SHAPE[0],
        shape=SHAPE,
        spacing_mm=(5.0, 2.5, 2.5),
        has_labels=parts.has_labels and patient.role == "source",
    )


def _write_evaluate(workspace: Path, parts: Parts) -> None:
    folder = workspace / "evaluate"
    folder.mkdir()
    write_json(folder / "fidelity.json", _fidelity(parts))
    arms = {
        "contrast_only": _dice_results(liver=0.61, kidney=0.22),
        "cyclegan_mix": _dice_results(liver=0.83, kidney=0.74),
    }
    no_labels = ["No scan has labels, so no segmenter was trained."]
    utility = {"arms": arms} if parts.has_labels else {"arms": {}, "not_measured": no_labels}
    write_json(folder / "utility.json", utility)
    finish(folder, "prepare", "synthesize")


def _fidelity(parts: Parts) -> dict[str, Any]:
    if not parts.has_labels:
        return {"n_patients": 2, "organs": {}, "body_change_hu": 14.0, "not_measured": []}
    kidney = {"n": 2, "before_hu": 190.0, "after_hu": 52.0, "typical_hu": [20.0, 40.0]}
    liver = {"n": 2, "before_hu": 110.0, "after_hu": 55.0, "typical_hu": [45.0, 65.0]}
    fidelity: dict[str, Any] = {"n_patients": 2, "body_change_hu": 14.0}
    if parts.has_truth:
        errors = {"input_mae_hu": 158.0, "input_bias_hu": 158.0, "mae_hu": 20.4}
        kidney |= {**errors, "bias_hu": 20.0, "bias_ci": [14.0, 26.0]}
        liver |= {**errors, "input_bias_hu": 55.0, "bias_hu": 0.4, "bias_ci": None}
        fidelity |= {"body_mae_hu": 4.87654321, "input_body_mae_hu": 21.5, "ratio": 0.23}
    return {**fidelity, "organs": {"liver": liver, "kidney": kidney}}


def _dice_results(**dice: float) -> dict[str, Any]:
    def results(gain: float) -> dict[str, Any]:
        return {
            organ: {"dice": value + gain, "ci": [value + gain - 0.1, value + gain + 0.1], "n": 2}
            for organ, value in dice.items()
        }

    return {"out_of_distribution": results(0.0), "in_distribution": results(0.06)}


def _write_audit(workspace: Path, parts: Parts) -> None:
    folder = workspace / "audit"
    (folder / "flagged").mkdir(parents=True)
    audit = example_audit(parts.verdict)
    if parts.private and parts.claim_verdict is not None:
        audit = with_claim(audit, parts.claim_verdict)
    write_json(folder / "audit.json", audit)
    for index in range(len(SOURCES)):
        pixels = np.full((60, 180, 3), 80 + 20 * index, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "flagged" / f"{index:04d}.png")
    finish(folder, "ingest", "prepare", "synthesize", "train")
