"""Running stages: one alone, or all that are stale, in order."""

from collections.abc import Sequence
from pathlib import Path

import torch

from medsynth.errors import AuditFailedError, PrivacyError, ReleaseRefusedError
from medsynth.records.atomic import partial_folder
from medsynth.records.json_lines import read_json
from medsynth.records.progress import Reporter
from pipelines import audit, evaluate, ingest, prepare, release, sort, split, synthesize, train
from pipelines.inputs import InputRecord, record_inputs, remembered_inputs
from pipelines.private_checkpoint import holds_private_training
from pipelines.project_config import ProjectConfig
from pipelines.report.stage import write_report
from pipelines.stages import Stage, is_fresh, is_interrupted, run_stage

STAGES: tuple[Stage, ...] = (
    ingest.STAGE,
    sort.STAGE,
    split.STAGE,
    prepare.STAGE,
    train.STAGE,
    synthesize.STAGE,
    evaluate.STAGE,
    audit.STAGE,
    release.STAGE,
)


def run_all(workspace: Path, config: ProjectConfig, reporter: Reporter) -> Path:
    """Run every stale stage in order and write the report.

    Args:
        workspace: the workspace, held by this process.
        config: all settings.
        reporter: hears of the progress.

    Returns:
        The report's path.

    Raises:
        ReleaseRefusedError: the gate stayed shut; the report is written first.
        PrivacyError: a finished private training is out of date; another one costs epsilon.
        MedsynthError: whatever a stage found wrong.
    """
    _set_threads(config)
    inputs = record_inputs(config, workspace)
    refusal: ReleaseRefusedError | None = None
    for number, stage in enumerate(STAGES, start=1):
        position = f"[{number}/{len(STAGES)}] {stage.name}"
        if is_fresh(stage, workspace, config, inputs):
            reporter.message(f"{position}: done before")
            continue
        if stage is train.STAGE:
            _check_privacy_is_not_spent_unasked(workspace, config, inputs)
        reporter.message(position)
        try:
            run_stage(stage, workspace, config, inputs=inputs, reporter=reporter)
        except ReleaseRefusedError as error:
            refusal = error
    report = write_report(workspace, config, reporter)
    reporter.message(f"Report: {report}")
    if refusal is not None:
        raise refusal
    return report


def run_one(stage_name: str, workspace: Path, config: ProjectConfig, reporter: Reporter) -> None:
    """Run one stage on what earlier stages left, whether it is stale or not.

    Args:
        stage_name: the verb.
        workspace: the workspace, held by this process.
        config: all settings.
        reporter: hears of the progress.

    Raises:
        RecordError: a stage it reads has not been run.
        AuditFailedError: the stage was the audit, and its verdict is fail or invalid.
        MedsynthError: whatever the stage found wrong.
    """
    _set_threads(config)
    stage = stage_named(stage_name)
    inputs = record_inputs(config, workspace) if stage.reads_user_input else None
    if inputs is None:
        inputs = remembered_inputs(workspace)
    run_stage(stage, workspace, config, inputs=inputs, reporter=reporter)
    reporter.message(f"{stage.name}: done, in {workspace / stage.name}")
    if stage is ingest.STAGE:
        # The verdicts and the contact sheet are what one looks at before going on.
        reporter.message(f"Report: {write_report(workspace, config, reporter)}")
    if stage is audit.STAGE:
        _check_verdict(workspace)


def _check_privacy_is_not_spent_unasked(
    workspace: Path, config: ProjectConfig, inputs: InputRecord
) -> None:
    """Refuse to begin another private training where one is finished and out of date."""
    finished = workspace / train.STAGE.name
    if not (config.privacy.enabled and holds_private_training(finished)):
        return
    begun = holds_private_training(partial_folder(finished))
    if begun and is_interrupted(train.STAGE, workspace, config, inputs):
        # Its epsilon was set aside when somebody asked for it.
        return
    raise PrivacyError(
        "The finished private training is out of date: its settings or its input changed. "
        "Expected those that it was trained with, as another training costs its patients another "
        f"epsilon. Run `medsynth train` to spend up to {config.privacy.epsilon:g} more, or restore "
        "them and run again."
    )


def _check_verdict(workspace: Path) -> None:
    found = read_json(workspace / audit.STAGE.name / "audit.json")
    if found["verdict"] in ("fail", "invalid"):
        raise AuditFailedError(
            f"The audit's verdict is {found['verdict']} in mode {found['mode']}: "
            f"{' '.join(found['reasons'])} Expected pass. Read audit/audit.html in the workspace."
        )


def stage_named(name: str) -> Stage:
    """Give the stage of a verb."""
    return next(stage for stage in STAGES if stage.name == name)


def stage_states(
    workspace: Path, config: ProjectConfig, inputs: InputRecord
) -> Sequence[tuple[str, str]]:
    """Give each stage's name and state: "done", "stale", "interrupted" or "missing"."""
    states = []
    for stage in STAGES:
        if is_fresh(stage, workspace, config, inputs):
            state = "done"
        elif (workspace / stage.name).is_dir():
            state = "stale"
        elif partial_folder(workspace / stage.name).is_dir():
            state = "interrupted"
        else:
            state = "missing"
        states.append((stage.name, state))
    return states


def _set_threads(config: ProjectConfig) -> None:
    if config.threads:
        torch.set_num_threads(config.threads)
