"""A lower bound on epsilon, from a patient whom an attacker put there to be found."""

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor

from medsynth.privacy.checks.counting import updates_a_step
from medsynth.privacy.checks.made_patients import flat_patients, flattened
from medsynth.privacy.checks.observed_updates import observed
from medsynth.privacy.checks.privacy_loss import ShiftedUpdates, least_epsilon
from medsynth.privacy.checks.result import FALSE_ALARM, CheckResult, Claim, MakeTrainer, Verdict
from medsynth.privacy.checks.sampling import cohort_for_rate, who_takes_part
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, silence
from medsynth.privacy.checks.sensitivity import longest_draw
from medsynth.privacy.checks.tests_of_chance import share_bounds, spread_bounds
from medsynth.privacy.entropy import SystemEntropy
from medsynth.privacy.mechanism import PrivateMechanism
from medsynth.privacy.patients import PatientDraw

_PIECES = 64
# Values of noise along the canary's direction, for each of with and without it.
_VALUES = 40 * _PIECES


@dataclasses.dataclass(frozen=True)
class CanaryObservations:
    """What was seen of one mechanism.

    Attributes:
        shift: by which the canary moves an update along its direction.
        sum_of_squares: of the noise along the canary's direction.
        weight: as how many independent values of noise that counts.
        taken: how often the canary, or a patient in its place, was drawn.
        draws: out of how many times.
        updates_a_step: updates in a training step.
    """

    shift: float
    sum_of_squares: float
    weight: float
    taken: int
    draws: int
    updates_a_step: float

    def over(self, training_steps: int, miss: float, *, is_least: bool) -> ShiftedUpdates:
        """Give what an attacker surely, or at most, sees in a training.

        Args:
            training_steps: of the training.
            miss: chance of each of two bounds to be wrong.
            is_least: whether to err towards less.
        """
        rates = share_bounds(self.taken, self.draws, miss)
        steps = round(self.updates_a_step * training_steps)
        if self.sum_of_squares == 0.0:
            return ShiftedUpdates(math.inf if self.shift else 0.0, rates[not is_least], steps)
        low, high = spread_bounds(self.sum_of_squares, self.weight, miss)
        return ShiftedUpdates(self.shift / (high if is_least else low), rates[not is_least], steps)


def check_canaries(make_trainer: MakeTrainer, claim: Claim) -> CheckResult:
    """Plant one adversarial patient and bound from below what all updates tell of it.

    A white-box attack: the attacker knows the weights at each update and the direction in
    which the canary moves it. The canary's shift is read off with the same noise, none, with
    and without it; the noise along that direction is observed over fresh updates with and
    without it; its chance to be drawn is observed over fresh draws. What follows for all of
    the training is computed without the accountant, so a wrong sum of epsilon is found, too.

    The bound for the verdict holds but for one case in a million; the interval is that at
    95 %. The bound lies about a tenth below the true epsilon at a rate of a third, a sixth
    below at 0.1, further below at smaller rates: a claim that is too low by less is not found.

    Args:
        make_trainer: of the training that is checked.
        claim: what is said of it.
    """
    names = list(make_trainer(flat_patients([0, 40]), ScriptedEntropy((), silence)).mechanisms)
    seen = [_observations(make_trainer, name) for name in names]
    bounds = [
        least_epsilon(
            [
                one.over(claim.training_steps, miss / (2 * len(seen)), is_least=is_least)
                for one in seen
            ],
            claim.delta,
        )
        for miss, is_least in ((FALSE_ALARM, True), (0.025, True), (0.025, False))
    ]
    verdict: Verdict = "refuted" if bounds[0] > claim.epsilon else "not_refuted"
    return CheckResult(
        name="gradient_canaries",
        verdict=verdict,
        statistic=bounds[0],
        threshold=claim.epsilon,
        interval=(bounds[1], bounds[2]),
        n=round(sum(one.weight for one in seen)),
        explanation=(
            f"An attacker who plants a patient reaches epsilon {bounds[1]:.3f} at delta "
            f"{claim.delta:g} with confidence 97.5 %, {bounds[0]:.3f} but for one case in a "
            f"million; {claim.epsilon:.3f} is claimed."
        ),
    )


def _observations(make_trainer: MakeTrainer, name: str) -> CanaryObservations:
    entropy = ScriptedEntropy((), silence)
    trainer = make_trainer(flat_patients([0, 40]), entropy)
    steps = updates_a_step(trainer, observed(trainer, training_steps=1, learning_rate_factor=0.0))
    mechanism = trainer.mechanisms[name]
    canary, total, _ = longest_draw(trainer, mechanism)
    shift = flattened(mechanism.noised(total)) - flattened(mechanism.noised(_none(mechanism)))
    length = float(shift.norm())
    entropy.noise = SystemEntropy().normal
    spread, weight = _spread_along(shift, _noises(mechanism, canary, shift))
    taken, draws = _share_taken(make_trainer, name, mechanism.settings.sample_rate)
    return CanaryObservations(length, spread, weight, taken, draws, steps[name])


def _none(mechanism: PrivateMechanism) -> list[Tensor]:
    return mechanism.clipped_sum([])


def _noises(mechanism: PrivateMechanism, canary: PatientDraw, shift: Tensor) -> Tensor:
    """Give the noise of fresh updates, with the canary and without: (updates, parameters)."""
    with_canary, without = mechanism.clipped_sum([canary]), _none(mechanism)
    rows = []
    for _ in range(math.ceil(_VALUES / min(_PIECES, shift.numel()))):
        rows.append(flattened(mechanism.noised(with_canary)) - shift)
        rows.append(flattened(mechanism.noised(without)))
    return torch.stack(rows)


def _spread_along(shift: Tensor, noises: Tensor) -> tuple[float, float]:
    """Give the noise's spread along a direction, and as how many values it counts.

    The direction is cut into pieces of other parameters each, so that every update gives as
    many observations. Each counts by its share of the direction.

    Returns:
        Sum of squares, as if of that many values along the direction; how many.

    Source: Satterthwaite 1946, doi 10.2307/3002019, for the weighted sum.
    """
    length = shift.norm()
    if not (float(length) > 0.0):
        return 0.0, 1.0
    generator = torch.Generator().manual_seed(0)
    pieces = torch.randint(_PIECES, shift.shape, generator=generator)
    projections = torch.zeros(len(noises), _PIECES, dtype=torch.float64)
    projections.index_add_(1, pieces, noises * (shift / length))
    shares = torch.zeros(_PIECES, dtype=torch.float64)
    shares.index_add_(0, pieces, (shift / length).square())
    variance = float(projections.square().sum(dim=1).mean())
    weight = len(noises) / float(shares.square().sum())
    return variance * weight, weight


def _share_taken(make_trainer: MakeTrainer, name: str, rate: float) -> tuple[int, int]:
    patients = cohort_for_rate(rate)
    drawn = who_takes_part(make_trainer(patients, SystemEntropy()), name, patients)
    return int(np.minimum(drawn, 1.0).sum()), drawn.size
