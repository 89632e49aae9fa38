"""What a stage is, when its result is still good, and how it is run.

A stage reads the finished folders of earlier stages and writes one folder of
its own. The folder is fresh when its manifest names the settings and the input
manifests of now; otherwise it is stale and is made again.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from medsynth.errors import PrivacyError, RecordError
from medsynth.records.atomic import (
    discard_folder,
    discard_partial_files,
    partial_folder,
    publish_folder,
    write_text_atomically,
)
from medsynth.records.manifest import (
    MANIFEST_NAME,
    hash_json,
    read_manifest,
    write_manifest,
)
from medsynth.records.progress import Reporter
from medsynth.records.provenance import write_provenance
from medsynth.training.device import choose_device
from pipelines.inputs import InputRecord
from pipelines.project_config import ProjectConfig

SettingValues = Mapping[str, object]


@dataclasses.dataclass(frozen=True)
class StageContext:
    """What a running stage is given.

    Attributes:
        workspace: the workspace folder.
        config: all settings.
        inputs: what is known of the files the user handed over.
        output: where to write; renamed to `workspace/<stage>` when the stage
            ends well. A stage that keeps checkpoints finds here what an
            interrupted sitting of the same work left.
        reporter: listens to messages and progress.
    """

    workspace: Path
    config: ProjectConfig
    inputs: InputRecord
    output: Path
    reporter: Reporter

    def finished(self, stage_name: str) -> Path:
        """Give the finished folder of an earlier stage."""
        return self.workspace / stage_name


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of the pipeline: a verb, a configuration section, a folder.

    Attributes:
        name: the verb and the folder.
        reads: names of the stages whose folders it reads, in order.
        settings: picks the settings that determine the result.
        execute: does the work, writing into the context's output folder. Of a resumable
            stage it may be called once more on a folder in which it has ended, and must
            leave that as it is.
        reads_user_input: whether it reads the user's own files.
        resumable: whether an interrupted sitting is gone on with; else it starts anew.
        forbids_discarding: is asked for the folder of an interrupted sitting that cannot be
            gone on with; gives a whole message where it must not be lost unasked, else None.
    """

    name: str
    reads: tuple[str, ...]
    settings: Callable[[ProjectConfig], SettingValues]
    execute: Callable[[StageContext], None]
    reads_user_input: bool = False
    resumable: bool = False
    forbids_discarding: Callable[[Path], str | None] | None = None


def is_fresh(stage: Stage, workspace: Path, config: ProjectConfig, inputs: InputRecord) -> bool:
    """Tell whether the stage's folder is complete and made from what is there now."""
    folder = workspace / stage.name
    if not (folder / MANIFEST_NAME).is_file():
        return False
    manifest = read_manifest(folder)
    return manifest.settings_hash == _settings_hash(stage, config) and manifest.inputs == (
        _input_hashes(stage, workspace, inputs)
    )


def is_interrupted(
    stage: Stage, workspace: Path, config: ProjectConfig, inputs: InputRecord
) -> bool:
    """Tell whether running the stage now would go on with what an interrupted sitting left."""
    final = workspace / stage.name
    key_file = _resume_key_file(final)
    if not (stage.resumable and partial_folder(final).is_dir() and key_file.is_file()):
        return False
    return key_file.read_text("ascii") == _resume_key(stage, workspace, config, inputs)


def run_stage(
    stage: Stage,
    workspace: Path,
    config: ProjectConfig,
    *,
    inputs: InputRecord,
    reporter: Reporter,
) -> None:
    """Run one stage and put its folder in place.

    Raises:
        ConfigurationError: the device that is asked for is not there.
        RecordError: a stage it reads has not been run.
        PrivacyError: an interrupted sitting with other settings must not be lost unasked.
        MedsynthError: whatever the stage found wrong with its input.
    """
    device = choose_device(config.device).type
    for name in stage.reads:
        if not (workspace / name / MANIFEST_NAME).is_file():
            raise RecordError(
                f"Stage {stage.name} needs the result of {name}, which is not there. Expected "
                f"the folder {name} in the workspace. Run `medsynth {name}` first, or "
                "`medsynth run` for all."
            )
    settings_hash = _settings_hash(stage, config)
    input_hashes = _input_hashes(stage, workspace, inputs)
    final = workspace / stage.name
    output = partial_folder(final)
    if not is_interrupted(stage, workspace, config, inputs):
        _discard_output(stage, final)
    output.mkdir(parents=True, exist_ok=True)
    discard_partial_files(output)
    if stage.resumable:
        key = _resume_key(stage, workspace, config, inputs)
        write_text_atomically(_resume_key_file(final), key)
    started = time.monotonic()
    try:
        stage.execute(StageContext(workspace, config, inputs, output, reporter))
        write_manifest(output, stage=stage.name, settings_hash=settings_hash, inputs=input_hashes)
        write_provenance(output, seconds=time.monotonic() - started, device=device)
        publish_folder(output, final)
    except BaseException:
        if not stage.resumable:
            discard_folder(output)
        raise
    _resume_key_file(final).unlink(missing_ok=True)


def _resume_key_file(final: Path) -> Path:
    """Name the file that tells which work the partial folder belongs to.

    It lies beside that folder and goes after it, so that a sitting that is killed at its
    very end is gone on with, too.
    """
    return final.with_name(f".{final.name}.resume_key")


def _resume_key(stage: Stage, workspace: Path, config: ProjectConfig, inputs: InputRecord) -> str:
    hashes = _input_hashes(stage, workspace, inputs)
    return hash_json([stage.name, _settings_hash(stage, config), hashes])


def _discard_output(stage: Stage, final: Path) -> None:
    output = partial_folder(final)
    if stage.forbids_discarding is not None and output.is_dir():
        reason = stage.forbids_discarding(output)
        if reason is not None:
            raise PrivacyError(reason)
    # The key first: a folder of which half is left belongs to nobody.
    _resume_key_file(final).unlink(missing_ok=True)
    discard_folder(output)


def _settings_hash(stage: Stage, config: ProjectConfig) -> str:
    return hash_json(stage.settings(config))


def _input_hashes(stage: Stage, workspace: Path, inputs: InputRecord) -> dict[str, str]:
    hashes = {
        name: read_manifest(workspace / name).content_hash()
        for name in stage.reads
        if (workspace / name / MANIFEST_NAME).is_file()
    }
    if stage.reads_user_input:
        hashes.update(inputs.content_hashes)
    return hashes
