from pathlib import Path

import pytest

from medsynth.errors import ConfigurationError, RecordError
from pipelines.workspace import (
    PROJECT_NAME,
    existing_workspace,
    open_workspace,
    workspace_config,
)


def test_settings_are_remembered_and_later_ones_win(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("seed = 2\n[train]\nbatch = 3\n")
    workspace_config(tmp_path, overrides=["train.steps=5", "seed=1"])
    config = workspace_config(tmp_path, config_file=tmp_path / "a.toml")
    assert (config.seed, config.train.batch, config.train.steps) == (2, 3, 5)
    assert workspace_config(tmp_path) == config


def test_refused_setting_is_not_remembered(tmp_path: Path) -> None:
    workspace_config(tmp_path, overrides=["seed=1"])
    with pytest.raises(ConfigurationError):
        workspace_config(tmp_path, overrides=["seed=x"])
    assert workspace_config(tmp_path).seed == 1


def test_file_in_the_place_of_a_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(RecordError, match="is a file"),
        open_workspace(tmp_path / "file"),
    ):
        pass


def test_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"medsynth run"):
        existing_workspace(tmp_path)
    (tmp_path / PROJECT_NAME).write_text("{}")
    assert existing_workspace(tmp_path) == tmp_path
