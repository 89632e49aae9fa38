"""Small private trainers for the tests of the checks, and what is claimed of them."""

import copy
from collections.abc import Sequence

import torch

from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.checks.result import Claim
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import PrivateStepSettings, PrivateTrainer
from medsynth.training.cycle_networks import (
    CycleNetworks,
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
)
from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights

NOISE = 1.0
RATE = 0.1
DELTA = 1e-3
TRAINING_STEPS = 100
DISCRIMINATOR_STEPS = 2
SLICES = 3

SETTINGS = PrivateStepSettings(
    weights=LossWeights(cycle=1.0, identity=0.5, change=0.1),
    learning_rate=2e-4,
    discriminator_learning_rate=2e-4,
    averaging=0.9,
    clipping_norm=0.5,
    discriminator_clipping_norm=0.8,
    noise_multiplier=NOISE,
    sample_rate=RATE,
    slices=SLICES,
    patch=16,
    discriminator_steps=DISCRIMINATOR_STEPS,
)
COMPUTE = Compute(torch.device("cpu"), mixed=False)
_NETWORKS = build_cycle_networks(
    GeneratorDesign("unshuffle", 4, 1), DiscriminatorDesign("unshuffle", 4), seed=0
)


def fresh_networks() -> CycleNetworks:
    """Give networks with the same weights each time."""
    return copy.deepcopy(_NETWORKS)


def make_honest(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
    """Build a trainer that does what it claims."""
    return PrivateTrainer(fresh_networks(), patients, SETTINGS, COMPUTE, entropy)


def honest_claim() -> Claim:
    """Say what is true of `make_honest`."""
    mechanisms = (
        Mechanism("discriminators", NOISE, RATE, DISCRIMINATOR_STEPS * TRAINING_STEPS),
        Mechanism("generators", NOISE, RATE, TRAINING_STEPS),
    )
    return Claim(spent(mechanisms, DELTA).epsilon, DELTA, TRAINING_STEPS, mechanisms)
