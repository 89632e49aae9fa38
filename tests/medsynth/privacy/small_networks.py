"""Small networks of the real designs and made-up patients, for tests of private training."""

from collections.abc import Sequence

import numpy as np
import torch

from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patients import PatientDraw, PrivatePatient
from medsynth.privacy.private_trainer import PrivateStepSettings, PrivateTrainer, Trained
from medsynth.training.cycle_networks import (
    CycleNetworks,
    DiscriminatorDesign,
    DiscriminatorKind,
    GeneratorDesign,
    GeneratorKind,
    build_cycle_networks,
)
from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights

CPU = Compute(torch.device("cpu"), mixed=False)
WEIGHTS = LossWeights(cycle=0.5, identity=1.0, change=0.3)


def small_networks(
    generator: GeneratorKind = "unshuffle", discriminator: DiscriminatorKind = "unshuffle"
) -> CycleNetworks:
    """Give networks whose last layers are not at zero, so that every layer has a gradient."""
    networks = build_cycle_networks(
        GeneratorDesign(generator, channels=4, blocks=1),
        DiscriminatorDesign(discriminator, channels=4),
        seed=1,
    )
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for network in networks.generators():
            for parameter in network.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=chance), alpha=0.1)
    return networks


def small_trainer(
    patients: Sequence[PrivatePatient],
    entropy: Entropy,
    *,
    sample_rate: float = 0.5,
    noise_multiplier: float = 1.0,
    trained: Trained = "all",
    chunk: int | None = None,
) -> PrivateTrainer:
    """Give a trainer with two updates of the discriminators a step."""
    settings = PrivateStepSettings(
        weights=WEIGHTS,
        learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        averaging=0.9,
        clipping_norm=1.0,
        discriminator_clipping_norm=0.5,
        noise_multiplier=noise_multiplier,
        sample_rate=sample_rate,
        slices=2,
        patch=16,
        discriminator_steps=2,
        trained=trained,
        start="public",
        chunk=chunk,
    )
    return PrivateTrainer(small_networks(), patients, settings, CPU, entropy)


def small_patients(count: int) -> tuple[PrivatePatient, ...]:
    """Give patients of whom one in three has contrast, one non-contrast and one both."""
    generator = np.random.default_rng(0)

    def volumes(hu: int) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int16]], ...]:
        return (generator.normal(hu, 60, (3, 24, 24)).astype(np.int16),)

    return tuple(
        PrivatePatient(
            f"p{n:02d}",
            volumes(150) if n % 3 != 1 else (),
            volumes(40) if n % 3 != 0 else (),
        )
        for n in range(count)
    )


def small_draws(count: int, *, patch: int = 16) -> list[PatientDraw]:
    """Give draws of 2 slices, of contrast, of non-contrast and of both in turn."""
    chance = torch.Generator().manual_seed(3)

    def slices(hu: float) -> torch.Tensor:
        return hu + 100.0 * torch.randn(2, 1, patch, patch, generator=chance)

    return [
        PatientDraw(
            contrast=slices(150.0) if n % 3 != 1 else None,
            noncontrast=slices(40.0) if n % 3 != 0 else None,
        )
        for n in range(count)
    ]
