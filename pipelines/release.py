"""Stage release: a bundle for others, or a refusal."""

from medsynth.errors import ReleaseRefusedError
from medsynth.records.atomic import discard_folder
from medsynth.records.json_lines import read_json
from medsynth.synthesis.index import count_gates, read_synthetic
from pipelines.project_config import ProjectConfig
from pipelines.release_bundle import AuditedWork, finish_bundle, pack_translated, pack_weights
from pipelines.release_decision import ReleaseDecision, decide
from pipelines.stages import SettingValues, Stage, StageContext


def execute(context: StageContext) -> None:
    """Pack the bundle of the mode asked for, or refuse.

    A refusal also removes the bundle of an earlier run: what stands in the
    workspace's release folder has always passed the gate of the last run.

    Args:
        context: the running stage.

    Raises:
        ReleaseRefusedError: the gate does not open for the mode.
    """
    settings = context.config.release
    audit = read_json(context.finished("audit") / "audit.json")
    privacy = read_json(context.finished("train") / "privacy.json")
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


def _refusal(decision: ReleaseDecision) -> str:
    return (
        f"Release in mode {decision.mode} is refused. {' '.join(decision.reasons)} "
        "Expected every check that applies to the mode to pass. Read the report, then change the "
        "data, the training or release.mode."
    )
