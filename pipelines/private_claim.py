"""What a private training claims, and trying to refute it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from medsynth.errors import RecordError
from medsynth.privacy.accounting import spent
from medsynth.privacy.budget import mechanism_from_plain
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_loop import PrivatePlan, begun_networks
from medsynth.privacy.private_trainer import PrivateTrainer
from medsynth.privacy.self_checks import CheckResult, Claim, verify_privacy
from medsynth.training.device import Compute

# Another machine's last digits.
_SUM_TOLERANCE = 1e-6


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

    def make_trainer(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
        return PrivateTrainer(begun_networks(plan), patients, plan.step, compute, entropy)

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
        claim = Claim(
            epsilon=float(privacy["epsilon"]),
            delta=float(privacy["delta"]),
            training_steps=int(privacy["steps"]),
            mechanisms=tuple(mechanism_from_plain(one) for one in privacy["mechanisms"]),
        )
    except (KeyError, TypeError, ValueError, ValidationError):
        raise RecordError(
            "The training's privacy.json cannot be read. Expected the record of a private "
            "training. Run `medsynth verify` on the workspace, and train again."
        ) from None
    return [_check_sum(claim), *verify_plan(plan, claim, compute)]


def _check_sum(claim: Claim) -> CheckResult:
    added = spent(claim.mechanisms, claim.delta).epsilon
    is_less = claim.epsilon < added - _SUM_TOLERANCE
    return CheckResult(
        name="sum",
        verdict="refuted" if is_less else "not_refuted",
        statistic=added,
        threshold=claim.epsilon,
        interval=None,
        n=sum(one.steps for one in claim.mechanisms),
        explanation=f"The updates that are claimed add up to epsilon {added:.3f}; "
        f"{claim.epsilon:.3f} is claimed.",
    )
