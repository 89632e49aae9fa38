"""Numbers of a membership attack: how well a score tells members from others, and how surely.

Members are patients that were trained on, others are not; a higher score says member. One
score a patient, always.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

_CHUNK = 2_000_000
_BISECTIONS = 60


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """What an attacker reaches who calls a member whoever scores above one other patient.

    Attributes:
        rate: share of others that the attacker accepts to call wrongly, from 0 to 1.
        true_positives: members above the threshold.
        members: all members.
        false_positives: others above the threshold, at most `rate` of them.
        others: all others.
    """

    rate: float
    true_positives: int
    members: int
    false_positives: int
    others: int

    @property
    def share(self) -> float:
        """The share of members that is found."""
        return self.true_positives / self.members


def area_under_curve(scores: NDArray[np.float64], is_member: NDArray[np.bool_]) -> float:
    """Give the chance that a member scores above an other patient, ties counted half.

    Args:
        scores: (patients,), higher says member.
        is_member: (patients,), with at least one of each.
    """
    ranks = stats.rankdata(scores)[:, np.newaxis]
    return float(_areas_of_ranks(ranks, is_member[np.newaxis].astype(np.float64))[0, 0])


def area_interval(area: float, members: int, others: int, tail: float) -> tuple[float, float]:
    """Give bounds of an area, each passed by chance with probability `tail`.

    The variance is taken at the bound and not at the estimate, so that an area of 1 from few
    patients has an interval, too.

    Args:
        area: as measured, from 0 to 1.
        members: number of members.
        others: number of other patients.
        tail: chance of each of the two bounds to be wrong.

    Source: Newcombe 2006, doi 10.1002/sim.2324, method 5: the score interval with the variance
    of Hanley and McNeil 1982 for exponential scores at the mean of both sample sizes.
    """
    deviations = float(special.ndtri(1.0 - tail))

    def is_within(candidate: float) -> bool:
        spread = math.sqrt(_area_variance(candidate, members, others))
        return abs(area - candidate) <= deviations * spread

    return _last_within(is_within, area, 0.0), _last_within(is_within, area, 1.0)


def share_interval(successes: int, trials: int, tail: float) -> tuple[float, float]:
    """Give Clopper and Pearson's bounds of a share, each wrong with probability at most `tail`.

    Source: Clopper and Pearson 1934, by quantiles of the beta distribution.
    """
    low, high = 0.0, 1.0
    if successes > 0:
        low = float(special.betaincinv(successes, trials - successes + 1, tail))
    if successes < trials:
        high = float(special.betaincinv(successes + 1, trials - successes, 1.0 - tail))
    return low, high


def operating_point(
    scores: NDArray[np.float64], is_member: NDArray[np.bool_], rate: float
) -> OperatingPoint:
    """Give the share of members that is found while few others are called wrongly.

    The threshold is an other patient's score, so that Clopper and Pearson's upper bound of the
    false positives is exact although the scores chose the threshold.

    Args:
        scores: (patients,), higher says member.
        is_member: (patients,), with at least one of each.
        rate: of others that may lie above the threshold, from 0 to below 1.

    Source: own derivation: the share of all other patients above the k+1-th highest of n has
    the distribution Beta(k + 1, n - k), whose quantile the upper bound is.
    """
    others = np.sort(scores[~is_member])[::-1]
    threshold = others[math.floor(rate * others.size + 1e-9)]
    return OperatingPoint(
        rate=rate,
        true_positives=int((scores[is_member] > threshold).sum()),
        members=int(is_member.sum()),
        false_positives=int((others > threshold).sum()),
        others=int(others.size),
    )


def highest_advantage(scores: NDArray[np.float64], is_member: NDArray[np.bool_]) -> float:
    """Give the largest difference between the shares of members and of others found."""
    thresholds = np.unique(scores)
    found = _share_above(scores[is_member], thresholds)
    falsely = _share_above(scores[~is_member], thresholds)
    return float((found - falsely).max(initial=0.0))


def permuted_areas(
    scores: NDArray[np.float64], is_member: NDArray[np.bool_], *, draws: int, seed: int
) -> NDArray[np.float64]:
    """Give the highest area of any attack when membership is dealt out anew.

    Args:
        scores: (patients, attacks); they must not depend on who is a member.
        is_member: (patients,).
        draws: how often it is dealt out.
        seed: equal seeds give equal areas.

    Returns:
        (draws,), float64.
    """
    ranks = np.column_stack([stats.rankdata(column) for column in scores.T])
    generator = np.random.default_rng(seed)
    size = max(1, _CHUNK // is_member.size)
    highest = [
        _areas_of_ranks(ranks, _dealt(is_member, min(size, draws - first), generator)).max(axis=1)
        for first in range(0, draws, size)
    ]
    return np.concatenate(highest)


def permuted_shares(
    scores: NDArray[np.float64],
    is_member: NDArray[np.bool_],
    *,
    rate: float,
    draws: int,
    seed: int,
) -> NDArray[np.float64]:
    """Give the highest share of members found by any attack when membership is dealt out anew.

    Args:
        scores: (patients, attacks); they must not depend on who is a member.
        is_member: (patients,).
        rate: of others that may lie above the threshold.
        draws: how often it is dealt out.
        seed: equal seeds give equal shares.

    Returns:
        (draws,), float64.
    """
    generator = np.random.default_rng(seed)
    allowed = math.floor(rate * int((~is_member).sum()) + 1e-9)
    highest = np.zeros(draws)
    size = max(1, _CHUNK // is_member.size)
    for first in range(0, draws, size):
        dealt = _dealt(is_member, min(size, draws - first), generator) > 0.5
        part = slice(first, first + len(dealt))
        for column in scores.T:
            found = _found_above(column, dealt, allowed)
            highest[part] = np.maximum(highest[part], found / int(is_member.sum()))
    return highest


def permuted_areas_of_learner(
    scores_of: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    labels: NDArray[np.float64],
    is_member: NDArray[np.bool_],
    *,
    draws: int,
    seed: int,
) -> NDArray[np.float64]:
    """Give the areas of a classifier that learns dealt-out labels anew.

    Args:
        scores_of: gives scores (draws, patients) from labels (draws, patients).
        labels: (patients,), one value for members and another for others.
        is_member: (patients,).
        draws: how often membership is dealt out.
        seed: equal seeds give equal areas.

    Returns:
        (draws,), float64.
    """
    generator = np.random.default_rng(seed)
    highest, lowest = float(labels.max()), float(labels.min())
    areas = np.empty(draws)
    size = max(1, _CHUNK // is_member.size)
    for first in range(0, draws, size):
        dealt = _dealt(is_member, min(size, draws - first), generator)
        scores = scores_of(lowest + (highest - lowest) * dealt)
        ranks = stats.rankdata(scores, axis=1)
        count = float(is_member.sum())
        sums = (ranks * dealt).sum(axis=1) - count * (count + 1.0) / 2.0
        areas[first : first + len(dealt)] = sums / (count * (is_member.size - count))
    return areas


def p_value_of(observed: float, permuted: NDArray[np.float64]) -> float:
    """Give how often dealing out membership anew reaches what was observed.

    Source: Phipson and Smyth 2010, "Permutation p-values should never be zero".
    """
    # Sums of ranks of equal value may differ in their last digit.
    return float((1 + (permuted >= observed - 1e-12).sum()) / (1 + permuted.size))


def smallest_area_above(limit: float, members: int, others: int, tail: float) -> float | None:
    """Give the smallest area whose lower bound lies above a limit; None where 1 does not reach it.

    Args:
        limit: from 0.5 to below 1.
        members: number of members.
        others: number of other patients.
        tail: chance of the lower bound to be wrong.
    """
    # The limit is the lower bound of the area that lies just so many deviations above it.
    deviations = float(special.ndtri(1.0 - tail))
    area = limit + deviations * math.sqrt(_area_variance(limit, members, others))
    return area if area < 1.0 else None


def _area_variance(area: float, members: int, others: int) -> float:
    spread = (1.0 - area) / (2.0 - area) + area / (1.0 + area)
    return (
        area * (1.0 - area) * (1.0 + ((members + others) / 2.0 - 1.0) * spread) / members / others
    )


def _last_within(is_within: Callable[[float], bool], inside: float, end: float) -> float:
    """Give the place nearest to an end that is still within, by bisection from inside."""
    if is_within(end):
        return end
    outside = end
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2.0
        inside, outside = (middle, outside) if is_within(middle) else (inside, middle)
    return inside


def _areas_of_ranks(
    ranks: NDArray[np.float64], members: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give areas (draws, attacks) from ranks (patients, attacks) and members (draws, patients)."""
    count = members[0].sum()
    others = members.shape[1] - count
    areas = (members @ ranks - count * (count + 1.0) / 2.0) / (count * others)
    return np.asarray(areas, dtype=np.float64)


def _dealt(
    is_member: NDArray[np.bool_], draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    return generator.permuted(np.tile(is_member.astype(np.float64), (draws, 1)), axis=1)


def _found_above(
    scores: NDArray[np.float64], members: NDArray[np.bool_], allowed: int
) -> NDArray[np.int64]:
    """Count the members above the score of the other patient after `allowed`, in each draw."""
    order = np.argsort(-scores, kind="stable")
    ordered = members[:, order]
    # Whoever ties with the threshold is not above it.
    tie_begins = np.searchsorted(-scores[order], -scores[order], side="left")
    threshold = np.argmax(np.cumsum(~ordered, axis=1) > allowed, axis=1)
    above = tie_begins[threshold]
    counted = np.concatenate([np.zeros((len(members), 1)), np.cumsum(ordered, axis=1)], axis=1)
    return np.asarray(counted[np.arange(len(members)), above], dtype=np.int64)


def _share_above(
    values: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    ordered = np.sort(values)
    return 1.0 - np.searchsorted(ordered, thresholds, side="right") / ordered.size
