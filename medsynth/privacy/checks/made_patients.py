"""Patients who do not exist: what is learnt from them costs nobody anything."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medsynth.privacy.patients import PatientDraw, PrivatePatient
from medsynth.training.batches import PatientSlices

if TYPE_CHECKING:
    from medsynth.privacy.private_trainer import PrivateTrainer

_SLICES = 2
# Holds the largest patch of a training.
_PIXELS = 512
_PATCH = 32
_DISTURBANCES = (0.0, 0.05, 0.5)
_LARGEST_HU = (300.0, 1e6)


def flat_patients(values_hu: Sequence[int]) -> tuple[PrivatePatient, ...]:
    """Make patients of one value each, in both phases, 80 HU brighter with contrast.

    However slices and patches are drawn from such a patient, they are equal: what the patient
    adds to an update depends on the weights alone.

    Args:
        values_hu: HU without contrast, one a patient, above -300.
    """
    return tuple(
        PrivatePatient(f"made-up {place}", (_flat(value + 80),), (_flat(value),))
        for place, value in enumerate(values_hu)
    )


def adversarial_draws(slices: int, device: torch.device) -> list[PatientDraw]:
    """Make draws of patients chosen to move an update far, from strange to impossible.

    Args:
        slices: patches of each phase.
        device: where the networks are.

    Returns:
        Draws with contrast slices, without them, and with both; finite.
    """
    generator = torch.Generator().manual_seed(0)
    draws = []
    for largest_hu in _LARGEST_HU:
        one = torch.randn(1, 1, _PATCH, _PATCH, generator=generator) * largest_hu
        # Equal slices have equal gradients: slices clipped one by one would add up in full.
        equal = one.expand(slices, 1, _PATCH, _PATCH).to(device)
        draws += [PatientDraw(equal, None), PatientDraw(None, -equal), PatientDraw(equal, equal)]
    return draws


def non_finite_draws(slices: int, device: torch.device) -> list[PatientDraw]:
    """Make draws whose gradients are no numbers."""
    made = []
    for value in (float("nan"), float("inf")):
        patches = torch.full((slices, 1, _PATCH, _PATCH), value, device=device)
        made.append(PatientDraw(patches, patches))
    return made


def noisy_public_slices() -> tuple[PatientSlices, ...]:
    """Make a public contrast patient of noise in two slices, always the same."""
    generator = np.random.default_rng(0)
    slices_hu = generator.normal(120.0, 60.0, (_SLICES, _PIXELS, _PIXELS)).astype(np.int16)
    return (PatientSlices("public", (slices_hu,)),)


def disturbances() -> tuple[float, ...]:
    """Give sizes by which weights are moved, in turn, to make gradients long."""
    return _DISTURBANCES


@torch.no_grad()
def disturb(trainer: "PrivateTrainer", size: float) -> None:
    """Move all weights of a trainer that is thrown away afterwards; in place.

    Fresh networks begin with layers of zeros, through which no gradient passes.

    Args:
        trainer: any.
        size: standard deviation of the movement.
    """
    generator = torch.Generator().manual_seed(1)
    for _, network in trainer.networks.named():
        for parameter in network.parameters():
            moved = size * torch.randn(parameter.shape, generator=generator)
            parameter.add_(moved.to(parameter))


def flattened(parts: Sequence[Tensor]) -> Tensor:
    """Put one tensor a parameter into one vector, float64, on the processor."""
    return torch.cat([part.detach().reshape(-1).double().cpu() for part in parts])


def _flat(value_hu: int) -> NDArray[np.int16]:
    # A view of one number: it takes no memory, however large a patch is asked for.
    return np.broadcast_to(np.int16(value_hu), (_SLICES, _PIXELS, _PIXELS))
