"""Stage train: the cycle translator, from the training patients' slices."""

from medsynth.cohort.slice_store import StoredSeries, load_slices, read_index
from medsynth.errors import CohortError
from medsynth.records.json_lines import write_json
from medsynth.training.batches import Draw, PatientSlices
from medsynth.training.cycle_networks import DiscriminatorDesign, GeneratorDesign
from medsynth.training.cycle_trainer import StepSettings
from medsynth.training.device import choose_compute
from medsynth.training.loop import TrainingPlan, TrainingSlices, train_translator
from medsynth.training.losses import LossWeights
from medsynth.training.schedule import Budget
from pipelines.project_config import ProjectConfig, TrainSettings
from pipelines.stages import SettingValues, Stage, StageContext

_DEFAULT_STEPS = 2000
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
        TrainingError: a loss is not finite.
    """
    config = context.config
    stored = read_index(context.finished("prepare"))
    slices = TrainingSlices(
        contrast=_training_patients(context, stored, "contrast"),
        noncontrast=_training_patients(context, stored, "noncontrast"),
    )
    train_translator(
        slices,
        training_plan(config),
        context.output,
        compute=choose_compute(config.device),
        reporter=context.reporter,
    )
    write_json(context.output / "privacy.json", _privacy_record(slices))


def generator_design(settings: TrainSettings) -> GeneratorDesign:
    """Give the generators' design that the settings describe."""
    return GeneratorDesign(settings.generator, settings.channels, settings.blocks)


def training_plan(config: ProjectConfig) -> TrainingPlan:
    """Give the training plan that the settings describe."""
    settings = config.train
    steps = settings.steps
    if steps is None and settings.minutes is None:
        steps = _DEFAULT_STEPS
    return TrainingPlan(
        generator=generator_design(settings),
        discriminator=DiscriminatorDesign(settings.discriminator, settings.discriminator_channels),
        step=StepSettings(
            weights=LossWeights(
                settings.cycle_weight, settings.identity_weight, settings.change_weight
            ),
            learning_rate=settings.learning_rate,
            discriminator_learning_rate=settings.discriminator_learning_rate,
            averaging=settings.averaging,
            image_pool=settings.image_pool,
            seed=config.seed,
        ),
        budget=Budget(steps, None if settings.minutes is None else 60.0 * settings.minutes),
        draw=Draw(settings.batch, min(settings.patch, config.prepare.matrix), config.seed),
        checkpoint_seconds=settings.checkpoint_seconds,
    )


def _training_patients(
    context: StageContext, stored: tuple[StoredSeries, ...], phase: str
) -> list[PatientSlices]:
    store = context.finished("prepare")
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
    # How often a checkpoint is written changes no result.
    values = config.train.model_dump(mode="json", exclude={"checkpoint_seconds"})
    return {"seed": config.seed, **values}


STAGE = Stage(name="train", reads=("prepare",), settings=_settings, execute=execute, resumable=True)
