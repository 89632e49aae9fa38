import dataclasses
import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medsynth.errors import RecordError, ReleaseRefusedError
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.manifest import hash_file, read_manifest
from medsynth.records.progress import SilentReporter
from medsynth.synthesis.index import read_synthetic, write_synthetic
from medsynth.synthesis.intensity_gate import GateVerdict
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import GeneratorDesign, build_generator
from pipelines.project_config import ProjectConfig
from pipelines.release import STAGE
from pipelines.release_bundle import finish_bundle
from pipelines.release_card import rounded, rounded_up
from pipelines.released_volumes import release_name
from pipelines.stages import run_stage
from tests.pipelines.made_workspace import (
    INPUTS,
    PATIENTS,
    SECRET,
    SOURCES,
    Parts,
    example_labels,
    finish,
    make_workspace,
)


def config(**release: object) -> ProjectConfig:
    return ProjectConfig.model_validate({"release": release})


def release(workspace: Path, settings: ProjectConfig) -> Path:
    run_stage(STAGE, workspace, settings, inputs=INPUTS, reporter=SilentReporter())
    return workspace / "release"


def name_of(workspace: Path, index: int) -> str:
    bundle_key = read_manifest(workspace / "synthesize").content_hash()
    return release_name(SECRET, bundle_key, SOURCES[index].synthetic)


def test_the_bundle_holds_the_source_patients_translations_and_no_others(tmp_path: Path) -> None:
    bundle = release(make_workspace(tmp_path / "w"), config())
    names = sorted(name_of(tmp_path / "w", index) for index in range(2))
    assert sorted(path.name for path in (bundle / "dicom").iterdir()) == names
    assert [path.name for path in sorted((bundle / "nifti").iterdir())] == [
        f"{name}_ct.nii.gz" for name in names
    ]
    assert all(re.fullmatch(r"SYN-[0-9a-f]{10}", name) for name in names)
    assert read_json(bundle / "labels.json") == {"1": "liver", "2": "kidney"}


def test_voxels_and_labels_are_kept_and_the_place_is_not(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    bundle = release(workspace, config())
    name = name_of(workspace, 0)
    made = read_volume(workspace / "synthesize" / "nifti" / f"{SOURCES[0].synthetic}.nii.gz")
    released = read_volume(bundle / "nifti" / f"{name}_ct.nii.gz")
    labels, labels_affine = read_labels(bundle / "labels" / f"{name}.nii.gz")
    assert np.array_equal(released.voxels_hu, made.voxels_hu)
    assert np.array_equal(labels, example_labels(SOURCES[0]))
    assert released.affine[:3, 3].tolist() == [0.0, 0.0, 0.0]
    assert released.affine.tolist() == labels_affine.tolist()
    assert released.spacing_slice_row_column_mm == (5.0, 2.5, 2.5)


def test_dicom_and_nifti_hold_the_same_voxels(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    bundle = release(workspace, config())
    name = name_of(workspace, 1)
    instances = [pydicom.dcmread(path) for path in sorted((bundle / "dicom" / name).iterdir())]
    stacked = np.stack([x.pixel_array.astype(np.int32) - 1024 for x in instances])
    nifti = read_volume(bundle / "nifti" / f"{name}_ct.nii.gz")
    assert np.array_equal(stacked, np.clip(nifti.voxels_hu, -1024, 3071))
    assert instances[0].PatientID == name


def test_no_byte_of_the_bundle_names_the_workspaces_ids_or_hashes_of_scans(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    bundle = release(workspace, config())
    forbidden = [SECRET, str(tmp_path), *INPUTS.content_hashes.values()]
    for patient in PATIENTS:
        forbidden += [patient.patient, patient.series, patient.synthetic]
    forbidden += [hash_file(path) for path in (workspace / "ingest").rglob("*.nii.gz")]
    for path in bundle.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content += gzip.decompress(content) if path.suffix == ".gz" else b""
            assert not [word for word in forbidden if word.encode() in content], path.name


def test_equal_work_gives_equal_bytes_and_another_dataset_other_names(tmp_path: Path) -> None:
    first = release(make_workspace(tmp_path / "first"), config())
    again = release(make_workspace(tmp_path / "again"), config())
    assert read_manifest(first) == read_manifest(again)
    other = release(make_workspace(tmp_path / "other", Parts(has_labels=False)), config())
    released = {path.name for path in (first / "dicom").iterdir()}
    assert released.isdisjoint({path.name for path in (other / "dicom").iterdir()})


def test_checksums_cover_every_file_that_goes_out(tmp_path: Path) -> None:
    bundle = release(make_workspace(tmp_path / "w"), config())
    lines = (bundle / "CHECKSUMS.sha256").read_text("ascii").splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    unlisted = {"CHECKSUMS.sha256", "manifest.json", "provenance.json"}
    paths = {p.relative_to(bundle).as_posix(): p for p in bundle.rglob("*") if p.is_file()}
    assert set(listed) == set(paths) - unlisted
    for relative, digest in listed.items():
        assert hashlib.sha256(paths[relative].read_bytes()).hexdigest() == digest


def test_public_figures_are_rounded_and_name_no_flagged_pair(tmp_path: Path) -> None:
    bundle = release(make_workspace(tmp_path / "w"), config())
    privacy = read_json(bundle / "privacy.json")
    assert privacy["checks"]["near_copy"]["statistic"] == 0.123
    assert privacy["checks"]["linkage_to_source"]["decides"] is False
    assert "flagged" not in privacy
    assert privacy["training"]["private"] is False


def test_rounding_keeps_three_digits_at_any_size() -> None:
    assert rounded({"a": [0.00012345, 123.456], "b": 7}) == {"a": [0.000123, 123.0], "b": 7}


@pytest.mark.parametrize(
    ("bound", "told"),
    [(4.1201, 4.13), (4.12, 4.12), (0.0022727, 0.00228), (8.0, 8.0), (123.4, 124.0)],
)
def test_bounds_are_never_told_smaller_than_they_are(bound: float, told: float) -> None:
    assert rounded_up(bound) == told


def test_the_card_says_what_the_dataset_does_not_promise(tmp_path: Path) -> None:
    card = (release(make_workspace(tmp_path / "w"), config()) / "README.md").read_text("utf-8")
    assert "For controlled sharing only" in card
    assert "2 of 2 released volumes can be matched" in card
    assert "4.9 HU, against 21.5 HU" in card
    assert "| kidney | 0.22 (0.12 to 0.32) | 0.74 (0.64 to 0.84) |" in card
    assert not re.search(r"\b(anonym\w*|safe|compliant)\b", card, re.IGNORECASE)


def test_an_accepted_inconclusive_audit_is_named_at_the_top_of_the_card(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(verdict="inconclusive"))
    bundle = release(workspace, config(accept_inconclusive=True))
    top = (bundle / "README.md").read_text("utf-8").splitlines()[:4]
    assert any("is inconclusive" in line for line in top)


@pytest.mark.parametrize(
    ("verdict", "mode"),
    [("inconclusive", "translated"), ("fail", "translated"), ("pass", "unlinked")],
)
def test_a_refusal_ends_with_exit_code_three_and_leaves_no_bundle(
    tmp_path: Path, verdict: str, mode: str
) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(verdict=verdict))
    with pytest.raises(ReleaseRefusedError, match=f"mode {mode} is refused") as refusal:
        release(workspace, config(mode=mode))
    assert refusal.value.exit_code == 3
    assert not (workspace / "release").exists()
    assert not (workspace / ".release.partial").exists()


def test_a_refusal_takes_back_the_bundle_of_an_earlier_run(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    release(workspace, config())
    with pytest.raises(ReleaseRefusedError):
        release(workspace, config(mode="unlinked"))
    assert not (workspace / "release").exists()


def test_weights_of_a_private_training_go_out_without_the_other_networks(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True))
    bundle = release(workspace, config(mode="weights"))
    files = {p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file()}
    assert files == {
        "to_noncontrast.safetensors",
        "config.json",
        "README.md",
        "privacy.json",
        "CHECKSUMS.sha256",
        "manifest.json",
        "provenance.json",
    }
    name = "to_noncontrast.safetensors"
    assert (bundle / name).read_bytes() == (workspace / "train" / name).read_bytes()
    assert "epsilon 4.13, delta 0.001" in (bundle / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("trained", "is_calibrated"), [("calibration", True), ("all", False)])
def test_released_weights_are_loaded_by_what_the_bundle_says_of_their_design(
    tmp_path: Path, trained: str, is_calibrated: bool
) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True, trained=trained))
    bundle = release(workspace, config(mode="weights"))
    design = GeneratorDesign(**read_json(bundle / "config.json")["generator"])
    network = build_generator(design)
    load_weights(bundle / "to_noncontrast.safetensors", network)
    assert design.calibrated is is_calibrated


def test_weights_of_another_design_than_the_settings_are_not_packed(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True))
    settings = ProjectConfig.model_validate(
        {"release": {"mode": "weights"}, "train": {"channels": 16}}
    )
    with pytest.raises(RecordError, match="do not fit the translator"):
        release(workspace, settings)
    assert not (workspace / "release").exists()


def test_beside_private_weights_no_figure_of_the_training_patients_goes_out(
    tmp_path: Path,
) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True, verdict="inconclusive"))
    bundle = release(workspace, config(mode="weights", accept_inconclusive=True))
    privacy = read_json(bundle / "privacy.json")
    assert privacy["checks"] == {
        "near_copy_exact": {"verdict": "pass", "decides": True},
        "near_copy": {"verdict": "inconclusive", "decides": True},
        "partial_copy": {"verdict": "pass", "decides": True},
        "metadata": {"verdict": "pass", "decides": True},
        "membership_released": {"verdict": "pass", "decides": True},
        "linkage_to_source": {"verdict": "fail", "decides": False},
        "privacy_claim": {"verdict": "pass", "decides": True},
        "membership_model": {"verdict": "inconclusive", "decides": True},
    }
    texts = "".join((bundle / name).read_text("utf-8") for name in ("privacy.json", "README.md"))
    # The checks' figures and sentences, the errors in HU and the Dice of the made-up workspace.
    figures = ("0.123", "1.23", "0.3", "What was found", "2 of 2", "5 checks", "4.88", "0.83")
    assert [figure for figure in figures if figure in texts] == []
    assert "What was measured of it stays with the owner of the scans" in texts


def test_the_card_of_weights_names_the_check_of_the_claim_that_was_not_run(
    tmp_path: Path,
) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True, claim_verdict=None))
    with pytest.raises(ReleaseRefusedError, match="did not try to refute"):
        release(workspace, config(mode="weights"))
    bundle = release(workspace, config(mode="weights", accept_inconclusive=True))
    card = (bundle / "README.md").read_text("utf-8")
    assert "is inconclusive" in card.splitlines()[2]
    assert "| `privacy_claim` | inconclusive | yes |" in card


def test_weights_of_a_training_without_privacy_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseRefusedError, match="differential privacy"):
        release(make_workspace(tmp_path / "w"), config(mode="weights"))


def test_a_pseudonym_in_a_public_text_stops_the_release(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"1": "as in p0123456789"}), "utf-8")
    with pytest.raises(ReleaseRefusedError, match=r"labels\.json of the bundle"):
        finish_bundle(tmp_path)


def test_several_volumes_of_one_patient_are_told_in_the_card(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    index = workspace / "synthesize" / "index.jsonl"
    index.write_text(index.read_text("utf-8").replace(SOURCES[1].patient, SOURCES[0].patient))
    card = (release(workspace, config()) / "README.md").read_text("utf-8")
    assert "(2 volumes of 1 patient)" in card


def test_unmeasured_worth_is_named_in_the_card(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(has_labels=False, has_truth=False))
    bundle = release(workspace, config())
    card = (bundle / "README.md").read_text("utf-8")
    assert "Hounsfield error: not measured" in card
    assert "Segmentation: not measured" in card
    assert not (bundle / "labels.json").exists()


def test_dicom_is_left_out_on_demand(tmp_path: Path) -> None:
    settings = ProjectConfig.model_validate({"synthesize": {"dicom": False}})
    bundle = release(make_workspace(tmp_path / "w"), settings)
    assert not (bundle / "dicom").exists()


def test_a_failed_near_copy_in_the_audit_file_alone_decides(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    audit = read_json(workspace / "audit" / "audit.json")
    audit["checks"]["near_copy_exact"]["verdict"] = "fail"
    write_json(workspace / "audit" / "audit.json", audit)
    finish(workspace / "audit", "synthesize", "train")
    with pytest.raises(ReleaseRefusedError, match="near_copy_exact: fail"):
        release(workspace, config())


def judge_volumes(workspace: Path, *gates: GateVerdict) -> Path:
    """Write the gate's verdicts on the source patients' volumes into the index."""
    folder = workspace / "synthesize"
    verdicts = {patient.synthetic: gate for patient, gate in zip(SOURCES, gates, strict=True)}
    write_synthetic(
        folder,
        [
            dataclasses.replace(record, gate=verdicts.get(record.synthetic, GateVerdict.INSIDE))
            for record in read_synthetic(folder)
        ],
    )
    return workspace


def test_a_flagged_volume_is_not_in_the_bundle_and_the_card_says_so(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    judge_volumes(workspace, GateVerdict.INSIDE, GateVerdict.OUTSIDE)
    bundle = release(workspace, config())
    kept = name_of(workspace, 0)
    assert [path.name for path in (bundle / "dicom").iterdir()] == [kept]
    assert [path.name for path in (bundle / "nifti").iterdir()] == [f"{kept}_ct.nii.gz"]
    assert [path.name for path in (bundle / "labels").iterdir()] == [f"{kept}.nii.gz"]
    card = (bundle / "README.md").read_text("utf-8")
    assert "1 translated volume\n" in card
    assert "1 of 2 translated volumes are left out" in card


def test_a_release_is_refused_when_every_volume_is_flagged(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    judge_volumes(workspace, GateVerdict.OUTSIDE, GateVerdict.OUTSIDE)
    with pytest.raises(ReleaseRefusedError, match="All 2 translated volumes are flagged") as found:
        release(workspace, config())
    assert found.value.exit_code == 3
    assert not (workspace / "release").exists()


def test_volumes_that_nobody_judged_are_told_in_the_card(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    judge_volumes(workspace, GateVerdict.UNJUDGED, GateVerdict.OFF)
    card = (release(workspace, config()) / "README.md").read_text("utf-8")
    assert "1 of 2 translated volumes were not judged in Hounsfield units: too little" in card
    assert "because synthesize.gate is off" in card


def test_dicom_names_the_weights_of_the_engine_that_made_the_volume(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    folder = workspace / "synthesize"
    records = [dataclasses.replace(one, engine="public_start") for one in read_synthetic(folder)]
    write_synthetic(folder, records)
    write_json(folder / "gate.json", {"engines": {"public_start": {"weights_sha256": "7b" * 32}}})
    bundle = release(workspace, config())
    instance = next((bundle / "dicom" / name_of(workspace, 0)).iterdir())
    assert "7b" * 32 in str(pydicom.dcmread(instance))
