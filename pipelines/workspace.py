"""The folder in which a project lives, and what it remembers between commands."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medsynth.errors import RecordError
from medsynth.records.configuration import read_toml
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.lock import workspace_lock
from pipelines.project_config import ProjectConfig, load_config

PROJECT_NAME = "project.json"
LOG_NAME = "medsynth.log"


@contextlib.contextmanager
def open_workspace(workspace: Path) -> Iterator[Path]:
    """Make the folder if it is missing and hold it for this process alone.

    Raises:
        RecordError: the folder holds something that is no workspace, or is in use.
    """
    if workspace.is_dir() and not (workspace / PROJECT_NAME).is_file():
        foreign = [path.name for path in workspace.iterdir() if not path.name.startswith(".")]
        if foreign:
            raise RecordError(
                f"Folder {workspace} holds {len(foreign)} things and is no workspace. Expected a "
                "new or empty folder, or a workspace of medsynth. Choose another --workspace."
            )
    elif workspace.exists() and not workspace.is_dir():
        raise RecordError(f"{workspace} is a file. Expected a folder. Choose another --workspace.")
    workspace.mkdir(parents=True, exist_ok=True)
    with workspace_lock(workspace):
        yield workspace


def existing_workspace(workspace: Path) -> Path:
    """Check that a folder is a workspace.

    Raises:
        RecordError: it is not.
    """
    if not (workspace / PROJECT_NAME).is_file():
        raise RecordError(
            f"{workspace} is no workspace. Expected a folder that `medsynth run` has written. "
            "Check --workspace."
        )
    return workspace


def workspace_config(
    workspace: Path,
    *,
    config_file: Path | None = None,
    options: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
) -> ProjectConfig:
    """Fill the configuration and remember it in the workspace.

    Later wins: defaults, what the workspace remembers, the TOML file, the
    options of the command, `--set`.

    Args:
        workspace: the workspace; may be new.
        config_file: a TOML file, or None.
        options: nested values that the command's own options gave.
        overrides: assignments such as "train.steps=500".

    Raises:
        ConfigurationError: a file cannot be read, a key is unknown, a value is not allowed.
    """
    config = load_config(
        [
            remembered_settings(workspace),
            read_toml(config_file) if config_file is not None else {},
            options or {},
        ],
        overrides,
    )
    write_json(workspace / PROJECT_NAME, config.model_dump(mode="json", exclude_defaults=True))
    return config


def remembered_settings(workspace: Path) -> dict[str, Any]:
    """Give the settings of the workspace's last command that differ from the defaults."""
    path = workspace / PROJECT_NAME
    if not path.is_file():
        return {}
    settings = read_json(path)
    if not isinstance(settings, dict):
        raise RecordError(
            f"{PROJECT_NAME} is not a JSON object. Expected the settings that medsynth remembered. "
            "Delete the file and name the settings again."
        )
    return settings


def log_file(workspace: Path) -> Path:
    """Give the workspace's log file; its folder is made if missing."""
    folder = workspace / "logs"
    folder.mkdir(exist_ok=True)
    return folder / LOG_NAME
