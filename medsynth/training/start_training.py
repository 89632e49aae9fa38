"""Learning the public start: generators from made-up pairs, then what judges them."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from medsynth.cohort.phase_randomisation import ScannerSpread, scan_pairs
from medsynth.training.cycle_networks import CycleNetworks, build_cycle_networks
from medsynth.training.cycle_trainer import CycleTrainer
from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights
from medsynth.training.public_start import (
    START_DISCRIMINATOR,
    START_GENERATOR,
    write_public_start,
)
from medsynth.training.start_examples import StartExamples, make_start_examples
from medsynth.training.trainer_state import StepSettings, update_average

SPREAD = ScannerSpread(
    noise_hu=(1.5, 30.0),
    offset_hu=4.0,
    shading_hu=4.0,
    scale=(0.75, 1.3),
    gain=0.15,
    any_turn=0.05,
)
_ADVERSARIAL = StepSettings(
    weights=LossWeights(cycle=0.5, identity=1.0, change=0.1),
    # The pairs taught the generators better than discriminators would: 300 steps against these
    # at a rate of 1e-4 took the error on patients held out from 8.5 to 10.2 HU.
    learning_rate=0.0,
    discriminator_learning_rate=5e-4,
    averaging=0.99,
    image_pool=0,
    seed=0,
)
_HELD_OUT_SEED = 1000
_LOWEST_HU, _HIGHEST_HU = -1024.0, 3071.0
_BODY_HU = -300.0
# Pixels that the agent changed by more than this count twice, and bone likewise: there are
# few of either, and what tells one from the other is what must be learnt.
_CHANGED_HU = 15.0
_BONE_HU = 150.0
# From here on an error counts by its square: a bright vessel left as it was must not be outvoted.
_LARGE_ERROR_HU = 100.0
_LARGEST_ERROR_HU = 500.0
# Slices that are to stay as they are.
_UNCHANGED_SHARE = 0.3
_LONGEST_GRADIENT = 5.0
_REPORT_EVERY = 100


@dataclasses.dataclass(frozen=True)
class StartSettings:
    """How the public start is learnt.

    Attributes:
        patients: made-up patients to learn from.
        held_out_patients: further ones to measure on.
        paired_steps: steps in pairs, out of contrast.
        reverse_steps: steps in pairs, into contrast.
        adversarial_steps: steps of the cycle engine, unpaired, in which the discriminators
            learn and the generators stay as they are.
        batch: slices of 128 x 128 pixels in a step.
        learning_rate: AdamW's highest in the paired steps.
        seed: decides everything.
    """

    patients: int = 450
    held_out_patients: int = 24
    paired_steps: int = 20000
    reverse_steps: int = 4000
    adversarial_steps: int = 300
    batch: int = 3
    learning_rate: float = 1.5e-3
    seed: int = 41


@dataclasses.dataclass(frozen=True)
class StartReport:
    """How the start does on made-up patients held out.

    Attributes:
        input_hu: mean absolute difference of the contrast slices to the truth, in the body, HU.
        translated_hu: that of their translations.
    """

    input_hu: float
    translated_hu: float


@dataclasses.dataclass(frozen=True)
class _Lesson:
    direction: str
    steps: int
    learning_rate: float
    seed: int


@dataclasses.dataclass(frozen=True)
class _Pairs:
    examples: StartExamples
    batch: int

    def draw(self, random: torch.Generator, plain_share: float = 0.0) -> tuple[Tensor, Tensor]:
        """Scan slices drawn by chance, with and without the agent."""
        chosen = torch.randint(len(self.examples.plain_hu), (self.batch,), generator=random)
        plain, gain = (
            torch.from_numpy(layer[chosen.numpy()].astype("float32"))
            for layer in (self.examples.plain_hu, self.examples.gain_hu)
        )
        given = (torch.rand(self.batch, generator=random) >= plain_share).float()
        scanned, without = scan_pairs(torch.stack([plain, gain], dim=1), given, SPREAD, random)
        return scanned.clamp(_LOWEST_HU, _HIGHEST_HU), without.clamp(_LOWEST_HU, _HIGHEST_HU)


def train_public_start(
    settings: StartSettings, weights: Path, compute: Compute, report: Callable[[str], None]
) -> StartReport:
    """Train on made-up patients and write the weights.

    Out of contrast is learnt from pairs, slices without agent among them, which stay
    as they are. Into contrast is learnt likewise, from the other side. Then the
    discriminators that are shipped learn what these generators do.

    Args:
        settings: how.
        weights: the file to write.
        compute: where and in which precision.
        report: hears how it goes, a line at a time.

    Returns:
        The error on patients held out.
    """
    report(f"making {settings.patients} patients")
    pairs = _Pairs(make_start_examples(settings.seed, patients=settings.patients), settings.batch)
    held_out = _Pairs(
        make_start_examples(settings.seed + _HELD_OUT_SEED, patients=settings.held_out_patients),
        settings.batch,
    )
    networks = build_cycle_networks(START_GENERATOR, START_DISCRIMINATOR, seed=settings.seed)
    for name, network, steps in (
        ("to_noncontrast", networks.to_noncontrast, settings.paired_steps),
        ("to_contrast", networks.to_contrast, settings.reverse_steps),
    ):
        lesson = _Lesson(name, steps, settings.learning_rate, settings.seed)
        _learn_pairs(network, lesson, pairs, compute, report)
    _teach_discriminators(networks, pairs, settings, compute, report)
    write_public_start(weights, networks)
    return StartReport(*_held_out_error(networks.to_noncontrast, held_out, compute))


def _learn_pairs(
    network: nn.Module,
    lesson: _Lesson,
    pairs: _Pairs,
    compute: Compute,
    report: Callable[[str], None],
) -> None:
    """Train one generator in place; it ends with the running average of its weights."""
    network.to(compute.device)
    averaged = copy.deepcopy(network).requires_grad_(False)
    optimiser = torch.optim.AdamW(network.parameters(), lr=lesson.learning_rate, weight_decay=1e-4)
    random = torch.Generator().manual_seed(lesson.seed)
    mean_loss = 0.0
    for step in range(lesson.steps):
        for group in optimiser.param_groups:
            group["lr"] = lesson.learning_rate * _rate_factor(step, lesson.steps)
        loss = _paired_loss(network, lesson.direction, pairs, random, compute)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), _LONGEST_GRADIENT)
        optimiser.step()
        update_average(averaged, network, highest_decay=0.998, step=step)
        mean_loss += (float(loss.detach()) - mean_loss) / min(step + 1, _REPORT_EVERY)
        if (step + 1) % _REPORT_EVERY == 0:
            report(f"{lesson.direction}, step {step + 1} of {lesson.steps}: loss {mean_loss:.3f}")
    network.load_state_dict(averaged.state_dict())


def _rate_factor(step: int, steps: int) -> float:
    """Give the warm-up, the plateau to 40 % and the fall to zero of the learning rate."""
    progress = step / steps
    fall = 1.0 if progress < 0.4 else (1.0 - progress) / 0.6
    return min(1.0, (step + 1) / 50) * fall


def _paired_loss(
    network: nn.Module, direction: str, pairs: _Pairs, random: torch.Generator, compute: Compute
) -> Tensor:
    if direction == "to_noncontrast":
        given, wanted = pairs.draw(random, _UNCHANGED_SHARE)
        scanned, without = given, wanted
    else:
        scanned, without = pairs.draw(random)
        is_kept = torch.rand(len(scanned), 1, 1, 1, generator=random) < _UNCHANGED_SHARE
        given, wanted = torch.where(is_kept, scanned, without), scanned
    is_counted_twice = ((scanned - without).abs() > _CHANGED_HU) | (without > _BONE_HU)
    weight = (1.0 + is_counted_twice.float()).to(compute.device)
    with compute.precision():
        made = network(given.to(compute.device))
    error = (made.float() - wanted.to(compute.device)).abs()
    large = error.clamp(max=_LARGEST_ERROR_HU).square() / _LARGE_ERROR_HU
    loss: Tensor = ((error + large) * weight).mean() / 10.0
    return loss


def _teach_discriminators(
    networks: CycleNetworks,
    pairs: _Pairs,
    settings: StartSettings,
    compute: Compute,
    report: Callable[[str], None],
) -> None:
    """Go through steps of the cycle engine in which the generators do not move."""
    trainer = CycleTrainer(networks, _ADVERSARIAL, compute)
    random = torch.Generator().manual_seed(settings.seed + 1)
    for step in range(settings.adversarial_steps):
        contrast, _ = pairs.draw(random)
        _, noncontrast = pairs.draw(random)
        losses = trainer.train_step(
            contrast,
            noncontrast,
            learning_rate_factor=_rate_factor(step, settings.adversarial_steps),
        )
        if (step + 1) % _REPORT_EVERY == 0:
            shown = ", ".join(f"{name} {float(loss):.3f}" for name, loss in losses.items())
            report(f"unpaired, step {step + 1} of {settings.adversarial_steps}: {shown}")


@torch.no_grad()
def _held_out_error(network: nn.Module, pairs: _Pairs, compute: Compute) -> tuple[float, float]:
    """Give the mean absolute error in the body of the input, and of its translation, HU."""
    random = torch.Generator().manual_seed(0)
    errors = torch.zeros(2)
    count = 0
    for _ in range(len(pairs.examples.plain_hu) // pairs.batch):
        scanned, without = pairs.draw(random)
        with compute.precision():
            made = network(scanned.to(compute.device)).float().cpu()
        body = without > _BODY_HU
        errors += torch.stack(
            [(scanned - without).abs()[body].sum(), (made - without).abs()[body].sum()]
        )
        count += int(body.sum())
    input_hu, made_hu = (errors / count).tolist()
    return input_hu, made_hu
