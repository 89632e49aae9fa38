"""The training of a translator, from slices to weights."""

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medsynth.errors import TrainingError
from medsynth.records.json_lines import append_json_line
from medsynth.records.progress import Reporter, TimeEstimate
from medsynth.training.batches import Draw, PatientSlices, draw_patches
from medsynth.training.checkpoints import (
    flush_to_disk,
    keep_rows_until,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from medsynth.training.cycle_networks import DiscriminatorDesign, GeneratorDesign
from medsynth.training.device import Compute, peak_memory_gb, use_tensor_cores
from medsynth.training.distributed import ALONE, Ranks, as_first_rank, averaged_losses
from medsynth.training.early_stop import BestTranslator, EarlyStop, draw_judged_slices, hold_back
from medsynth.training.engine import EngineKind, TranslationEngine, build_engine
from medsynth.training.sample_pictures import SamplePictures
from medsynth.training.schedule import Budget, learning_rate_factor
from medsynth.training.trainer_state import StepSettings

CHECKPOINT_NAME = "checkpoint.pt"
METRICS_NAME = "metrics.jsonl"
TIMING_NAME = "timing.jsonl"
SAMPLES_NAME = "samples"
TO_NONCONTRAST_NAME = "to_noncontrast.safetensors"
LOG_EVERY = 10
SAMPLE_BATCH = 4


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """All that determines a training, besides its slices.

    Attributes:
        generator: design of both generators.
        discriminator: design of both discriminators.
        step: settings of a step.
        budget: how long it may take.
        draw: what a step draws from each phase, over all processes.
        checkpoint_seconds: time between checkpoints; changes no result.
        sample_seconds: time between sample pictures; changes no result.
        early_stop: when to stop before the budget is used up; None for never. Some patients
            are then held back to judge. A private training has None: stopping by what
            patients' slices show would have to be charged to its budget.
        engine: what learns to translate.
    """

    generator: GeneratorDesign
    discriminator: DiscriminatorDesign
    step: StepSettings
    budget: Budget
    draw: Draw
    checkpoint_seconds: float
    sample_seconds: float = 180.0
    early_stop: EarlyStop | None = None
    engine: EngineKind = "cycle"


@dataclasses.dataclass(frozen=True)
class TrainingSlices:
    """The slices of both phases; never in pairs.

    Attributes:
        contrast: the training patients' contrast slices.
        noncontrast: the training patients' non-contrast slices.
    """

    contrast: Sequence[PatientSlices]
    noncontrast: Sequence[PatientSlices]


def train_translator(
    slices: TrainingSlices,
    plan: TrainingPlan,
    folder: Path,
    *,
    compute: Compute,
    reporter: Reporter,
    ranks: Ranks = ALONE,
) -> None:
    """Train, or go on with a training that was interrupted in the same folder.

    The folder ends with the generators' averaged weights, the metrics, the
    timing and sample pictures; the checkpoint is removed. A folder that holds
    all weights and no checkpoint is left as it is: its training had ended.

    Where several processes train together, each calls this with the same
    arguments but for `ranks`; all read the same folder and the first writes it.

    Args:
        slices: what to train on.
        plan: how.
        folder: where to write, and where an interrupted sitting's checkpoint lies.
        compute: where and in which precision.
        reporter: hears of the progress.
        ranks: this process's place among those that train together.

    Raises:
        TrainingError: a loss is not finite, the batch or the image pool cannot be
            shared by that many processes, or there are too few patients to hold any back.
        ConfigurationError: the engine cannot train such a generator.
        RecordError: the checkpoint cannot be read.
    """
    use_tensor_cores(compute)
    engine = _started_engine(plan, compute, ranks)
    sitting = _Sitting(engine, slices, plan, folder=folder, compute=compute, ranks=ranks)
    trained = slices if plan.early_stop is None else _divided(slices)[0]
    if sitting.had_ended:
        return
    estimate = TimeEstimate(sitting.progress())
    while (progress := sitting.progress()) < 1.0:
        sitting.look_after_files()
        _train_one_step(engine, trained, plan, folder=folder, progress=progress, ranks=ranks)
        sitting.judge_when_due()
        _report(reporter, engine.step, progress, estimate)
    sitting.finish()


def _started_engine(plan: TrainingPlan, compute: Compute, ranks: Ranks) -> TranslationEngine:
    # Every process makes the same weights from the seed, or reads the same public start.
    return build_engine(
        plan.engine,
        plan.generator,
        plan.discriminator,
        settings=plan.step,
        compute=compute,
        ranks=ranks,
    )


class _Sitting:
    """One sitting of a training: its clock, its files, and the best translator so far.

    Every process has one and restores it; only the first one's writes and decides.
    """

    def __init__(
        self,
        engine: TranslationEngine,
        slices: TrainingSlices,
        plan: TrainingPlan,
        *,
        folder: Path,
        compute: Compute,
        ranks: Ranks,
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._folder = folder
        self._compute = compute
        self._ranks = ranks
        self._best = _best_translator(slices, plan, compute)
        has_checkpoint = (folder / CHECKPOINT_NAME).is_file()
        self.had_ended = not has_checkpoint and all(path.is_file() for path in self._weights())
        seconds = self._restore() if has_checkpoint else 0.0
        self._started = time.monotonic() - seconds
        self._saved = time.monotonic()
        self._pictures: SamplePictures | None = None
        if ranks.is_first and not self.had_ended:
            self._pictures = _open_files(slices, plan, folder, step=engine.step)

    def progress(self) -> float:
        """Give the share of the training that is done, as the first process sees it."""
        if self._best is not None and self._best.is_over:
            done = 1.0
        else:
            done = self._plan.budget.progress(step=self._engine.step, seconds=self._seconds())
        return as_first_rank(done, self._ranks)

    def look_after_files(self) -> None:
        """Write a picture and a checkpoint when it is time."""
        if self._pictures is None:
            return
        self._pictures.write_when_due(self._engine.averaged["to_noncontrast"], self._engine.step)
        if time.monotonic() - self._saved > self._plan.checkpoint_seconds:
            self._save()

    def judge_when_due(self) -> None:
        """Compare the translator with the best one so far, every few steps."""
        if self._best is not None and self._ranks.is_first:
            self._best.judge_when_due(self._engine.averaged, self._engine.step)

    def finish(self) -> None:
        """Write the weights and the last picture, and remove the checkpoint."""
        if self._pictures is None:
            return
        averaged = self._engine.averaged
        if self._best is not None:
            self._best.judge(averaged, self._engine.step)
            self._best.put_into(averaged)
        self._pictures.write(averaged["to_noncontrast"], self._engine.step)
        self._write_timing()
        for path, network in zip(self._weights(), averaged.values(), strict=True):
            save_weights(path, network)
        (self._folder / CHECKPOINT_NAME).unlink(missing_ok=True)

    def _weights(self) -> list[Path]:
        return [self._folder / f"{name}.safetensors" for name in self._engine.averaged]

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _restore(self) -> float:
        state: dict[str, Any] = load_checkpoint(self._folder / CHECKPOINT_NAME)
        self._engine.restore(state["engine"])
        if self._best is not None:
            self._best.restore(state["best"])
        return float(state["seconds"])

    def _save(self) -> None:
        # A checkpoint must not outlive the rows that lead to it.
        flush_to_disk(self._folder / METRICS_NAME)
        state = {
            "engine": self._engine.state(),
            "best": None if self._best is None else self._best.state(),
            "seconds": self._seconds(),
        }
        save_checkpoint(self._folder / CHECKPOINT_NAME, state)
        self._write_timing()
        self._saved = time.monotonic()

    def _write_timing(self) -> None:
        peaks = {f"peak_{name}_gb": gb for name, gb in peak_memory_gb(self._compute).items()}
        row = {"step": self._engine.step, "seconds": round(self._seconds(), 1), **peaks}
        append_json_line(self._folder / TIMING_NAME, row)


def _best_translator(
    slices: TrainingSlices, plan: TrainingPlan, compute: Compute
) -> BestTranslator | None:
    if plan.early_stop is None:
        return None
    judging = _divided(slices)[1]
    drawn = draw_judged_slices(judging.contrast, judging.noncontrast, seed=plan.step.seed)
    return BestTranslator(plan.early_stop, drawn, compute)


def _divided(slices: TrainingSlices) -> tuple[TrainingSlices, TrainingSlices]:
    contrast, judging_contrast = hold_back(slices.contrast)
    noncontrast, judging_noncontrast = hold_back(slices.noncontrast)
    return (
        TrainingSlices(contrast, noncontrast),
        TrainingSlices(judging_contrast, judging_noncontrast),
    )


def _open_files(
    slices: TrainingSlices, plan: TrainingPlan, folder: Path, *, step: int
) -> SamplePictures:
    for name in (METRICS_NAME, TIMING_NAME):
        # Rows written after the checkpoint will be written again.
        keep_rows_until(folder / name, step if step else -1)
    whole = slices.contrast[0].volumes_hu[0].shape[-1]
    sample = Draw(batch=SAMPLE_BATCH, patch=whole, seed=plan.step.seed)
    pictures = SamplePictures(
        folder / SAMPLES_NAME,
        draw_patches(slices.contrast, sample, step=0, stream=2),
        every_seconds=plan.sample_seconds,
    )
    pictures.discard_after(step)
    return pictures


def _train_one_step(
    engine: TranslationEngine,
    slices: TrainingSlices,
    plan: TrainingPlan,
    *,
    folder: Path,
    progress: float,
    ranks: Ranks,
) -> None:
    factor = learning_rate_factor(progress)
    mine = ranks.share_of(plan.draw.batch)
    losses = engine.train_step(
        draw_patches(slices.contrast, plan.draw, step=engine.step, stream=0, places=mine),
        draw_patches(slices.noncontrast, plan.draw, step=engine.step, stream=1, places=mine),
        learning_rate_factor=factor,
    )
    if engine.step % LOG_EVERY != 0 and engine.step != 1:
        return
    row = averaged_losses(losses, ranks)
    _check_finite(row, engine.step)
    if ranks.is_first:
        rounded = {name: round(loss, 7) for name, loss in row.items()}
        rate = round(plan.step.learning_rate * factor, 9)
        append_json_line(
            folder / METRICS_NAME, {"step": engine.step, "learning_rate": rate, **rounded}
        )


def _check_finite(losses: dict[str, float], step: int) -> None:
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise TrainingError(
                f"Loss {name} is {loss} at step {step}. Expected a finite number. "
                "Lower train.learning_rate and train again."
            )


def _report(reporter: Reporter, step: int, progress: float, estimate: TimeEstimate) -> None:
    if step % LOG_EVERY != 0:
        return
    remaining = estimate.remaining_seconds(done=progress, total=1.0)
    left = "" if remaining is None else f", about {remaining / 60:.1f} minutes left"
    reporter.progress(done=progress, total=1.0, text=f"training, step {step}{left}")
