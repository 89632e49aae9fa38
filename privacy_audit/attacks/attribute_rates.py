"""How often an attribute was guessed right, and what that says.

The bound of the risk is 0.15. A membership attack is called weak up to an
area of 0.60 under its curve; where its scores are normal and spread alike, its
best threshold then guesses 0.14 better than chance on the same scale.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

HIGHEST_RISK = 0.15
"""Above it an attribute is leaked; see above for where it comes from."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How often one attribute was guessed right; rates from 0 to 1.

    Attributes:
        attribute: its name.
        patients: sources whose attribute was guessed.
        rate: share guessed right.
        rate_interval: of the rate, corrected for the number of attributes.
        control: share guessed right after the sources were exchanged.
        control_interval: likewise.
        majority: share that always saying the most frequent group would guess right.
        reference_interval: of the risk when reference patients were guessed, each by
            the others: what the attacker can do with images that hide nothing.
    """

    attribute: str
    patients: int
    rate: float
    rate_interval: tuple[float, float]
    control: float
    control_interval: tuple[float, float]
    majority: float
    reference_interval: tuple[float, float]

    @property
    def risk(self) -> float:
        """Of the guesses that chance would miss, the share that the images set right."""
        return risk_above(self.rate, self.control)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the risk."""
        low, high = self.rate_interval
        return risk_above(low, self.control), risk_above(high, self.control)

    @property
    def is_told_from_reference(self) -> bool:
        """Whether the attacker can tell the attribute from the images it learnt from."""
        return self.reference_interval[0] > 0

    @property
    def verdict(self) -> str:
        """Fail above the bound; pass below it, unless few reference patients made a weak attacker.

        An attacker that is blind to the attribute clears only where there were enough
        patients to see that it is.
        """
        low, high = self.interval
        if low > HIGHEST_RISK:
            return "fail"
        has_power = self.is_told_from_reference or self.reference_interval[1] < HIGHEST_RISK
        return "pass" if high < HIGHEST_RISK and has_power else "inconclusive"


def wilson_interval(rate: float, trials: int, tests: int) -> tuple[float, float]:
    """Give Wilson's interval of a rate at 95 % for several tests together; (0, 1) without trials.

    Args:
        rate: from 0 to 1.
        trials: patients.
        tests: how many intervals shall hold together, at least 1.

    Source: Wilson 1927; Bonferroni.

    Example:
        >>> [round(bound, 4) for bound in wilson_interval(0.8, 10, 1)]
        [0.4902, 0.9433]
    """
    if trials == 0:
        return 0.0, 1.0
    z = normal_deviate(tests)
    middle = rate + z**2 / (2 * trials)
    half = z * math.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def exchange_rate(guessed: NDArray[np.int64], true: NDArray[np.int64], groups: int) -> float:
    """Give how often guesses are right when each image is given the source of a random one.

    Args:
        guessed: (patients,), group that was said.
        true: (patients,), group that is so.
        groups: how many there are.

    Source: the expected agreement of Cohen 1960; the risk is then Cohen's kappa.
    """
    said = np.bincount(guessed, minlength=groups) / guessed.size
    so = np.bincount(true, minlength=groups) / true.size
    return float(said @ so)


def normal_deviate(tests: int) -> float:
    """Give the half-width of several 95 % intervals together, in standard deviations."""
    return float(special.ndtri(1 - 0.025 / tests))


def risk_above(rate: float, control: float) -> float:
    """Give the share of what chance would miss that is right; 0 where chance misses nothing."""
    return (rate - control) / (1 - control) if control < 1 else 0.0


def describe_outcome(outcome: Outcome) -> str:
    """Give what was found of one attribute, in sentences."""
    low, high = outcome.interval
    sentence = (
        f"{outcome.attribute}: {outcome.rate:.0%} of {outcome.patients} sources guessed right, "
        f"{outcome.control:.0%} after the sources were exchanged; risk {outcome.risk:.2f} "
        f"({low:.2f} to {high:.2f})."
    )
    if not outcome.is_told_from_reference:
        sentence += (
            f" The attacker could not tell {outcome.attribute} from the images it learnt from "
            "either, so this says nothing of a better attacker."
        )
    return sentence


def sources_needed(outcome: Outcome, tests: int) -> int:
    """Give how many sources would put the upper bound of a risk of 0 below `HIGHEST_RISK`."""
    control = outcome.control
    return math.ceil(normal_deviate(tests) ** 2 * control / ((1 - control) * HIGHEST_RISK**2))


def fewest_right(outcome: Outcome, tests: int) -> int | None:
    """Give the fewest right guesses that would have failed; None where not even all would."""
    for count in range(outcome.patients + 1):
        low = wilson_interval(count / outcome.patients, outcome.patients, tests)[0]
        if risk_above(low, outcome.control) > HIGHEST_RISK:
            return count
    return None
