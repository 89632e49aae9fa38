import json
from pathlib import Path

import pytest
import torch

from medsynth.errors import ConfigurationError, RecordError, TrainingError
from medsynth.records.manifest import folder_problems, read_manifest
from medsynth.records.progress import SilentReporter
from pipelines.inputs import InputRecord
from pipelines.project_config import ProjectConfig, load_config
from pipelines.stages import Stage, StageContext, is_fresh, run_stage

_INPUTS = InputRecord({"dicom": "d"}, "0" * 64)


def _write_seed(context: StageContext) -> None:
    (context.output / "seed.txt").write_text(str(context.config.seed))


def _copy_first(context: StageContext) -> None:
    text = (context.finished("first") / "seed.txt").read_text()
    (context.output / "copy.txt").write_text(text)


FIRST = Stage("first", (), lambda config: {"seed": config.seed}, _write_seed, reads_user_input=True)
SECOND = Stage("second", ("first",), lambda _config: {}, _copy_first)


def _run(stage: Stage, workspace: Path, config: ProjectConfig) -> None:
    run_stage(stage, workspace, config, inputs=_INPUTS, reporter=SilentReporter())


def test_finished_stage_is_fresh_and_whole(tmp_path: Path) -> None:
    config = ProjectConfig()
    assert not is_fresh(FIRST, tmp_path, config, _INPUTS)
    _run(FIRST, tmp_path, config)
    assert is_fresh(FIRST, tmp_path, config, _INPUTS)
    assert folder_problems(tmp_path / "first") == []
    assert set(read_manifest(tmp_path / "first").files) == {"seed.txt"}


def test_stage_is_stale_when_settings_or_input_change(tmp_path: Path) -> None:
    _run(FIRST, tmp_path, ProjectConfig())
    assert not is_fresh(FIRST, tmp_path, load_config([], ["seed=1"]), _INPUTS)
    other = InputRecord({"dicom": "other"}, "0" * 64)
    assert not is_fresh(FIRST, tmp_path, ProjectConfig(), other)


def test_stage_is_stale_when_an_earlier_one_gives_something_else(tmp_path: Path) -> None:
    _run(FIRST, tmp_path, ProjectConfig())
    _run(SECOND, tmp_path, ProjectConfig())
    changed = load_config([], ["seed=1"])
    _run(FIRST, tmp_path, changed)
    assert not is_fresh(SECOND, tmp_path, changed, _INPUTS)
    _run(FIRST, tmp_path, ProjectConfig())
    assert is_fresh(SECOND, tmp_path, ProjectConfig(), _INPUTS)


def test_stage_without_its_predecessor_names_it(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="medsynth first"):
        _run(SECOND, tmp_path, ProjectConfig())


def _write_half(context: StageContext) -> None:
    place = context.output / "half.txt"
    text = place.read_text() if place.exists() else ""
    place.write_text(text + "x")
    if len(text) < 2:
        raise TrainingError("stopped")


@pytest.mark.parametrize("resumable", [True, False])
def test_only_a_resumable_stage_goes_on_with_what_it_left(tmp_path: Path, resumable: bool) -> None:
    stage = Stage("half", (), lambda _config: {}, _write_half, resumable=resumable)
    for _ in range(2):
        with pytest.raises(TrainingError):
            _run(stage, tmp_path, ProjectConfig())
        assert (tmp_path / ".half.partial").exists() == resumable
    if resumable:
        _run(stage, tmp_path, ProjectConfig())
        assert (tmp_path / "half" / "half.txt").read_text() == "xxx"


def test_other_settings_do_not_go_on_with_what_was_left(tmp_path: Path) -> None:
    stage = Stage("half", (), lambda config: {"seed": config.seed}, _write_half, resumable=True)
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, ProjectConfig())
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, load_config([], ["seed=1"]))
    assert (tmp_path / ".half.partial" / "half.txt").read_text() == "x"


def test_provenance_names_the_device_that_computed(tmp_path: Path) -> None:
    _run(FIRST, tmp_path, load_config([], ["device=cpu"]))
    assert json.loads((tmp_path / "first" / "provenance.json").read_text())["device"] == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_device_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cuda"):
        _run(FIRST, tmp_path, load_config([], ["device=cuda"]))
    assert list(tmp_path.iterdir()) == []


def test_file_that_a_killed_sitting_was_writing_is_not_published(tmp_path: Path) -> None:
    stage = Stage("half", (), lambda _config: {}, _write_half, resumable=True)
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, ProjectConfig())
    (tmp_path / ".half.partial" / ".checkpoint.pt.123.partial").write_text("cut off")
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, ProjectConfig())
    _run(stage, tmp_path, ProjectConfig())
    assert set(read_manifest(tmp_path / "half").files) == {"half.txt"}
