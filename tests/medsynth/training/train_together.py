"""One process of a small training, for tests: `torchrun -m ... FOLDER`."""

import sys
from pathlib import Path

import numpy as np
import torch

from medsynth.records.progress import SilentReporter
from medsynth.training.batches import Draw, PatientSlices
from medsynth.training.cycle_networks import DiscriminatorDesign, GeneratorDesign
from medsynth.training.device import Compute
from medsynth.training.distributed import Ranks, joined, ranks_of_environment
from medsynth.training.loop import TrainingPlan, TrainingSlices, train_translator
from medsynth.training.losses import LossWeights
from medsynth.training.schedule import Budget
from medsynth.training.trainer_state import StepSettings

CPU = Compute(torch.device("cpu"), mixed=False)


def small_plan(steps: int, *, batch: int = 2, image_pool: int = 0) -> TrainingPlan:
    """Give a plan of tiny networks that writes no checkpoint and no timed picture."""
    return TrainingPlan(
        generator=GeneratorDesign("unshuffle", channels=8, blocks=1),
        discriminator=DiscriminatorDesign("unshuffle", channels=8),
        step=StepSettings(
            weights=LossWeights(cycle=1.0, identity=0.5, change=0.1),
            learning_rate=1e-3,
            discriminator_learning_rate=1e-3,
            averaging=0.9,
            image_pool=image_pool,
            seed=5,
        ),
        budget=Budget(steps, None),
        draw=Draw(batch=batch, patch=32, seed=5),
        checkpoint_seconds=1e9,
        sample_seconds=1e9,
    )


def small_slices() -> TrainingSlices:
    """Bright discs of 150 HU (contrast) and dim ones of 40 HU on -100 HU, at random places."""
    generator = np.random.default_rng(0)

    def volume(disc_hu: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        rows, columns = np.mgrid[:32, :32]
        slices = []
        for row, column in generator.uniform(8, 24, (6, 2)):
            disc = (rows - row) ** 2 + (columns - column) ** 2 < 36
            slices.append(np.where(disc, disc_hu, -100) + generator.normal(0, 5, (32, 32)))
        return np.stack(slices).astype(np.int16)

    contrast = [PatientSlices(f"c{i}", (volume(150),)) for i in range(12)]
    noncontrast = [PatientSlices(f"n{i}", (volume(40),)) for i in range(12)]
    return TrainingSlices(contrast, noncontrast)


def train(folder: Path, ranks: Ranks) -> None:
    """Train for 20 steps of 4 patches of each phase, shared by the processes."""
    train_translator(
        small_slices(),
        small_plan(20, batch=4),
        folder,
        compute=CPU,
        reporter=SilentReporter(),
        ranks=ranks,
    )


if __name__ == "__main__":
    with joined(ranks_of_environment()):
        train(Path(sys.argv[1]), ranks_of_environment())
