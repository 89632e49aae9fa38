from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medsynth.cohort.series import write_series
from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from medsynth.errors import CohortError, ConfigurationError, PrivacyError, RecordError
from medsynth.records.json_lines import read_json, read_json_lines, write_json
from pipelines import audit, train
from pipelines.private_claim import check_claim
from pipelines.project_config import ProjectConfig, load_config
from pipelines.stages import StageContext
from tests.medsynth.cohort.made_series import accepted_series
from tests.medsynth.privacy.small_networks import CPU
from tests.pipelines.made_workspace import finish
from tests.pipelines.stage_running import INPUTS, RecordingReporter, run_stages

TRAIN = {"steps": 3, "patch": 32}
PATIENTS = 12


def _config(*overrides: str) -> ProjectConfig:
    layer = {
        "device": "cpu",
        "prepare": {"matrix": 32},
        "train": TRAIN,
        "privacy": {"enabled": True},
    }
    return load_config([layer], overrides)


def _prepared(workspace: Path, *, patients: int = PATIENTS, has_twin: bool = False) -> Path:
    folder = workspace / "prepare"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
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


def _trained(workspace: Path, *overrides: str) -> dict[str, Any]:
    run_stages([train.STAGE], _prepared(workspace), _config(*overrides))
    found: dict[str, Any] = read_json(workspace / "train" / "privacy.json")
    return found


def test_record_tells_the_budget_and_what_it_leaves_out(tmp_path: Path) -> None:
    record = _trained(tmp_path)
    assert record["private"] is True
    assert record["unit"] == "patient"
    assert 0 < record["epsilon"] <= 8.0
    assert record["delta"] == pytest.approx(1 / 240)
    assert record["mechanisms"] == record["applied"] == record["declared"]
    assert [one["name"] for one in record["mechanisms"]] == ["generators"]
    assert record["total_epsilon"] == pytest.approx(record["epsilon"])
    assert any("translated" in sentence for sentence in record["not_covered"])


def test_nothing_that_was_not_noised_is_written_with_the_weights(tmp_path: Path) -> None:
    _trained(tmp_path)
    names = {path.name for path in (tmp_path / "train").iterdir()}
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
    for row in read_json_lines(tmp_path / "train" / "metrics.jsonl"):
        assert set(row) == {"step", "epsilon"}


def test_networks_are_learnt_by_two_mechanisms_where_the_discriminators_learn(
    tmp_path: Path,
) -> None:
    record = _trained(
        tmp_path,
        "privacy.trained=all",
        "privacy.discriminator_steps=2",
        "train.start=scratch",
        "train.channels=4",
        "train.blocks=1",
        "train.discriminator_channels=4",
    )
    steps = {one["name"]: one["steps"] for one in record["mechanisms"]}
    assert steps == {"discriminators": 6, "generators": 3}
    assert record["epsilon"] <= 8.0


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


def test_claim_of_less_than_its_updates_add_up_to_is_refuted(tmp_path: Path) -> None:
    record = _trained(tmp_path)
    found = {one.name: one for one in check_claim({**record, "epsilon": 1.0}, CPU)}
    assert found["sum"].verdict == "refuted"
    assert found["gradient_canaries"].verdict == "refuted"
    honest = check_claim(record, CPU)
    assert [one.name for one in honest if one.verdict == "refuted"] == []


@pytest.mark.parametrize(("claimed", "verdict"), [(None, "pass"), (0.5, "fail")])
def test_audit_fails_a_claim_that_is_refuted(
    tmp_path: Path, claimed: float | None, verdict: str
) -> None:
    record = _trained(tmp_path)
    if claimed is not None:
        write_json(tmp_path / "train" / "privacy.json", {**record, "epsilon": claimed})
    # Whatever the settings are by now, the training's own record counts.
    other = _config("privacy.enabled=false", "train.steps=5")
    context = StageContext(tmp_path, other, INPUTS, tmp_path / "out", RecordingReporter())
    found = audit.privacy_claim(context)
    assert found is not None
    assert found.verdict == verdict
    assert found.n == 2 * PATIENTS
    assert ("Refuted by sum" in found.explanation) == (verdict == "fail")


def test_training_without_privacy_claims_nothing(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    write_json(tmp_path / "train" / "privacy.json", {"private": False})
    context = StageContext(tmp_path, _config(), INPUTS, tmp_path / "out", RecordingReporter())
    assert audit.privacy_claim(context) is None


def test_record_without_its_plan_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"privacy\.json"):
        check_claim({"epsilon": 1.0, "delta": 0.01, "steps": 1, "mechanisms": []}, CPU)


def test_settings_of_privacy_make_a_training_stale_and_the_ledgers_place_does_not() -> None:
    plain, moved = _config(), _config("privacy.ledger=elsewhere.json", "privacy.verify=true")
    assert train.STAGE.settings(plain) == train.STAGE.settings(moved)
    assert train.STAGE.settings(plain) != train.STAGE.settings(_config("privacy.epsilon=2"))
