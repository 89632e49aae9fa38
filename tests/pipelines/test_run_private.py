import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from medsynth.errors import PrivacyError, TrainingError
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.progress import SilentReporter
from medsynth.training.checkpoints import save_checkpoint
from pipelines import run, train
from pipelines.private_checkpoint import forbids_discarding
from pipelines.project_config import ProjectConfig, load_config
from pipelines.stages import StageContext
from tests.pipelines.made_workspace import finish
from tests.pipelines.stage_running import INPUTS


def _record(context: StageContext) -> None:
    private = context.config.privacy.enabled
    write_json(context.output / "privacy.json", {"private": private, "seed": context.config.seed})


def _interrupted(context: StageContext) -> None:
    save_checkpoint(context.output / "checkpoint.pt", {"budget": {}})
    raise TrainingError("stopped")


def _refused(_context: StageContext) -> None:
    raise TrainingError("refused before anything was charged")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a workspace whose run consists of a training that only writes its record."""
    stage = dataclasses.replace(train.STAGE, execute=_record, forbids_discarding=forbids_discarding)
    monkeypatch.setattr(train, "STAGE", stage)
    monkeypatch.setattr(run, "STAGES", (stage,))
    monkeypatch.setattr(run, "record_inputs", lambda _config, _workspace: INPUTS)
    monkeypatch.setattr(run, "write_report", lambda workspace, *_rest: workspace / "index.html")
    (tmp_path / "prepare").mkdir()
    finish(tmp_path / "prepare")
    return tmp_path


def _config(*overrides: str) -> ProjectConfig:
    return load_config([{"device": "cpu", "privacy": {"enabled": True, "epsilon": 4.5}}], overrides)


def _run(workspace: Path, *overrides: str) -> None:
    run.run_all(workspace, _config(*overrides), SilentReporter())


def _train(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    execute: Callable[[StageContext], None],
    *overrides: str,
) -> None:
    stage = dataclasses.replace(train.STAGE, execute=execute)
    with monkeypatch.context() as patched:
        patched.setattr(run, "STAGES", (stage,))
        patched.setattr(run, "remembered_inputs", lambda _workspace: INPUTS)
        run.run_one("train", workspace, _config(*overrides), SilentReporter())


def _seed(workspace: Path) -> int:
    return int(read_json(workspace / "train" / "privacy.json")["seed"])


def test_run_trains_privately_once_and_keeps_what_is_up_to_date(workspace: Path) -> None:
    _run(workspace, "seed=1")
    before = (workspace / "train" / "provenance.json").read_text("utf-8")
    _run(workspace, "seed=1")
    assert (workspace / "train" / "provenance.json").read_text("utf-8") == before


def test_run_refuses_to_repeat_a_private_training_for_other_settings(workspace: Path) -> None:
    _run(workspace, "seed=1")
    with pytest.raises(PrivacyError, match=r"spend up to 4\.5 more"):
        _run(workspace, "seed=2")
    assert _seed(workspace) == 1


def test_run_refuses_to_repeat_a_private_training_for_other_input(workspace: Path) -> None:
    _run(workspace)
    (workspace / "prepare" / "more.txt").write_text("another scan")
    finish(workspace / "prepare")
    with pytest.raises(PrivacyError, match="out of date"):
        _run(workspace)


def test_train_repeats_a_private_training_when_it_is_asked_to(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(workspace, "seed=1")
    _train(workspace, monkeypatch, _record, "seed=2")
    assert _seed(workspace) == 2


def test_run_repeats_a_training_that_was_not_private(workspace: Path) -> None:
    _run(workspace, "privacy.enabled=false", "seed=1")
    _run(workspace, "seed=2")
    assert _seed(workspace) == 2


def test_run_ends_the_second_private_training_that_somebody_began(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(workspace, "seed=1")
    with pytest.raises(TrainingError):
        _train(workspace, monkeypatch, _interrupted, "seed=2")
    _run(workspace, "seed=2")
    assert _seed(workspace) == 2


def test_run_does_not_begin_the_training_that_was_refused_to_train(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(workspace, "seed=1")
    with pytest.raises(TrainingError):
        _train(workspace, monkeypatch, _refused, "seed=2")
    with pytest.raises(PrivacyError, match="out of date"):
        _run(workspace, "seed=2")


def test_interrupted_private_training_is_not_lost_to_one_without_privacy(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingError):
        _train(workspace, monkeypatch, _interrupted)
    with pytest.raises(PrivacyError, match="by hand"):
        _run(workspace, "privacy.enabled=false")
    assert (workspace / ".train.partial" / "checkpoint.pt").is_file()
