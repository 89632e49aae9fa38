"""Small trainers with a public source for the tests, and what is claimed of them."""

import copy
import dataclasses
from collections.abc import Sequence

import numpy as np

from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.checks.result import Claim, MakeTrainer
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import NONCONTRAST_DISCRIMINATOR, PrivateTrainer
from medsynth.privacy.public_source import PublicSettings
from medsynth.privacy.public_source_trainer import PublicSourceTrainer
from medsynth.training.batches import PatientSlices
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
)
from tests.medsynth.privacy.private_trainers import (
    COMPUTE,
    DELTA,
    DISCRIMINATOR_STEPS,
    NOISE,
    RATE,
    SETTINGS,
    TRAINING_STEPS,
)

PUBLIC_SETTINGS = dataclasses.replace(
    SETTINGS, public=PublicSettings("made_up", free_steps=1, batch=2)
)
# A judge of so many parameters gives enough values of noise in few updates.
_NETWORKS = build_cycle_networks(
    GeneratorDesign("unshuffle", 4, 1), DiscriminatorDesign("unshuffle", 16), seed=0
)


def public_slices(count: int = 2) -> tuple[PatientSlices, ...]:
    """Give public contrast patients of noise, the same each time."""
    generator = np.random.default_rng(7)
    return tuple(
        PatientSlices(f"public {n}", (generator.normal(120, 80, (2, 24, 24)).astype(np.int16),))
        for n in range(count)
    )


def build_public(
    trainer: type[PublicSourceTrainer], patients: Sequence[PrivatePatient], entropy: Entropy
) -> PublicSourceTrainer:
    """Build a trainer with a public source, of the honest class or of another."""
    return trainer(
        copy.deepcopy(_NETWORKS), patients, PUBLIC_SETTINGS, COMPUTE, entropy, public_slices()
    )


def makes_public(trainer: type[PublicSourceTrainer]) -> MakeTrainer:
    """Give what builds such a trainer."""

    def make(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
        return build_public(trainer, patients, entropy)

    return make


def public_claim() -> Claim:
    """Say what is true of the honest trainer with a public source."""
    steps = DISCRIMINATOR_STEPS * TRAINING_STEPS
    mechanisms = (Mechanism(NONCONTRAST_DISCRIMINATOR, NOISE, RATE, steps),)
    return Claim(spent(mechanisms, DELTA).epsilon, DELTA, TRAINING_STEPS, mechanisms)
