"""How far one patient can move a sum before noise is added: no further than is claimed."""

import dataclasses
import math
from collections.abc import Sequence

from torch import Tensor

from medsynth.privacy.checks.made_patients import (
    adversarial_draws,
    disturb,
    disturbances,
    flat_patients,
    flattened,
    non_finite_draws,
)
from medsynth.privacy.checks.result import CheckResult, MakeTrainer
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, silence
from medsynth.privacy.mechanism import PrivateMechanism
from medsynth.privacy.patients import PatientDraw
from medsynth.privacy.private_trainer import PrivateTrainer

_SLICES = 2
_PATIENTS_HU = (0, 40)
# A patient alone is clipped to the last digit of float32; beside others, a pass of several
# patients rounds otherwise than one of a single patient, above all in bfloat16.
_ALONE = 1.0 + 1e-4
_BESIDE_OTHERS = 1.02
_NEARLY_ALL = 0.99


@dataclasses.dataclass(frozen=True)
class Reached:
    """How far a mechanism's sum was moved.

    Attributes:
        alone: farthest by a patient alone, in clipping norms.
        beside_others: farthest by a patient beside others, likewise.
        by_no_number: farthest by a patient whose gradient is no number; NaN counts as endless.
        neighbours: pairs of cohorts that were compared.
    """

    alone: float
    beside_others: float
    by_no_number: float
    neighbours: int


def check_sensitivity(make_trainer: MakeTrainer) -> CheckResult:
    """Add adversarial patients to small cohorts and see how far the sum moves.

    Patients of endless gradients, of equal slices whose gradients add up, in one phase, in
    the other and in both, and such whose gradient is no number; through the networks as they
    start and through disturbed ones, where gradients are long. It finds missing clipping,
    clipping of slices, of phases or of networks one by one, and of pairs of patients.

    Args:
        make_trainer: of the training that is checked.
    """
    reached = [
        _reached(make_trainer, name)
        for name in make_trainer(
            flat_patients(_PATIENTS_HU), ScriptedEntropy((), silence)
        ).mechanisms
    ]
    alone = max(one.alone for one in reached)
    beside = max(one.beside_others for one in reached)
    by_no_number = max(one.by_no_number for one in reached)
    is_refuted = not (
        alone <= _ALONE and beside <= _BESIDE_OTHERS and by_no_number <= _BESIDE_OTHERS - 1.0
    )
    weakest = min(max(one.alone, one.beside_others) for one in reached)
    power = "" if weakest >= _NEARLY_ALL else " For one mechanism no gradient as long was found."
    return CheckResult(
        name="sensitivity",
        verdict="refuted" if is_refuted else "not_refuted",
        statistic=max(alone, beside, by_no_number),
        threshold=_BESIDE_OTHERS,
        interval=None,
        n=sum(one.neighbours for one in reached),
        explanation=(
            f"One patient alone moved an un-noised sum by up to {alone:.6f} clipping norms, "
            f"beside others by {beside:.4f}, and by {by_no_number:.3g} where the gradient is no "
            f"number.{power}"
        ),
    )


def longest_draw(
    trainer: PrivateTrainer, mechanism: PrivateMechanism
) -> tuple[PatientDraw, list[Tensor], float]:
    """Find a patient who moves a mechanism's sum far, disturbing the weights until one does.

    Args:
        trainer: one that is thrown away; its weights are disturbed.
        mechanism: of that trainer.

    Returns:
        The draw, the sum that it makes, and its length in clipping norms.
    """
    draws = adversarial_draws(_SLICES, mechanism.parameters[0].device)
    found = (draws[0], mechanism.clipped_sum(draws[:1]), 0.0)
    for size in disturbances():
        disturb(trainer, size)
        made = [(draw, mechanism.clipped_sum([draw])) for draw in draws]
        lengths = [_length(mechanism, total) for _, total in made]
        place = max(range(len(made)), key=lambda one: lengths[one])
        found = (*made[place], lengths[place])
        if lengths[place] >= _NEARLY_ALL:
            break
    return found


def _reached(make_trainer: MakeTrainer, name: str) -> Reached:
    trainer = make_trainer(flat_patients(_PATIENTS_HU), ScriptedEntropy((), silence))
    mechanism = trainer.mechanisms[name]
    draws = adversarial_draws(_SLICES, mechanism.parameters[0].device)
    strange = non_finite_draws(_SLICES, mechanism.parameters[0].device)
    alone, beside, by_no_number = 0.0, 0.0, 0.0
    for size in disturbances():
        disturb(trainer, size)
        sums = [mechanism.clipped_sum([draw]) for draw in draws]
        lengths = [_length(mechanism, total) for total in sums]
        alone = max(alone, *lengths)
        farthest = max(range(len(draws)), key=lambda place: lengths[place])
        others = [draws[(farthest + step) % len(draws)] for step in (1, 2)]
        beside = max(beside, *_moves(mechanism, others, [draws[farthest]]))
        by_no_number = max(by_no_number, *_moves(mechanism, others[:1], strange))
    count = len(disturbances()) * (len(draws) + 1 + len(strange))
    return Reached(alone, beside, by_no_number, count)


def _moves(
    mechanism: PrivateMechanism, others: Sequence[PatientDraw], added: Sequence[PatientDraw]
) -> list[float]:
    without = mechanism.clipped_sum(others)
    moves = []
    for draw in added:
        together = mechanism.clipped_sum([*others, draw])
        moved = [one - other for one, other in zip(together, without, strict=True)]
        moves.append(_length(mechanism, moved))
    return moves


def _length(mechanism: PrivateMechanism, total: Sequence[Tensor]) -> float:
    length = float(flattened(total).norm()) / mechanism.settings.clipping_norm
    return math.inf if math.isnan(length) else length
