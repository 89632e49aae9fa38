import dataclasses
import json
from pathlib import Path

import pytest
import torch

from medsynth.errors import ConfigurationError, PrivacyError, RecordError, TrainingError
from medsynth.records.atomic import discard_folder
from medsynth.records.manifest import folder_problems, read_manifest
from medsynth.records.progress import SilentReporter
from pipelines import stages
from pipelines.inputs import InputRecord
from pipelines.project_config import ProjectConfig, load_config
from pipelines.stages import Stage, StageContext, is_fresh, is_interrupted, run_stage

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


def _precious() -> Stage:
    return Stage(
        "half",
        (),
        lambda config: {"seed": config.seed},
        _write_half,
        resumable=True,
        forbids_discarding=lambda folder: f"{folder.name} is precious",
    )


def test_folder_that_must_not_be_lost_is_refused_to_other_settings_and_kept(tmp_path: Path) -> None:
    stage = _precious()
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, ProjectConfig())
    with pytest.raises(PrivacyError, match=r"\.half\.partial is precious"):
        _run(stage, tmp_path, load_config([], ["seed=1"]))
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, ProjectConfig())
    assert (tmp_path / ".half.partial" / "half.txt").read_text() == "xx"


def test_folder_that_may_be_lost_is_discarded_for_other_settings(tmp_path: Path) -> None:
    stage = dataclasses.replace(_precious(), forbids_discarding=lambda _folder: None)
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, ProjectConfig())
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, load_config([], ["seed=1"]))
    assert (tmp_path / ".half.partial" / "half.txt").read_text() == "x"


def test_folder_that_was_deleted_by_hand_makes_place_for_other_settings(tmp_path: Path) -> None:
    stage = _precious()
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, ProjectConfig())
    discard_folder(tmp_path / ".half.partial")
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, load_config([], ["seed=1"]))
    assert (tmp_path / ".half.partial" / "half.txt").read_text() == "x"


def _end_or_keep(context: StageContext) -> None:
    place = context.output / "sittings.txt"
    place.write_text("first, second" if place.exists() else "first")


class _KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moment", ["write_manifest", "write_provenance", "publish_folder"])
def test_sitting_that_is_killed_at_its_very_end_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    stage = Stage("half", (), lambda _config: {}, _end_or_keep, resumable=True)

    def kill(*_arguments: object, **_named: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patched:
        patched.setattr(stages, moment, kill)
        with pytest.raises(_KilledError):
            _run(stage, tmp_path, ProjectConfig())
    assert is_interrupted(stage, tmp_path, ProjectConfig(), _INPUTS)
    _run(stage, tmp_path, ProjectConfig())
    assert (tmp_path / "half" / "sittings.txt").read_text() == "first, second"
    assert folder_problems(tmp_path / "half") == []


def test_finished_stage_leaves_nothing_but_its_folder(tmp_path: Path) -> None:
    stage = Stage("half", (), lambda _config: {}, _end_or_keep, resumable=True)
    _run(stage, tmp_path, ProjectConfig())
    assert [path.name for path in tmp_path.iterdir()] == ["half"]
    assert set(read_manifest(tmp_path / "half").files) == {"sittings.txt"}
    assert not is_interrupted(stage, tmp_path, ProjectConfig(), _INPUTS)


def test_key_that_outlived_its_folder_goes_on_with_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage("half", (), lambda config: {"seed": config.seed}, _end_or_keep, resumable=True)

    def publish_and_be_killed(partial: Path, final: Path) -> None:
        partial.rename(final)
        raise _KilledError

    with monkeypatch.context() as patched:
        patched.setattr(stages, "publish_folder", publish_and_be_killed)
        with pytest.raises(_KilledError):
            _run(stage, tmp_path, ProjectConfig())
    assert is_fresh(stage, tmp_path, ProjectConfig(), _INPUTS)
    assert not is_interrupted(stage, tmp_path, ProjectConfig(), _INPUTS)
    _run(stage, tmp_path, load_config([], ["seed=1"]))
    assert (tmp_path / "half" / "sittings.txt").read_text() == "first"


@pytest.mark.parametrize(("override", "is_same"), [("seed=0", True), ("seed=1", False)])
def test_only_a_sitting_with_the_same_settings_is_interrupted(
    tmp_path: Path, override: str, is_same: bool
) -> None:
    stage = _precious()
    with pytest.raises(TrainingError):
        _run(stage, tmp_path, load_config([], ["seed=0"]))
    assert is_interrupted(stage, tmp_path, load_config([], [override]), _INPUTS) == is_same
