"""Stage release: a bundle for others, or a refusal."""

from collections.abc import Mapping
from typing import Any

from medsynth.errors import RecordError, ReleaseRefusedError
from medsynth.records.atomic import discard_folder
from medsynth.records.json_lines import read_json
from medsynth.synthesis.index import count_gates, read_synthetic
from pipelines.project_config import ProjectConfig
from pipelines.release_bundle import (
    AuditedWork,
    finish_bundle,
    pack_translated,
    pack_weights,
)
from pipelines.release_decision import ReleaseDecision, decide
from pipelines.release_sources import check_files, check_made_from, read_checked_privacy
from pipelines.released_volumes import WEIGHTS_NAME
from pipelines.stages import SettingValues, Stage, StageContext


def execute(context: StageContext) -> None:
    """Pack the bundle of the mode asked for, or refuse.

    A refusal also removes the bundle of an earlier run: what stands in the
    workspace's release folder has always passed the gate of the last run.

    Args:
        context: the running stage.

    Raises:
        RecordError: what was audited is not what is there, or the training's record or
            weights were altered.
        ReleaseRefusedError: the gate does not open for the mode.
    """
    settings = context.config.release
    privacy = _checked_privacy(context)
    audit = read_json(context.finished("audit") / "audit.json")
    volumes = count_gates(read_synthetic(context.finished("synthesize")))
    decision = decide(audit, privacy, settings.mode, settings.accept_inconclusive, volumes)
    if not decision.released:
        discard_folder(context.finished("release"))
        raise ReleaseRefusedError(_refusal(decision))
    work = AuditedWork(audit=audit, privacy=privacy, decision=decision)
    if settings.mode == "weights":
        pack_weights(context, work)
    else:
        pack_translated(context, work)
    finish_bundle(context.output)
    context.reporter.message(f"Released in mode {settings.mode}. {decision.reasons[0]}")


def release_settings(config: ProjectConfig) -> SettingValues:
    """Pick the settings that determine the bundle."""
    return {"release": config.release.model_dump(mode="json"), "dicom": config.synthesize.dicom}


STAGE = Stage(
    name="release",
    reads=("train", "synthesize", "evaluate", "audit"),
    settings=release_settings,
    execute=execute,
)


def _checked_privacy(context: StageContext) -> Mapping[str, Any]:
    """Read the training's `privacy.json` once all that would go out is known to belong together."""
    train = context.finished("train")
    try:
        check_made_from(context.workspace, STAGE.reads)
        check_files(train, ("privacy.json", WEIGHTS_NAME))
        check_files(context.finished("audit"), ("audit.json",))
        check_files(context.finished("evaluate"), ("fidelity.json", "utility.json"))
        return read_checked_privacy(train)
    except RecordError:
        discard_folder(context.finished("release"))
        raise


def _refusal(decision: ReleaseDecision) -> str:
    return (
        f"Release in mode {decision.mode} is refused. {' '.join(decision.reasons)} "
        "Expected every check that applies to the mode to pass. Read the report, then change the "
        "data, the training or release.mode."
    )
