import json
from pathlib import Path

import numpy as np
import pytest

from medsynth.cohort.phase import Phase
from medsynth.cohort.series import write_series
from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from medsynth.errors import CohortError, ConfigurationError
from medsynth.records.json_lines import read_json_lines
from medsynth.records.manifest import folder_problems
from pipelines import train
from pipelines.project_config import load_config
from tests.medsynth.cohort.made_series import TECHNICAL, accepted_series
from tests.medsynth.training.torchrun import run_two_processes
from tests.pipelines.made_workspace import finish
from tests.pipelines.stage_running import run_stages
from tests.pipelines.train_in_ranks import small_config


def _prepared(workspace: Path, phases: tuple[str, ...] = ("contrast", "noncontrast")) -> Path:
    folder = workspace / "prepare"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    stored = []
    for phase in phases:
        for number in range(2):
            series = f"{phase}{number}"
            slices = generator.normal(150 if phase == "contrast" else 50, 20, (4, 32, 32))
            store_array(folder, "slices", series, slices.astype(np.int16))
            stored.append(StoredSeries(series, series, phase, ("train",), 4, False, False))
    write_index(folder, stored)
    finish(folder)
    (workspace / "ingest").mkdir()
    records = [
        accepted_series(
            entry.series,
            entry.patient,
            Phase(entry.phase),
            shape=(4, 32, 32),
            technical=TECHNICAL,
        )
        for entry in stored
    ]
    write_series(workspace / "ingest", records)
    return workspace


def test_phase_without_a_training_patient_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="noncontrast"):
        run_stages([train.STAGE], _prepared(tmp_path, ("contrast",)), small_config())


@pytest.mark.parametrize(
    ("changed", "is_stale"),
    [("checkpoint_seconds=1", False), ("sample_minutes=9", False), ("early_stop=true", True)],
)
def test_only_settings_that_change_the_result_make_it_stale(changed: str, is_stale: bool) -> None:
    before = load_config([{"train": {"start": "scratch"}}])
    after = load_config([{"train": {"start": "scratch"}}], [f"train.{changed}"])
    assert (train.STAGE.settings(after) != train.STAGE.settings(before)) == is_stale


def test_early_stop_is_planned_only_where_it_is_asked_for() -> None:
    asked = load_config([{"train": {"early_stop": True}}])
    refused = load_config([{"train": {"early_stop": False}}])
    assert train.training_plan(asked).early_stop is not None
    assert train.training_plan(refused).early_stop is None


def test_process_started_alone_follows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not train.is_follower()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert train.is_follower()


def test_processes_that_would_wait_for_no_training_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    none = load_config([{"train": {"start": "scratch", "steps": 0}}])
    with pytest.raises(ConfigurationError, match="2 processes"):
        run_stages([train.STAGE], _prepared(tmp_path), none)


def test_two_processes_write_one_folder_and_learn_what_one_learns(tmp_path: Path) -> None:
    one, two = _prepared(tmp_path / "one"), _prepared(tmp_path / "two")
    run_stages([train.STAGE], one, small_config())
    done = run_two_processes("tests.pipelines.train_in_ranks", two)
    assert done.returncode == 0, done.stderr
    assert folder_problems(two / "train") == []
    assert sorted(path.name for path in two.iterdir()) == ["ingest", "prepare", "train"]
    alone = {path.relative_to(one) for path in one.rglob("*")}
    assert {path.relative_to(two) for path in two.rglob("*")} == alone
    assert json.loads((two / "train" / "privacy.json").read_text())["patients"] == 4
    rows = [read_json_lines(workspace / "train" / "metrics.jsonl") for workspace in (one, two)]
    # Networks may run in bfloat16 here, so only the first step is compared, and loosely.
    assert rows[1][0] == pytest.approx(rows[0][0], abs=1e-3)
