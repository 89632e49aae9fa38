"""What is claimed, what a check needs, and what it says."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, Protocol

from medsynth.privacy.accounting import Mechanism
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import PrivateTrainer

Verdict = Literal["not_refuted", "refuted"]
# How often a check may refute a training that is as claimed.
FALSE_ALARM = 1e-6


@dataclasses.dataclass(frozen=True)
class Claim:
    """What is said of a training.

    Attributes:
        epsilon: of all of it, for each patient.
        delta: chance that epsilon does not hold.
        training_steps: calls of `train_step` that are covered.
        mechanisms: all updates that are counted, lost ones among them.
    """

    epsilon: float
    delta: float
    training_steps: int
    mechanisms: tuple[Mechanism, ...]

    def named(self, name: str) -> tuple[Mechanism, ...]:
        """Give what is claimed of one mechanism; empty where nothing is."""
        return tuple(one for one in self.mechanisms if one.name == name)


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: of the check.
        verdict: "refuted" where the claim cannot be true; "not_refuted" says no more than
            that this check did not find it false.
        statistic: what was compared; the explanation says what it is.
        threshold: what it was compared with.
        interval: 95 % interval of what was measured, where there is one.
        n: number of observations.
        explanation: sentences for the report. They hold nothing of a real patient.
    """

    name: str
    verdict: Verdict
    statistic: float
    threshold: float
    interval: tuple[float, float] | None
    n: int
    explanation: str


class MakeTrainer(Protocol):
    """Builds the trainer whose claim is checked, anew each time."""

    def __call__(self, patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
        """Build a trainer with the settings and the starting weights of the training.

        Args:
            patients: made-up ones, of any number; slices of 512 x 512 pixels.
            entropy: where the trainer must take all of its chance from.

        Returns:
            A trainer that shares nothing with one that was built before.
        """
        ...


def judged_by_chance(
    name: str,
    p_values: Sequence[float],
    *,
    n: int,
    interval: tuple[float, float] | None,
    explanation: str,
) -> CheckResult:
    """Give the result of several tests, each of which can refute.

    Args:
        name: of the check.
        p_values: one a test, each valid for a training that is as claimed.
        n: number of observations.
        interval: 95 % interval of what was measured.
        explanation: what was measured.

    Returns:
        The result; its statistic is the smallest p-value times their number (Bonferroni).
    """
    statistic = min(1.0, min(p_values) * len(p_values))
    verdict: Verdict = "refuted" if statistic < FALSE_ALARM else "not_refuted"
    words = f"{explanation} Smallest p-value of {len(p_values)} tests, corrected: {statistic:.2g}."
    return CheckResult(name, verdict, statistic, FALSE_ALARM, interval, n, words)


def judged_by_faults(name: str, faults: Sequence[str], *, n: int, explanation: str) -> CheckResult:
    """Give the result of a check that looks for contradictions, none of which is chance.

    Args:
        name: of the check.
        faults: contradictions found, one sentence each.
        n: number of observations.
        explanation: what was compared.

    Returns:
        The result; its statistic is the number of contradictions.
    """
    verdict: Verdict = "refuted" if faults else "not_refuted"
    words = " ".join([explanation, *faults])
    return CheckResult(name, verdict, float(len(faults)), 0.0, None, n, words)
