"""The training of the cycle translator, from slices to weights."""

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from medsynth.errors import TrainingError
from medsynth.records.json_lines import append_json_line, read_json_lines, write_json_lines
from medsynth.records.progress import Reporter, TimeEstimate
from medsynth.training.batches import Draw, PatientSlices, draw_patches
from medsynth.training.checkpoints import load_checkpoint, save_checkpoint, save_weights
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
)
from medsynth.training.cycle_trainer import CycleTrainer, StepSettings
from medsynth.training.device import Compute
from medsynth.training.sample_pictures import write_sample_picture
from medsynth.training.schedule import Budget, learning_rate_factor

CHECKPOINT_NAME = "checkpoint.pt"
METRICS_NAME = "metrics.jsonl"
TO_NONCONTRAST_NAME = "to_noncontrast.safetensors"
LOG_EVERY = 10
SAMPLES = 4
SAMPLE_BATCH = 4


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """All that determines a training, besides its slices.

    Attributes:
        generator: design of both generators.
        discriminator: design of both discriminators.
        step: settings of a step.
        budget: how long it may take.
        draw: what a step draws from each phase.
        checkpoint_seconds: time between checkpoints; changes no result.
    """

    generator: GeneratorDesign
    discriminator: DiscriminatorDesign
    step: StepSettings
    budget: Budget
    draw: Draw
    checkpoint_seconds: float


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
) -> None:
    """Train, or go on with a training that was interrupted in the same folder.

    The folder ends with both generators' averaged weights, the metrics and
    sample pictures; the checkpoint is removed.

    Args:
        slices: what to train on.
        plan: how.
        folder: where to write, and where an interrupted sitting's checkpoint lies.
        compute: where and in which precision.
        reporter: hears of the progress.

    Raises:
        TrainingError: a loss is not finite.
        RecordError: the checkpoint cannot be read.
    """
    networks = build_cycle_networks(plan.generator, plan.discriminator, seed=plan.step.seed)
    trainer = CycleTrainer(networks, plan.step, compute)
    seconds = _resume(trainer, folder)
    started = time.monotonic() - seconds
    saved = time.monotonic()
    estimate = TimeEstimate(plan.budget.progress(step=trainer.step, seconds=seconds))
    (folder / "samples").mkdir(exist_ok=True)
    while True:
        progress = plan.budget.progress(step=trainer.step, seconds=time.monotonic() - started)
        if progress >= 1.0:
            break
        if time.monotonic() - saved > plan.checkpoint_seconds:
            _save(trainer, folder, seconds=time.monotonic() - started)
            saved = time.monotonic()
        _train_one_step(trainer, slices, plan, folder=folder, progress=progress)
        _report(reporter, trainer.step, progress, estimate)
    save_weights(folder / TO_NONCONTRAST_NAME, trainer.averaged["to_noncontrast"])
    save_weights(folder / "to_contrast.safetensors", trainer.averaged["to_contrast"])
    _write_sample(trainer, slices, plan, folder)
    (folder / CHECKPOINT_NAME).unlink(missing_ok=True)


def _resume(trainer: CycleTrainer, folder: Path) -> float:
    checkpoint = folder / CHECKPOINT_NAME
    metrics = folder / METRICS_NAME
    if not checkpoint.is_file():
        metrics.unlink(missing_ok=True)
        return 0.0
    state: dict[str, Any] = load_checkpoint(checkpoint)
    trainer.restore(state["trainer"])
    # Rows written after the checkpoint will be written again.
    rows = read_json_lines(metrics) if metrics.is_file() else []
    write_json_lines(metrics, [row for row in rows if row["step"] <= trainer.step])
    return float(state["seconds"])


def _save(trainer: CycleTrainer, folder: Path, *, seconds: float) -> None:
    save_checkpoint(folder / CHECKPOINT_NAME, {"trainer": trainer.state(), "seconds": seconds})


def _train_one_step(
    trainer: CycleTrainer,
    slices: TrainingSlices,
    plan: TrainingPlan,
    *,
    folder: Path,
    progress: float,
) -> None:
    if trainer.step % _sample_interval(plan) == 0:
        _write_sample(trainer, slices, plan, folder)
    factor = learning_rate_factor(progress)
    losses = trainer.train_step(
        draw_patches(slices.contrast, plan.draw, step=trainer.step, stream=0),
        draw_patches(slices.noncontrast, plan.draw, step=trainer.step, stream=1),
        learning_rate_factor=factor,
    )
    if trainer.step % LOG_EVERY == 0 or trainer.step == 1:
        row = {name: round(float(loss), 5) for name, loss in losses.items()}
        _check_finite(row, trainer.step)
        rate = round(plan.step.learning_rate * factor, 9)
        append_json_line(
            folder / METRICS_NAME, {"step": trainer.step, "learning_rate": rate, **row}
        )


def _check_finite(losses: dict[str, float], step: int) -> None:
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise TrainingError(
                f"Loss {name} is {loss} at step {step}. Expected a finite number. "
                "Lower train.learning_rate and train again."
            )


def _sample_interval(plan: TrainingPlan) -> int:
    return max(1, (plan.budget.steps or 2000) // SAMPLES)


@torch.no_grad()
def _write_sample(
    trainer: CycleTrainer, slices: TrainingSlices, plan: TrainingPlan, folder: Path
) -> None:
    whole = slices.contrast[0].volumes_hu[0].shape[-1]
    sample = Draw(batch=SAMPLE_BATCH, patch=whole, seed=plan.step.seed)
    shown = draw_patches(slices.contrast, sample, step=0, stream=2)
    network = trainer.averaged["to_noncontrast"]
    device = next(network.parameters()).device
    translated = network(shown.to(device)).float().cpu()
    path = folder / "samples" / f"step_{trainer.step:06d}.png"
    write_sample_picture(path, shown[:, 0].numpy(), translated[:, 0].numpy())


def _report(reporter: Reporter, step: int, progress: float, estimate: TimeEstimate) -> None:
    if step % LOG_EVERY != 0:
        return
    remaining = estimate.remaining_seconds(done=progress, total=1.0)
    left = "" if remaining is None else f", about {remaining / 60:.1f} minutes left"
    reporter.progress(done=progress, total=1.0, text=f"training, step {step}{left}")
