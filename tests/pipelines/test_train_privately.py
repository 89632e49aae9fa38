from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medsynth.cohort.series import write_series
from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from medsynth.errors import CohortError, ConfigurationError, PrivacyError, RecordError
from medsynth.privacy.checks.made_patients import flat_patients
from medsynth.privacy.entropy import SystemEntropy
from medsynth.privacy.public_scans import made_up_scans
from medsynth.privacy.self_checks import CheckResult, Claim, MakeTrainer
from medsynth.records.json_lines import read_json, read_json_lines
from medsynth.records.manifest import read_manifest
from pipelines import audit, private_claim, private_public_source, train
from pipelines.private_claim import check_claim
from pipelines.project_config import ProjectConfig, load_config
from tests.medsynth.cohort.made_series import accepted_series
from tests.medsynth.privacy.small_networks import CPU
from tests.pipelines.made_workspace import finish
from tests.pipelines.stage_running import run_stages

TRAIN = {"steps": 3, "patch": 32}
PATIENTS = 12
SMALL = (
    "privacy.trained=all",
    "train.start=scratch",
    "train.channels=4",
    "train.blocks=1",
    "train.discriminator_channels=4",
    "train.batch=2",
)


def _config(*overrides: str) -> ProjectConfig:
    layer = {
        "device": "cpu",
        "prepare": {"matrix": 32},
        "train": TRAIN,
        "privacy": {"enabled": True},
    }
    return load_config([layer], overrides)


def _prepared(
    workspace: Path, *, patients: int = PATIENTS, has_twin: bool = False, seed: int = 0
) -> Path:
    folder = workspace / "prepare"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    stored = []
    slices = np.zeros((2, 32, 32))
    for phase, hu in (("contrast", 150), ("noncontrast", 50)):
        for number in range(patients):
            series = f"{phase}{number}"
            if not (has_twin and series == "noncontrast1"):
                slices = generator.normal(hu, 20, (2, 32, 32))
            store_array(folder, "slices", series, slices.astype(np.int16))
            stored.append(StoredSeries(series, series, phase, ("train",), 2, False, False))
    write_index(folder, stored)
    finish(folder)
    (workspace / "ingest").mkdir()
    write_series(
        workspace / "ingest",
        [
            accepted_series(
                entry.series,
                entry.patient,
                shape=(2, 32, 32),
                spacing_mm=(5.0, 2.8, 2.8),
                has_labels=False,
                has_truth=False,
            )
            for entry in stored
        ],
    )
    return workspace


def _trained(workspace: Path, *overrides: str, patients: int = PATIENTS) -> dict[str, Any]:
    run_stages([train.STAGE], _prepared(workspace, patients=patients), _config(*overrides))
    return _read_record(workspace)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a workspace that was trained and checked, to be read alone."""
    workspace = tmp_path_factory.mktemp("trained")
    _trained(workspace, "privacy.verify=true")
    return workspace


def _read_record(workspace: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(workspace / "train" / "privacy.json")
    return found


def test_record_tells_the_budget_and_what_it_leaves_out(trained: Path) -> None:
    record = _read_record(trained)
    assert record["private"] is True
    assert record["unit"] == "patient"
    assert 0 < record["epsilon"] <= 8.0
    assert record["delta"] == pytest.approx(1 / 240)
    assert record["mechanisms"] == record["applied"] == record["declared"]
    assert [one["name"] for one in record["mechanisms"]] == ["generators"]
    assert record["total_epsilon"] == pytest.approx(record["epsilon"])
    assert any("translated" in sentence for sentence in record["not_covered"])


def test_nothing_that_was_not_noised_is_written_with_the_weights(trained: Path) -> None:
    names = {path.name for path in (trained / "train").iterdir()}
    assert names == {
        "to_noncontrast.safetensors",
        "to_contrast.safetensors",
        "metrics.jsonl",
        "privacy.json",
        "manifest.json",
        "provenance.json",
        # Without noise, and named among what the budget does not cover.
        "domain_differences.json",
    }
    for row in read_json_lines(trained / "train" / "metrics.jsonl"):
        assert set(row) == {"step", "epsilon"}


def test_networks_are_learnt_by_two_mechanisms_where_the_discriminators_learn(
    tmp_path: Path,
) -> None:
    record = _trained(
        tmp_path,
        *SMALL,
        "privacy.discriminator_steps=2",
    )
    steps = {one["name"]: one["steps"] for one in record["mechanisms"]}
    assert steps == {"discriminators": 6, "generators": 3}
    assert record["epsilon"] <= 8.0


@pytest.fixture(scope="module")
def public_record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the record of a training from a few made-up contrast scans."""
    workspace = tmp_path_factory.mktemp("public")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(private_public_source, "made_up_scans", lambda: made_up_scans(2))
        return _trained(workspace, "privacy.public_source=made_up", *SMALL, patients=21)


def test_record_names_what_is_public_and_whom_patients_reach(
    public_record: dict[str, Any],
) -> None:
    record = public_record
    assert record["public_source"] == {
        "source": "made_up",
        "patients": 2,
        "content_sha256": None,
        "free_steps": 2,
        "learnt_from_public_scans": ["to_noncontrast", "to_contrast", "contrast_discriminator"],
        "reached_by_patients": ["noncontrast_discriminator"],
    }
    updates = {one["name"]: one["steps"] for one in record["mechanisms"]}
    assert updates == {"noncontrast_discriminator": 3}
    # Contrast patients are not read, so nobody of them spends anything.
    assert record["patients"] == 21
    assert record["epsilon"] <= 8.0


def test_claim_of_a_public_source_is_tried_on_a_trainer_with_one(
    public_record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []

    def building(make_trainer: MakeTrainer, _claim: Claim) -> list[CheckResult]:
        trainer = make_trainer(flat_patients([0, 40]), SystemEntropy())
        built.extend([type(trainer).__name__, *trainer.mechanisms])
        return []

    monkeypatch.setattr(private_claim, "verify_privacy", building)
    assert [one.verdict for one in check_claim(public_record, CPU)] == ["not_refuted"]
    assert built == ["PublicSourceTrainer", "noncontrast_discriminator"]


def test_scans_of_a_public_workspace_are_learnt_from(tmp_path: Path) -> None:
    public = _prepared(tmp_path / "public", patients=2, seed=1)
    record = _trained(tmp_path / "own", f"privacy.public_source={public}", *SMALL, patients=21)
    told = record["public_source"]
    assert (told["source"], told["patients"]) == ("workspace", 2)
    assert told["content_sha256"] == read_manifest(public / "prepare").content_hash()


def test_training_without_public_scans_names_none(trained: Path) -> None:
    assert _read_record(trained)["public_source"] is None


def test_private_scans_that_are_called_public_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="are in the public source"):
        _trained(tmp_path, f"privacy.public_source={tmp_path}", *SMALL, patients=21)


def test_folder_without_prepared_scans_is_no_public_source(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no prepared scans"):
        _trained(tmp_path, f"privacy.public_source={tmp_path / 'nowhere'}", patients=21)


def test_made_up_scans_of_another_grid_are_refused(tmp_path: Path) -> None:
    overrides = ("privacy.public_source=made_up", "prepare.spacing_mm=2.0")
    with pytest.raises(ConfigurationError, match="one grid for both"):
        _trained(tmp_path, *overrides, patients=21)


def test_results_of_the_checks_stand_in_the_record(trained: Path) -> None:
    record = _read_record(trained)
    found = {one["name"]: one for one in record["self_checks"]}
    canaries = found["gradient_canaries"]
    assert set(canaries) == {
        *("name", "verdict", "statistic", "threshold", "interval", "n", "explanation"),
    }
    assert canaries["verdict"] == "not_refuted"
    assert 0 < canaries["statistic"] < canaries["interval"][0] < record["epsilon"]
    assert canaries["threshold"] == record["epsilon"]


def test_second_training_adds_up_and_is_refused_beyond_the_total(tmp_path: Path) -> None:
    first = _trained(tmp_path)
    with pytest.raises(PrivacyError, match="in total"):
        run_stages([train.STAGE], tmp_path, _config())
    assert read_json(tmp_path / "train" / "privacy.json") == first
    run_stages([train.STAGE], tmp_path, _config("privacy.total_epsilon=30"))
    second = read_json(tmp_path / "train" / "privacy.json")
    assert second["total_epsilon"] > first["epsilon"] + 1


def test_altered_ledger_is_refused(tmp_path: Path) -> None:
    _trained(tmp_path)
    ledger = tmp_path / "privacy_ledger.json"
    ledger.write_text(ledger.read_text("utf-8").replace('"steps": 3', '"steps": 1'), "utf-8")
    with pytest.raises(PrivacyError, match="altered"):
        run_stages([train.STAGE], tmp_path, _config("privacy.total_epsilon=30"))


def test_lost_ledger_of_a_training_that_is_still_here_is_refused(tmp_path: Path) -> None:
    _trained(tmp_path)
    (tmp_path / "privacy_ledger.json").unlink()
    with pytest.raises(PrivacyError, match="ledger"):
        run_stages([train.STAGE], tmp_path, _config())
    assert not (tmp_path / "privacy_ledger.json").exists()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("train.minutes=1", "number of steps"),
        ("train.steps=0", "train.steps is 0"),
        ("train.early_stop=true", "early_stop"),
        ("train.image_pool=5", "image_pool"),
        ("train.engine=contrastive", "engine"),
        ("train.start=scratch", "public start"),
        ("privacy.expected_patients=50", "expected_patients"),
        ("privacy.epsilon=1e-6", "cannot be reached"),
        ("privacy.delta=0.5", "Delta"),
    ],
)
def test_setting_that_would_make_epsilon_untrue_is_refused(
    tmp_path: Path, override: str, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        run_stages([train.STAGE], _prepared(tmp_path), _config(override))
    assert not (tmp_path / "privacy_ledger.json").exists()


def test_seed_for_the_noise_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationError, match="operating system"):
        _config("privacy.seed=3")


def test_verifying_without_privacy_is_refused(tmp_path: Path) -> None:
    config = _config("privacy.enabled=false", "privacy.verify=true")
    with pytest.raises(ConfigurationError, match="--verify-privacy"):
        run_stages([train.STAGE], _prepared(tmp_path), config)


def test_fewer_than_twenty_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="at least 20"):
        run_stages([train.STAGE], _prepared(tmp_path, patients=9), _config())


def test_scan_under_two_pseudonyms_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="one pseudonym a person"):
        run_stages([train.STAGE], _prepared(tmp_path, has_twin=True), _config())


@pytest.mark.parametrize(("claimed", "verdict"), [(None, "pass"), (0.5, "fail")])
def test_audit_fails_a_claim_that_is_refuted(
    trained: Path, claimed: float | None, verdict: str
) -> None:
    record = _read_record(trained)
    stated = {**record, "epsilon": record["epsilon"] if claimed is None else claimed}
    found = audit.privacy_claim(stated, check_claim(stated, CPU))
    assert found.verdict == verdict
    assert found.n == 2 * PATIENTS
    # Less is claimed than the updates add up to, which an attacker sees without adding up.
    for name in ("sum", "gradient_canaries"):
        assert (f"Refuted by {name}" in found.explanation) == (verdict == "fail")


def test_record_without_its_plan_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"privacy\.json"):
        check_claim({"epsilon": 1.0, "delta": 0.01, "steps": 1, "mechanisms": []}, CPU)


def test_settings_of_privacy_make_a_training_stale_and_the_ledgers_place_does_not() -> None:
    plain, moved = _config(), _config("privacy.ledger=elsewhere.json", "privacy.verify=true")
    assert train.STAGE.settings(plain) == train.STAGE.settings(moved)
    assert train.STAGE.settings(plain) != train.STAGE.settings(_config("privacy.epsilon=2"))
