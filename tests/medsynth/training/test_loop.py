import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from medsynth.errors import RecordError
from medsynth.records.json_lines import read_json_lines
from medsynth.records.manifest import hash_file
from medsynth.records.progress import SilentReporter
from medsynth.training.batches import Draw, PatientSlices
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    build_generator,
)
from medsynth.training.cycle_trainer import StepSettings
from medsynth.training.device import Compute
from medsynth.training.loop import (
    CHECKPOINT_NAME,
    TrainingPlan,
    TrainingSlices,
    train_translator,
)
from medsynth.training.losses import LossWeights
from medsynth.training.schedule import Budget

_CPU = Compute(torch.device("cpu"), mixed=False)


def _plan(steps: int, image_pool: int = 0) -> TrainingPlan:
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
        draw=Draw(batch=2, patch=32, seed=5),
        checkpoint_seconds=1e9,
    )


def _slices() -> TrainingSlices:
    """Bright discs of 150 HU (contrast) and dim ones of 40 HU on -100 HU, at random places."""
    generator = np.random.default_rng(0)

    def volume(disc_hu: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        rows, columns = np.mgrid[:32, :32]
        slices = []
        for row, column in generator.uniform(8, 24, (6, 2)):
            disc = (rows - row) ** 2 + (columns - column) ** 2 < 36
            slices.append(np.where(disc, disc_hu, -100) + generator.normal(0, 5, (32, 32)))
        return np.stack(slices).astype(np.int16)

    contrast = [PatientSlices(f"c{i}", (volume(150),)) for i in range(3)]
    noncontrast = [PatientSlices(f"n{i}", (volume(40),)) for i in range(3)]
    return TrainingSlices(contrast, noncontrast)


class _StopAfter:
    """A reporter that interrupts the training at its n-th word."""

    def __init__(self, words: int) -> None:
        self.words = words

    def message(self, text: str) -> None:
        raise AssertionError(text)

    def progress(self, *, done: float, total: float, text: str) -> None:
        assert text
        assert done <= total
        self.words -= 1
        if self.words == 0:
            raise KeyboardInterrupt


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("image_pool", [0, 3])
def test_interrupted_training_ends_with_the_same_bytes(tmp_path: Path, image_pool: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    plan = _plan(20, image_pool)
    train_translator(_slices(), plan, whole, compute=_CPU, reporter=SilentReporter())

    often = dataclasses.replace(plan, checkpoint_seconds=0.0)
    for words in (1, 1):
        with pytest.raises(KeyboardInterrupt):
            train_translator(_slices(), often, broken, compute=_CPU, reporter=_StopAfter(words))
        assert (broken / CHECKPOINT_NAME).is_file()
    train_translator(_slices(), often, broken, compute=_CPU, reporter=SilentReporter())

    assert _files(broken) == _files(whole)
    assert "to_noncontrast.safetensors" in _files(whole)
    assert [row["step"] for row in read_json_lines(whole / "metrics.jsonl")] == [1, 10, 20]


def test_training_darkens_what_contrast_made_bright(tmp_path: Path) -> None:
    plan = _plan(150)
    train_translator(_slices(), plan, tmp_path, compute=_CPU, reporter=SilentReporter())
    network = build_generator(plan.generator)
    load_weights(tmp_path / "to_noncontrast.safetensors", network)
    volume = _slices().contrast[0].volumes_hu[0]
    given = torch.from_numpy(volume.astype(np.float32))[:, None]
    with torch.no_grad():
        change = (network(given) - given)[:, 0].numpy()
    assert change[volume > 100].mean() < -30.0
    assert abs(change[volume < 0].mean()) < 15.0


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    plan = dataclasses.replace(_plan(20), checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        train_translator(_slices(), plan, tmp_path, compute=_CPU, reporter=_StopAfter(1))
    checkpoint = tmp_path / CHECKPOINT_NAME
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no checkpoint")
    with pytest.raises(RecordError, match="cannot be read"):
        train_translator(_slices(), plan, tmp_path, compute=_CPU, reporter=SilentReporter())
