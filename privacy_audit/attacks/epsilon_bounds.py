"""Lower bounds on epsilon from what was observed, none of which asks an accountant."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

CONFIDENCE = 0.95
LARGEST_EPSILON = 60.0
"""Bounds are searched up to here; nobody claims more."""
_BISECTIONS = 60
_THRESHOLDS = np.linspace(-4.0, 9.0, 261)
_TAIL_DEVIATIONS = 12.0
# More than the chance of all counts beyond that many deviations.
_LEFT_OUT = 1e-25
# Of smaller chances than its exponential the digits are lost.
_LEAST_LOG = -600.0
_VALUES = 40
_COUNTS = 300


@dataclasses.dataclass(frozen=True)
class OneRunAudit:
    """What guessing the membership of canaries gave.

    Attributes:
        inserted: canaries that a fair coin put in or left out, each a patient of its own.
        guesses: for how many of them an attacker, who had said beforehand for how many, guessed.
        correct: how many guesses were right.
    """

    inserted: int
    guesses: int
    correct: int


@dataclasses.dataclass(frozen=True)
class NoisyUpdates:
    """Updates with noise, as a training claims them.

    Attributes:
        noise_multiplier: standard deviation of the noise over a patient's largest influence.
        sample_rate: chance of a patient to take part in an update.
        steps: number of updates.
    """

    noise_multiplier: float
    sample_rate: float
    steps: int


def one_run_p_value(audit: OneRunAudit, epsilon: float, delta: float) -> float:
    """Give how often a training that is (epsilon, delta)-private lets as many guesses be right.

    Args:
        audit: what was observed.
        epsilon: claimed, at least 0.
        delta: claimed, from 0 to below 1.

    Source: Steinke, Nasr and Jagielski 2023, arXiv 2305.08846, theorem 5.2.
    """
    chance = float(special.expit(epsilon))
    at_least = stats.binom.sf(np.arange(-1, audit.guesses), audit.guesses, chance)
    p_value = float(at_least[audit.correct])
    if delta == 0.0 or audit.correct == 0:
        return min(1.0, p_value)
    fewer = np.arange(1, audit.correct + 1)
    rise = (at_least[audit.correct - fewer] - p_value) / fewer
    return min(1.0, p_value + 2.0 * audit.inserted * delta * float(rise.max()))


def one_run_epsilon(audit: OneRunAudit, delta: float) -> float:
    """Give the largest epsilon that the guesses refute with confidence 95 %; 0 for none.

    Args:
        audit: what was observed.
        delta: claimed, from 0 to below 1.

    Example:
        >>> round(one_run_epsilon(OneRunAudit(100, 100, 100), 0.0), 2)
        3.49
    """
    return _last_refuted(lambda epsilon: one_run_p_value(audit, epsilon, delta) <= 1.0 - CONFIDENCE)


def gaussian_epsilon(separation: float, delta: float) -> float:
    """Give the epsilon of telling two normal values of unit spread apart.

    Args:
        separation: between their means, in standard deviations, at least 0.
        delta: above 0 and below 1.

    Source: Dong, Roth and Su 2022, doi 10.1111/rssb.12454, corollary 2.13.
    """
    if separation <= 0.0:
        return 0.0

    def is_passed(epsilon: float) -> bool:
        near, far = (
            special.log_ndtr(-epsilon / separation + sign * separation / 2.0)
            for sign in (1.0, -1.0)
        )
        return bool(math.exp(near) - math.exp(min(0.0, epsilon + far)) > delta)

    return _last_refuted(is_passed)


def separation_bound(
    found: int, with_canary: int, falsely: int, without_canary: int, tail: float
) -> float:
    """Give a lower bound of how far a canary moves what is seen, in standard deviations.

    Args:
        found: trainings (or observations) with the canary in which it was called present.
        with_canary: out of how many.
        falsely: those without it in which it was called present.
        without_canary: out of how many.
        tail: chance of each of two bounds to be wrong.

    Source: Nasr et al. 2023, arXiv 2302.07956: of a Gaussian test, the sum of the quantiles of
    both errors; Clopper and Pearson's bounds of them.
    """
    missed_high = _share_high(with_canary - found, with_canary, tail)
    falsely_high = _share_high(falsely, without_canary, tail)
    if missed_high >= 1.0 or falsely_high >= 1.0:
        return 0.0
    return max(0.0, float(-special.ndtri(falsely_high) - special.ndtri(missed_high)))


def epsilon_of_updates(updates: Sequence[NoisyUpdates], delta: float) -> float:
    """Give an epsilon below which these updates cannot lie, by two plain attacks.

    The attacker knows in which direction the patient moves an update. Of updates of equal noise
    and rate he adds up what they show along it, or counts those that show much, which is better
    where noise is small and a patient seldom takes part. A claim below this is added up wrongly.

    Args:
        updates: as claimed; noise and rate above 0.
        delta: as claimed, from 0 to below 1.

    Source: own derivation: without the patient the sum, in its own standard deviations, is
    N(0, 1); with it, N(b / (noise sqrt(steps)), 1) with b from Binomial(steps, rate). Counts
    are Binomial(steps, chance) with the chance of one update to show as much.
    """
    steps: dict[tuple[float, float], int] = {}
    for one in updates:
        key = (one.noise_multiplier, one.sample_rate)
        steps[key] = steps.get(key, 0) + one.steps
    equal = [
        NoisyUpdates(noise, rate, count) for (noise, rate), count in steps.items() if count > 0
    ]
    bounds = [max(_epsilon_of_sum(one, delta), _epsilon_of_count(one, delta)) for one in equal]
    return max(bounds, default=0.0)


def _epsilon_of_sum(updates: NoisyUpdates, delta: float) -> float:
    mean = updates.steps * updates.sample_rate
    spread = math.sqrt(mean * (1.0 - updates.sample_rate))
    low = max(0, math.floor(mean - _TAIL_DEVIATIONS * spread))
    high = min(updates.steps, math.ceil(mean + _TAIL_DEVIATIONS * spread + _TAIL_DEVIATIONS))
    taken = np.arange(low, high + 1)
    weight = stats.binom.pmf(taken, updates.steps, updates.sample_rate)
    shift = taken / (updates.noise_multiplier * math.sqrt(updates.steps))
    middle = float(weight @ shift)
    best = 0.0
    for threshold in (*_THRESHOLDS, *(middle + _THRESHOLDS)):
        found = float(weight @ special.ndtr(shift - threshold))
        missed = float(weight @ special.ndtr(threshold - shift)) + _LEFT_OUT
        best = max(
            best,
            _log_ratio(found - delta, float(special.log_ndtr(-threshold))),
            _log_ratio(float(special.ndtr(threshold)) - delta, math.log(missed)),
        )
    return best


def _epsilon_of_count(updates: NoisyUpdates, delta: float) -> float:
    """Give the bound of counting the updates that show more than a value."""
    shift, best = 1.0 / updates.noise_multiplier, 0.0
    for value in np.linspace(-1.0, 6.0 + shift, _VALUES):
        without = float(special.ndtr(-value))
        chance = (1.0 - updates.sample_rate) * without + updates.sample_rate * float(
            special.ndtr(shift - value)
        )
        counts = _counts_about(updates.steps, chance)
        with np.errstate(divide="ignore"):
            above = stats.binom.logsf(counts, updates.steps, without)
            below = stats.binom.logcdf(counts, updates.steps, chance)
        told = stats.binom.sf(counts, updates.steps, chance) - delta
        told_absent = stats.binom.cdf(counts, updates.steps, without) - delta
        for found, falsely in ((told, above), (told_absent, below)):
            is_sound = (found > 0.0) & (falsely > _LEAST_LOG)
            ratios = np.log(found[is_sound]) - falsely[is_sound]
            best = max(best, float(ratios.max(initial=0.0)))
    return best


def _counts_about(steps: int, chance: float) -> NDArray[np.int64]:
    reach = _TAIL_DEVIATIONS * (math.sqrt(steps * chance * (1.0 - chance)) + 1.0)
    counts = np.linspace(steps * chance - reach, steps * chance + reach, _COUNTS)
    return np.unique(np.clip(counts.astype(np.int64), 0, steps - 1))


def _log_ratio(found: float, log_falsely: float) -> float:
    if found <= 0.0 or log_falsely < _LEAST_LOG:
        return 0.0
    return math.log(found) - log_falsely


def _share_high(successes: int, trials: int, tail: float) -> float:
    if successes >= trials:
        return 1.0
    return float(special.betaincinv(successes + 1, trials - successes, 1.0 - tail))


def _last_refuted(is_refuted: Callable[[float], bool]) -> float:
    """Give the largest epsilon for which a test that eases with epsilon still holds."""
    if not is_refuted(0.0):
        return 0.0
    low, high = 0.0, LARGEST_EPSILON
    if is_refuted(high):
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low
