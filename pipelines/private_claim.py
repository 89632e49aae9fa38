"""What a private training claims, and trying to refute it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from medsynth.errors import RecordError
from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.budget import mechanism_from_plain
from medsynth.privacy.checks.made_patients import noisy_public_slices
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_loop import PrivatePlan, Scans, build_trainer
from medsynth.privacy.private_trainer import PrivateTrainer
from medsynth.privacy.self_checks import CheckResult, Claim, verify_privacy
from medsynth.training.device import Compute

# Another machine's last digits.
_SUM_TOLERANCE = 1e-6
# How often a free update is made, and of how many slices, tells nothing of patients.
_FREE_STEPS, _FREE_BATCH = 1, 2


@dataclasses.dataclass(frozen=True)
class StatedCost:
    """What a record says that a training cost, and what it says that it did.

    Attributes:
        epsilon: as stated.
        delta: as stated.
        mechanisms: all updates, at least one.
        added: the epsilon that these updates add up to.
    """

    epsilon: float
    delta: float
    mechanisms: tuple[Mechanism, ...]
    added: float

    @property
    def is_too_low(self) -> bool:
        """Tell whether less is stated than the updates add up to."""
        # Written so that what is no number is too low.
        return not self.epsilon >= self.added - _SUM_TOLERANCE


def stated_cost(privacy: Mapping[str, Any]) -> StatedCost:
    """Read what a private training's record states, and add its updates up again.

    Args:
        privacy: content of its `privacy.json`.

    Raises:
        RecordError: the record does not tell its updates; nothing would cost nothing, so that
            any epsilon would do.
        ConfigurationError: an update in it is none that an accountant knows.
    """
    try:
        mechanisms = tuple(mechanism_from_plain(one) for one in privacy["mechanisms"])
        epsilon, delta = float(privacy["epsilon"]), float(privacy["delta"])
    except (KeyError, TypeError, ValueError):
        mechanisms, epsilon, delta = (), 0.0, 0.0
    if not mechanisms:
        raise RecordError(
            "privacy.json of a private training does not tell its updates. Expected their noise, "
            "sampling rate and number, and epsilon and delta. Train again."
        )
    return StatedCost(epsilon, delta, mechanisms, spent(mechanisms, delta).epsilon)


def plan_to_plain(plan: PrivatePlan) -> dict[str, Any]:
    """Give a plan as plain values, for the training's record."""
    return dataclasses.asdict(plan)


def verify_plan(plan: PrivatePlan, claim: Claim, compute: Compute) -> list[CheckResult]:
    """Try to refute a claim of a training by this plan, with made-up patients alone.

    Args:
        plan: of the training.
        claim: what is said of it.
        compute: where and in which precision it runs.
    """
    if plan.step.public is not None:
        public = dataclasses.replace(
            plan.step.public, free_steps=_FREE_STEPS, batch=min(_FREE_BATCH, plan.step.public.batch)
        )
        plan = dataclasses.replace(plan, step=dataclasses.replace(plan.step, public=public))

    def make_trainer(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
        scans = Scans(tuple(patients), noisy_public_slices())
        return build_trainer(plan, scans, compute, entropy)

    return verify_privacy(make_trainer, claim)


def check_claim(privacy: Mapping[str, Any], compute: Compute) -> list[CheckResult]:
    """Try to refute what a finished training claims, as its own record describes it.

    Args:
        privacy: content of its `privacy.json`.
        compute: where and in which precision the checks run.

    Returns:
        One result a check, the first of which adds the claimed updates up again.

    Raises:
        RecordError: the record lacks something or holds something else.
    """
    try:
        plan = TypeAdapter(PrivatePlan).validate_python(privacy["plan"])
        steps = int(privacy["steps"])
    except (KeyError, TypeError, ValueError, ValidationError):
        raise RecordError(
            "The training's privacy.json cannot be read. Expected the record of a private "
            "training. Run `medsynth verify` on the workspace, and train again."
        ) from None
    cost = stated_cost(privacy)
    claim = Claim(cost.epsilon, cost.delta, steps, cost.mechanisms)
    return [_check_sum(cost), *verify_plan(plan, claim, compute)]


def _check_sum(cost: StatedCost) -> CheckResult:
    return CheckResult(
        name="sum",
        verdict="refuted" if cost.is_too_low else "not_refuted",
        statistic=cost.added,
        threshold=cost.epsilon,
        interval=None,
        n=sum(one.steps for one in cost.mechanisms),
        explanation=f"The updates that are claimed add up to epsilon {cost.added:.3f}; "
        f"{cost.epsilon:.3f} is claimed.",
    )
