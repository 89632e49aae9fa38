"""Stage train: the translator, from the training patients' slices.

Started by `torchrun`, several processes train together: the first runs the
stage as ever, the others follow it and write nothing.
"""

import json
import signal
from pathlib import Path

import torch

from medsynth.cohort.slice_store import StoredSeries, load_slices, read_index
from medsynth.errors import CohortError, ConfigurationError
from medsynth.records.configuration import fill_settings
from medsynth.records.json_lines import write_json
from medsynth.records.manifest import hash_file
from medsynth.records.progress import Reporter, SilentReporter
from medsynth.training.batches import Draw, PatientSlices
from medsynth.training.checkpoints import save_weights
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
)
from medsynth.training.device import choose_compute
from medsynth.training.distributed import (
    Ranks,
    joined,
    ranks_of_environment,
    text_of_first_rank,
)
from medsynth.training.early_stop import EarlyStop
from medsynth.training.loop import TrainingPlan, TrainingSlices, train_translator
from medsynth.training.losses import LossWeights
from medsynth.training.public_start import WEIGHTS, started_networks
from medsynth.training.schedule import Budget
from medsynth.training.trainer_state import StepSettings
from pipelines.domain_check import warn_of_domain_differences
from pipelines.private_checkpoint import forbids_discarding
from pipelines.private_public_source import public_store_hash
from pipelines.project_config import ProjectConfig, TrainSettings
from pipelines.stages import SettingValues, Stage, StageContext
from pipelines.train_privately import train_with_privacy

_DEFAULT_STEPS = 2000
_DEFAULT_PRIVATE_STEPS = 60
# From weights that translate already one goes on gently, and is held to what they do.
_LEARNING_RATE = {"public": 1e-4, "scratch": 1e-3}
_CHANGE_WEIGHT = {"public": 1.0, "scratch": 0.1}
_EARLY_STOP = EarlyStop(every_steps=100, patience=6)
# All that a training depends on; the rest is not the other processes' business.
_FOLLOWED_SETTINGS = {"seed", "device", "threads", "prepare", "train"}
_NOT_COVERED_START = (
    "The translator is the public start, learnt from made-up patients: no patient's scan has a "
    "part in its weights.",
    "A translated scan keeps its patient's anatomy, whatever the training was.",
)
_NOT_COVERED = (
    "The weights were trained without differential privacy: nothing bounds what they reveal about "
    "a training patient.",
    "A translated scan keeps its patient's anatomy, whatever the training was.",
    "Sample pictures and metrics in the train folder come from training patients' scans.",
)


def execute(context: StageContext) -> None:
    """Train the translator, or go on with an interrupted training.

    Raises:
        CohortError: a phase has no training patient.
        TrainingError: a loss is not finite, or the batch cannot be shared by the processes.
        ConfigurationError: there are neither steps nor a start to keep.
    """
    ranks = ranks_of_environment()
    _check_privacy(context.config, ranks)
    if context.config.train.steps == 0:
        _keep_public_start(context, ranks)
        return
    store = context.finished("prepare")
    slices = _training_slices(store, context.config)
    warn_of_domain_differences(context)
    if context.config.privacy.enabled:
        train_with_privacy(context, slices, training_plan(context.config))
        return
    with joined(ranks):
        text_of_first_rank(_work_order(context), ranks)
        _train(slices, context.config, context.output, reporter=context.reporter, ranks=ranks)
    write_json(context.output / "privacy.json", _privacy_record(slices))


def _check_privacy(config: ProjectConfig, ranks: Ranks) -> None:
    if config.privacy.verify and not config.privacy.enabled:
        raise ConfigurationError(
            "A private training is to be verified and privacy.enabled is false. Expected a "
            "private training. Set privacy.enabled=true, or leave --verify-privacy out."
        )
    if config.privacy.enabled and ranks.size > 1:
        raise ConfigurationError(
            f"A private training is to run in {ranks.size} processes. Expected one, which alone "
            "draws patients and noise. Start it without torchrun."
        )
    is_calibration = config.privacy.enabled and config.privacy.trained == "calibration"
    if is_calibration and config.train.start != "public":
        raise ConfigurationError(
            f'privacy.trained is "calibration" and train.start is "{config.train.start}". Expected '
            'the public start, whose scanner\'s offset is learnt. Set train.start to "public".'
        )
    if config.privacy.enabled and config.train.steps == 0:
        raise ConfigurationError(
            "train.steps is 0 and privacy.enabled is true. Expected steps: the public start knows "
            "no patient, so there is nothing to protect. Set one of them."
        )


def _keep_public_start(context: StageContext, ranks: Ranks) -> None:
    """Write the public start's generators as the translator; nobody's scan has a part in them.

    Raises:
        ConfigurationError: the settings ask for no start, or for another design than its, or
            several processes wait for a training.
    """
    config = context.config
    if ranks.size > 1:
        raise ConfigurationError(
            f"train.steps is 0 and {ranks.size} processes are to train together. Expected steps "
            "for them. Set train.steps, or run the command without torchrun."
        )
    if config.train.start != "public":
        raise ConfigurationError(
            "train.steps is 0 and train.start is not public, so there is no translator. Expected "
            'steps, or train.start = "public". Change one of them.'
        )
    plan = training_plan(config)
    networks = started_networks(
        plan.generator, plan.discriminator, seed=config.seed, start=config.train.start
    )
    for name in ("to_noncontrast", "to_contrast"):
        save_weights(context.output / f"{name}.safetensors", dict(networks.named())[name])
    record = _privacy_record(TrainingSlices((), ()))
    write_json(context.output / "privacy.json", {**record, "not_covered": list(_NOT_COVERED_START)})


def is_follower() -> bool:
    """Tell whether `torchrun` started this process to follow another one."""
    return not ranks_of_environment().is_first


def follow_training() -> None:
    """Train together with the process that runs the stage; write nothing.

    The first process says what to train on and where; it must run the stage train.

    Raises:
        CohortError: a phase has no training patient.
        TrainingError: a loss is not finite, or the batch cannot be shared by the processes.
    """
    # It has nothing to leave in order, and it may wait where Python sees no signal.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_DFL)
    ranks = ranks_of_environment()
    with joined(ranks):
        order = json.loads(text_of_first_rank("", ranks))
        config = fill_settings(ProjectConfig, [order["config"]])
        if config.threads:
            torch.set_num_threads(config.threads)
        slices = _training_slices(Path(order["store"]), config)
        _train(slices, config, Path(order["output"]), reporter=SilentReporter(), ranks=ranks)


def generator_design(config: ProjectConfig) -> GeneratorDesign:
    """Give the generators' design that the settings describe."""
    settings, privacy = config.train, config.privacy
    return GeneratorDesign(
        settings.generator,
        settings.channels,
        settings.blocks,
        calibrated=privacy.enabled and privacy.trained == "calibration",
    )


def training_plan(config: ProjectConfig) -> TrainingPlan:
    """Give the training plan that the settings describe."""
    settings = config.train
    steps = settings.steps
    if steps is None and settings.minutes is None:
        steps = _DEFAULT_PRIVATE_STEPS if config.privacy.enabled else _DEFAULT_STEPS
    return TrainingPlan(
        generator=generator_design(config),
        discriminator=DiscriminatorDesign(settings.discriminator, settings.discriminator_channels),
        step=StepSettings(
            weights=LossWeights(
                settings.cycle_weight,
                settings.identity_weight,
                _or_default(settings.change_weight, _CHANGE_WEIGHT[settings.start]),
                settings.correspondence_weight,
            ),
            learning_rate=_or_default(settings.learning_rate, _LEARNING_RATE[settings.start]),
            discriminator_learning_rate=settings.discriminator_learning_rate,
            averaging=settings.averaging,
            image_pool=settings.image_pool,
            seed=config.seed,
            start=settings.start,
        ),
        budget=Budget(steps, None if settings.minutes is None else 60.0 * settings.minutes),
        draw=Draw(settings.batch, min(settings.patch, config.prepare.matrix), config.seed),
        checkpoint_seconds=settings.checkpoint_seconds,
        sample_seconds=60.0 * settings.sample_minutes,
        early_stop=_early_stop(settings),
        engine=settings.engine,
    )


def _or_default(value: float | None, default: float) -> float:
    return default if value is None else value


def _early_stop(settings: TrainSettings) -> EarlyStop | None:
    # A private training must come out with None here, whatever the setting: when to stop
    # would be read off patients' slices, and no noise covers that.
    return _EARLY_STOP if settings.early_stop else None


def _train(
    slices: TrainingSlices,
    config: ProjectConfig,
    output: Path,
    *,
    reporter: Reporter,
    ranks: Ranks,
) -> None:
    train_translator(
        slices,
        training_plan(config),
        output,
        compute=choose_compute(config.device, local_rank=ranks.local_rank),
        reporter=reporter,
        ranks=ranks,
    )


def _work_order(context: StageContext) -> str:
    return json.dumps(
        {
            "config": context.config.model_dump(mode="json", include=_FOLLOWED_SETTINGS),
            "store": str(context.finished("prepare").absolute()),
            "output": str(context.output.absolute()),
        }
    )


def _training_slices(store: Path, config: ProjectConfig) -> TrainingSlices:
    stored = read_index(store)
    # With public contrast scans the patients' own are not learnt from.
    needs_contrast = not (config.privacy.enabled and config.privacy.public_source is not None)
    has_contrast = any("train" in entry.roles and entry.phase == "contrast" for entry in stored)
    return TrainingSlices(
        contrast=_training_patients(store, stored, "contrast")
        if needs_contrast or has_contrast
        else [],
        noncontrast=_training_patients(store, stored, "noncontrast"),
    )


def _training_patients(
    store: Path, stored: tuple[StoredSeries, ...], phase: str
) -> list[PatientSlices]:
    chosen = [entry for entry in stored if "train" in entry.roles and entry.phase == phase]
    if not chosen:
        raise CohortError(
            f"No training patient has a {phase} scan. Expected at least one of each phase. "
            "Add scans or raise the training share in the split section."
        )
    patients = sorted({entry.patient for entry in chosen})
    return [
        PatientSlices(
            patient,
            tuple(load_slices(store, entry.series) for entry in chosen if entry.patient == patient),
        )
        for patient in patients
    ]


def _privacy_record(slices: TrainingSlices) -> dict[str, object]:
    patients = {entry.patient for entry in (*slices.contrast, *slices.noncontrast)}
    return {
        "private": False,
        "unit": "patient",
        "patients": len(patients),
        "epsilon": None,
        "delta": None,
        "accountant": None,
        "noise_multiplier": None,
        "sample_rate": None,
        "clipping_norm": None,
        "steps": None,
        "mechanisms": [],
        "not_covered": list(_NOT_COVERED),
    }


def _settings(config: ProjectConfig) -> SettingValues:
    # How often checkpoints and pictures are written changes no result.
    values = config.train.model_dump(mode="json", exclude={"checkpoint_seconds", "sample_minutes"})
    start = hash_file(WEIGHTS) if config.train.start == "public" else None
    # Where the ledger lies, what it allows and what was checked change no weights.
    privacy = config.privacy.model_dump(mode="json", exclude={"ledger", "total_epsilon", "verify"})
    privacy["public_sha256"] = public_store_hash(config)
    private = privacy if config.privacy.enabled else None
    return {"seed": config.seed, **values, "start_sha256": start, "privacy": private}


STAGE = Stage(
    name="train",
    reads=("prepare",),
    settings=_settings,
    execute=execute,
    resumable=True,
    forbids_discarding=forbids_discarding,
)
