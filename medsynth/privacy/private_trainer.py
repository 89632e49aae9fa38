"""One private step of the cycle translator's training, and the state it changes."""

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from medsynth.errors import ConfigurationError, RecordError
from medsynth.networks.calibrated_generator import ScannerOffset
from medsynth.networks.channel_norm import ChannelNorm
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.mechanism import MechanismSettings, PrivateMechanism
from medsynth.privacy.patient_losses import (
    CalibrationObjective,
    DiscriminatorObjective,
    GeneratorObjective,
)
from medsynth.privacy.patients import PatientDraw, PrivatePatient, draw_slices
from medsynth.privacy.public_source import PublicSettings
from medsynth.training.cycle_networks import CycleNetworks
from medsynth.training.cycle_trainer import cycle_roles
from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights
from medsynth.training.trainer_state import LearningNetworks, StartKind, StepSettings

Trained = Literal["calibration", "norms_and_last", "all"]
DISCRIMINATORS = "discriminators"
GENERATORS = "generators"
NONCONTRAST_DISCRIMINATOR = "noncontrast_discriminator"


@dataclasses.dataclass(frozen=True)
class PrivateStepSettings:
    """What a private step needs to know besides its patients.

    Attributes:
        weights: of the losses.
        learning_rate: the generators' highest.
        discriminator_learning_rate: the discriminators' highest.
        averaging: decay of the running average of the generators' weights; 0 for none.
        clipping_norm: longest gradient of a patient over both generators.
        discriminator_clipping_norm: likewise over both discriminators.
        noise_multiplier: of both mechanisms, in units of their clipping norms.
        sample_rate: each patient's chance to take part in an update.
        slices: patches of each phase that a drawn patient brings.
        patch: rows and columns of a patch, at most those of the slices.
        discriminator_steps: discriminators' updates for each of the generators'; 0 leaves them
            as they are, and there is one mechanism instead of two.
        trained: of the generators, "all" learns, or "norms_and_last": norms and last layers,
            or "calibration": the scanner's offset alone, for which there is no discriminator.
        start: "public" counts the change from what the generators made at the start.
        chunk: patients in one vectorised pass; None takes one patient at a time.
        public: of the public contrast scans; None where contrast scans are patients', too.
    """

    weights: LossWeights
    learning_rate: float
    discriminator_learning_rate: float
    averaging: float
    clipping_norm: float
    discriminator_clipping_norm: float
    noise_multiplier: float
    sample_rate: float
    slices: int
    patch: int
    discriminator_steps: int = 1
    trained: Trained = "all"
    start: StartKind = "scratch"
    chunk: int | None = None
    public: PublicSettings | None = None


class PrivateTrainer:
    """The networks in private training with all that a checkpoint must keep.

    All four networks see patients' scans: the generators as inputs and targets, the
    discriminators as inputs. So all four learn from noised sums alone.
    """

    def __init__(
        self,
        networks: CycleNetworks,
        patients: Sequence[PrivatePatient],
        settings: PrivateStepSettings,
        compute: Compute,
        entropy: Entropy,
    ) -> None:
        """Put the networks on the device and make optimisers and mechanisms.

        Args:
            networks: the four networks; moved, not copied.
            patients: all that may be drawn, each pseudonym once.
            settings: of a step.
            compute: where and in which precision.
            entropy: for noise, for who is drawn and for which slices.

        Raises:
            ConfigurationError: a setting is out of range, or several patients are to be taken
                at once on a processor in bfloat16.
        """
        _check_chunk(settings, compute)
        self.networks = networks
        self._patients = tuple(patients)
        self._settings = settings
        self._compute = compute
        self._entropy = entropy
        self._learning = LearningNetworks(
            networks, cycle_roles(networks), _step_settings(settings), compute
        )
        self.averaged = self._learning.averaged
        # A resumed training is built from the same start, so this is no part of its state.
        self._anchors = copy.deepcopy(self.averaged) if settings.start == "public" else {}
        self.mechanisms = self._build_mechanisms()
        self.step = 0

    def train_step(self, *, learning_rate_factor: float) -> None:
        """Update the discriminators some times, then the generators once, then the averages.

        Every update draws its own patients. Nothing is returned: losses are the patients'.

        Args:
            learning_rate_factor: on the highest learning rates, from the schedule.
        """
        self._learning.set_learning_rates(learning_rate_factor)
        for _ in range(self._settings.discriminator_steps):
            self._update(DISCRIMINATORS, self._learning.discriminator_optimiser)
        self._update(GENERATORS, self._learning.generator_optimiser)
        self.step += 1
        self._learning.update_averages(self.step)

    def state(self) -> dict[str, Any]:
        """Give everything that the next step depends on, and the record of all updates."""
        return {
            "step": self.step,
            **self._learning.state(),
            "applied": {name: mechanism.state() for name, mechanism in self.mechanisms.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that `state` gave, with its record of updates.

        Raises:
            RecordError: the record of updates is missing or is that of fewer updates than the
                weights took.
        """
        _check_record(state, updates_a_step(self._settings))
        self.step = state["step"]
        self._learning.restore(state)
        for name, mechanism in self.mechanisms.items():
            mechanism.restore(state["applied"][name])

    @property
    def free_parameters(self) -> tuple[nn.Parameter, ...]:
        """Give what is learnt without any patient; here nothing is."""
        return ()

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        settings, networks = self._settings, self.networks
        judging = [p for network in networks.discriminators() for p in network.parameters()]
        # The generators share the scanner's offset.
        generating = [
            p
            for network in networks.generators()
            for p in trained_parameters(network, settings.trained)
        ]
        objective: nn.Module
        if settings.trained == "calibration":
            objective = CalibrationObjective(networks, self._compute)
        else:
            objective = GeneratorObjective(networks, settings.weights, self._compute, self._anchors)
        mechanisms = {
            GENERATORS: PrivateMechanism(
                self._mechanism_settings(GENERATORS, settings.clipping_norm),
                list(dict.fromkeys(generating)),
                objective,
                self._entropy,
                settings.chunk,
            )
        }
        if settings.discriminator_steps:
            mechanisms[DISCRIMINATORS] = PrivateMechanism(
                self._mechanism_settings(DISCRIMINATORS, settings.discriminator_clipping_norm),
                judging,
                DiscriminatorObjective(networks, self._compute),
                self._entropy,
                settings.chunk,
            )
        return mechanisms

    def _mechanism_settings(self, name: str, clipping_norm: float) -> MechanismSettings:
        rate = self._settings.sample_rate
        return MechanismSettings(
            name=name,
            clipping_norm=clipping_norm,
            noise_multiplier=self._settings.noise_multiplier,
            sample_rate=rate,
            expected_patients=rate * len(self._patients),
        )

    def _update(self, name: str, optimiser: torch.optim.Optimizer) -> None:
        mechanism = self.mechanisms[name]
        draws = [self._drawn(patient) for patient in mechanism.draw(self._patients)]
        gradients = mechanism.noised(mechanism.clipped_sum(draws))
        self._take_step(mechanism.parameters, gradients, optimiser)

    def _take_step(
        self,
        parameters: Sequence[nn.Parameter],
        gradients: Sequence[Tensor],
        optimiser: torch.optim.Optimizer,
    ) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    def _drawn(self, patient: PrivatePatient) -> PatientDraw:
        settings = self._settings
        draw = draw_slices(
            patient, slices=settings.slices, patch=settings.patch, entropy=self._entropy
        )
        return PatientDraw(self._moved(draw.contrast), self._moved(draw.noncontrast))

    def _moved(self, patches: Tensor | None) -> Tensor | None:
        return None if patches is None else self._compute.moved(patches)


def updates_a_step(settings: PrivateStepSettings) -> dict[str, int]:
    """Give how many updates of patients each mechanism makes in a training step.

    Args:
        settings: of the step.

    Returns:
        Name of a mechanism -> number, at least 1.
    """
    if settings.public is not None:
        return {NONCONTRAST_DISCRIMINATOR: settings.discriminator_steps}
    updates = {GENERATORS: 1, DISCRIMINATORS: settings.discriminator_steps}
    return {name: count for name, count in updates.items() if count}


def trained_parameters(network: nn.Module, trained: Trained) -> list[nn.Parameter]:
    """Give the parameters of a generator, or of a discriminator, that learn.

    The fewer they are, the less noise the same protection takes: its length grows with the
    root of their number.

    Args:
        network: of any design.
        trained: "all"; "norms_and_last": the norms of positions and the last layer;
            "calibration": the scanner's offset, which a calibrated generator has.
    """
    if trained == "all":
        return list(network.parameters())
    if trained == "calibration":
        offsets = [module for module in network.modules() if isinstance(module, ScannerOffset)]
        return [parameter for offset in offsets for parameter in offset.parameters()]
    norms = [module for module in network.modules() if isinstance(module, ChannelNorm)]
    return [
        parameter for module in (*norms, last_layer(network)) for parameter in module.parameters()
    ]


def last_layer(network: nn.Module) -> nn.Conv2d:
    """Give the last layer of a generator or a discriminator of any design."""
    # In every design the layer that is built last is the last one that computes.
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]


def _step_settings(settings: PrivateStepSettings) -> StepSettings:
    return StepSettings(
        weights=settings.weights,
        learning_rate=settings.learning_rate,
        discriminator_learning_rate=settings.discriminator_learning_rate,
        averaging=settings.averaging,
        image_pool=0,
        seed=0,
        start=settings.start,
    )


def _check_chunk(settings: PrivateStepSettings, compute: Compute) -> None:
    # There PyTorch has no vectorised gradient of a norm in two precisions.
    if settings.chunk is not None and compute.mixed and compute.device.type == "cpu":
        raise ConfigurationError(
            f"{settings.chunk} patients are to be taken at once on a processor in bfloat16. "
            "Expected one at a time there, which is quicker too. Leave chunk out."
        )


def _check_record(state: dict[str, Any], updates: dict[str, int]) -> None:
    applied = state.get("applied", {})
    step = int(state["step"])
    needed = {name: step * count for name, count in updates.items()}
    made = {name: sum(int(kind[2]) for kind in applied[name]) for name in applied}
    if any(name not in made or made[name] < count for name, count in needed.items()):
        raise RecordError(
            f"The checkpoint of step {step} does not account for all updates of its weights. "
            "Expected the record of a private training with these settings. Delete the train "
            "folder to train from the start; the ledger keeps what was spent."
        )
