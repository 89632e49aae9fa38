"""The Gaussian mechanism on sums of patients' gradients, and the record of what it did."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from medsynth.errors import ConfigurationError
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patient_gradients import PatientLoss, sum_in_chunks, sum_one_by_one
from medsynth.privacy.patients import PatientDraw, PrivatePatient, poisson_sample


@dataclasses.dataclass(frozen=True)
class MechanismSettings:
    """What a mechanism is declared to do.

    Attributes:
        name: for the record.
        clipping_norm: the longest a patient's gradient may be, C.
        noise_multiplier: the noise's standard deviation, in units of C.
        sample_rate: each patient's chance to take part in an update.
        expected_patients: sample rate times patients, by which every noised sum is divided,
            however many took part.
    """

    name: str
    clipping_norm: float
    noise_multiplier: float
    sample_rate: float
    expected_patients: float


@dataclasses.dataclass(frozen=True)
class AppliedUpdate:
    """Equal updates that were made.

    Attributes:
        noise_multiplier: standard deviation of the noise that was added, over the norm to
            which each patient's gradient was clipped.
        sample_rate: chance with which those who took part were drawn; 1 where there was not
            exactly one draw for the update, since then no chance protects anybody.
        steps: number of updates.
    """

    noise_multiplier: float
    sample_rate: float
    steps: int


@dataclasses.dataclass(frozen=True)
class AppliedUpdates:
    """What one mechanism did, measured where it was done.

    Attributes:
        name: of the mechanism.
        updates: equal ones merged, in the order in which each kind was first made.
    """

    name: str
    updates: tuple[AppliedUpdate, ...]

    @property
    def steps(self) -> int:
        """Give the number of updates."""
        return sum(update.steps for update in self.updates)


class PrivateMechanism:
    """Draws patients, sums their clipped gradients, and adds noise.

    Nothing of a patient is kept from one update to the next, and nothing but noised sums may
    leave: un-noised sums, norms, losses and the number of those drawn are the patients'.

    Source: Abadi et al. 2016, arXiv 1607.00133, with the patient as the unit.
    """

    def __init__(
        self,
        settings: MechanismSettings,
        parameters: Sequence[nn.Parameter],
        loss: PatientLoss,
        entropy: Entropy,
        chunk: int | None = None,
    ) -> None:
        """Bind the mechanism to what it moves.

        Args:
            settings: what it is to do.
            parameters: what a patient's gradient is taken over and clipped over, jointly.
            loss: a patient's draw -> scalar, the mean over the patient's slices. Where it is
                a module, its other parameters are frozen while gradients are taken.
            entropy: for the draw and the noise.
            chunk: patients in one vectorised pass; None takes one patient at a time.

        Raises:
            ConfigurationError: a setting is out of range, nothing is to be moved, or a pass of
                several patients is asked for with a loss that is no module.
        """
        _check(settings, loss, chunk)
        if not parameters:
            raise ConfigurationError(
                f"Mechanism {settings.name} has no parameters to move. Expected some: the settings "
                "let nothing learn. Change what is trained, or the design of the networks."
            )
        self.settings = settings
        self.parameters = tuple(parameters)
        self._loss = loss
        self._entropy = entropy
        self._chunk = chunk
        self._applied: dict[tuple[float, float], int] = {}
        self._rates_drawn: list[float] = []
        self._clipped_to = settings.clipping_norm

    @property
    def applied(self) -> AppliedUpdates:
        """Give what was done so far."""
        return AppliedUpdates(
            self.settings.name,
            tuple(
                AppliedUpdate(noise, rate, steps) for (noise, rate), steps in self._applied.items()
            ),
        )

    def draw(self, patients: Sequence[PrivatePatient]) -> list[PrivatePatient]:
        """Draw who takes part in the next update; each update needs a draw of its own.

        Args:
            patients: all that may take part.

        Returns:
            Those who do; may be none.
        """
        rate = self.settings.sample_rate
        self._rates_drawn.append(rate)
        return [patients[place] for place in poisson_sample(len(patients), rate, self._entropy)]

    def clipped_sum(self, draws: Sequence[PatientDraw]) -> list[Tensor]:
        """Sum the patients' gradients, each clipped over all parameters together.

        A patient whose gradient is not finite adds nothing.

        Args:
            draws: one a patient, on the device of the parameters; may be none.

        Returns:
            One sum a parameter, float64. Private until noised.
        """
        self._clipped_to = self.settings.clipping_norm
        if not isinstance(self._loss, nn.Module):
            return sum_one_by_one(
                self._loss, self.parameters, draws, clipping_norm=self._clipped_to
            )
        named = _let_learn(self._loss, self.parameters)
        if self._chunk is None:
            return sum_one_by_one(
                self._loss, self.parameters, draws, clipping_norm=self._clipped_to
            )
        return sum_in_chunks(
            self._loss, named, draws, clipping_norm=self._clipped_to, chunk=self._chunk
        )

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        """Add the noise, divide by the expected number of patients, and record the update.

        Args:
            sums: one a parameter, as `clipped_sum` gives.

        Returns:
            One gradient a parameter, in the parameter's type. This may leave.
        """
        deviation = self.settings.noise_multiplier * self.settings.clipping_norm
        sizes = [total.numel() for total in sums]
        noise = torch.from_numpy(deviation * self._entropy.normal(sum(sizes)))
        self._record(deviation)
        return [
            ((total.double() + part.view(total.shape).to(total.device)) / self._divisor()).to(
                parameter.dtype
            )
            for total, part, parameter in zip(
                sums, torch.split(noise, sizes), self.parameters, strict=True
            )
        ]

    def state(self) -> list[list[float]]:
        """Give the record as plain values: noise multiplier, sample rate, steps of each kind."""
        return [[u.noise_multiplier, u.sample_rate, u.steps] for u in self.applied.updates]

    def restore(self, state: Iterable[Sequence[Any]]) -> None:
        """Go back to a record that `state` gave."""
        self._applied = {(float(noise), float(rate)): int(steps) for noise, rate, steps in state}
        self._rates_drawn = []

    def _divisor(self) -> float:
        return self.settings.expected_patients

    def _record(self, deviation: float) -> None:
        # Two draws for one update, or one for two, are no Poisson sampling.
        rate = self._rates_drawn[0] if len(self._rates_drawn) == 1 else 1.0
        self._rates_drawn = []
        kind = (deviation / self._clipped_to, rate)
        self._applied[kind] = self._applied.get(kind, 0) + 1


def _let_learn(loss: nn.Module, parameters: Sequence[nn.Parameter]) -> dict[str, nn.Parameter]:
    """Freeze all of a loss's parameters but some, and give these by their names in it."""
    names = {id(parameter): name for name, parameter in loss.named_parameters()}
    for parameter in loss.parameters():
        parameter.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    return {names[id(parameter)]: parameter for parameter in parameters}


def _check(settings: MechanismSettings, loss: PatientLoss, chunk: int | None) -> None:
    noise = settings.noise_multiplier
    checked = (
        ("clipping_norm", settings.clipping_norm, 0.0 < settings.clipping_norm < math.inf),
        ("noise_multiplier", noise, 0.0 <= noise < math.inf),
        ("sample_rate", settings.sample_rate, 0.0 < settings.sample_rate <= 1.0),
        ("expected_patients", settings.expected_patients, settings.expected_patients > 0.0),
    )
    for name, value, is_right in checked:
        if not is_right:
            raise ConfigurationError(
                f"{name} of mechanism {settings.name} is {value}. Expected a finite number above "
                "0, a sample rate of at most 1, and patients. Change the private settings."
            )
    if chunk is not None and (chunk < 1 or not isinstance(loss, nn.Module)):
        raise ConfigurationError(
            f"Mechanism {settings.name} is to take {chunk} patients at once. Expected at least 1, "
            "and a loss that is a module. Leave chunk out to take one patient at a time."
        )
