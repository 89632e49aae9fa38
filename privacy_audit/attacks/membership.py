"""Judging membership attacks: is it told who was trained on?

Several attacks score the same patients; the best one counts, corrected for their number. A
failure needs three things: a lower bound above the limit, a permutation test that agrees, and a
blind baseline that finds members and others alike.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.membership_blind import BlindBaseline
from privacy_audit.attacks.membership_statistics import (
    OperatingPoint,
    area_interval,
    area_under_curve,
    highest_advantage,
    operating_point,
    p_value_of,
    permuted_areas,
    permuted_shares,
    share_interval,
    smallest_area_above,
)
from privacy_audit.verdict import APPLIES_TO, CheckResult

HIGHEST_AREA = 0.60
HIGHEST_SHARE = 0.03
"""Of members found at 1 % false positives."""
SIGNIFICANCE = 0.05
FEWEST = 2
"""Members, and others, from which on there is a curve."""
_RATES = {"0.1": 0.001, "1": 0.01, "10": 0.1}
_DECIDING_RATE = 0.01
# No false positive among n others bounds their share by 3 / n.
_OTHERS_FOR_RATE = 3.0
_DRAWS = 1999
_EPSILON_RATES = (0.0, 0.01, 0.1, 0.25)
_TAIL = 0.025


@dataclasses.dataclass(frozen=True)
class AttackScores:
    """What several attacks say of the same patients.

    Attributes:
        names: of the attacks.
        scores: (patients, attacks), float64, finite; higher says member. They must not
            depend on who is a member, or the permutation test means nothing.
        is_member: (patients,).
    """

    names: tuple[str, ...]
    scores: NDArray[np.float64]
    is_member: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check that the scores are numbers and fit together."""
        if self.scores.shape != (self.is_member.size, len(self.names)) or not self.names:
            raise AuditError(
                f"Membership scores have shape {self.scores.shape}. Expected "
                f"{self.is_member.size} patients and {len(self.names)} attacks, at least one. "
                "Mend the attack."
            )
        if not np.isfinite(self.scores).all():
            bad = self.names[int(np.argmin(np.isfinite(self.scores).all(axis=0)))]
            raise AuditError(
                f"Attack {bad} gives a score that is no number. Expected finite scores. Check "
                "the model and the images."
            )

    @property
    def members(self) -> int:
        """The number of members."""
        return int(self.is_member.sum())

    @property
    def others(self) -> int:
        """The number of other patients."""
        return self.is_member.size - self.members


@dataclasses.dataclass(frozen=True)
class _Curve:
    """The best attack's area, and what bounds it.

    `low` is the highest lower bound of any attack, corrected for their number. `high` is the
    highest upper bound: to clear all attacks each must be cleared, which needs no correction.
    `can_clear` tells whether there are patients enough to clear an area of chance; `control`
    is the share of dealt-out memberships whose lower bound is above the limit.
    """

    best: int
    areas: tuple[float, ...]
    low: float
    high: float
    p_value: float
    can_clear: bool
    control: float

    @property
    def area(self) -> float:
        return self.areas[self.best]


@dataclasses.dataclass(frozen=True)
class _Found:
    """The best attack's share of members at the deciding rate of false positives.

    `p_value` is None where the share cannot decide anyway: its bound is low, or others are few.
    """

    point: OperatingPoint
    low: float
    p_value: float | None
    is_resolved: bool


def judge_membership(
    name: str, attacks: AttackScores, blind: BlindBaseline, *, seed: int
) -> CheckResult:
    """Judge several attacks on the same patients as one check.

    Fails when the lower bound of the best area, corrected for the number of attacks, is above
    0.60, or that of the members found at 1 % false positives above 3 % where there are enough
    others, and dealing out membership anew reaches as much in at most 5 % of draws over both.
    Passes only when each area's upper bound is below 0.60 and there are patients enough that
    an area of exactly chance would pass (about 70 of each; with several attacks, 150).

    Args:
        name: of the check, "membership_model" or "membership_released".
        attacks: their scores.
        blind: how well the same patients are told apart without the model.
        seed: of the permutations.
    """
    if min(attacks.members, attacks.others) < FEWEST:
        return not_measured(name, attacks.members, attacks.others)
    curve = _measure_curve(attacks, seed)
    found = _measure_found(attacks, seed)
    verdict = _verdict(curve, found, blind)
    return CheckResult(
        verdict=verdict,
        statistic=curve.area,
        ci=(curve.low, curve.high),
        threshold=HIGHEST_AREA,
        n=attacks.members,
        explanation=_explanation(attacks, curve, found, blind, verdict),
        smallest_leak=_smallest_leak(attacks),
        applies_to=APPLIES_TO[name],
        details=_details(attacks, curve, found, blind),
    )


def not_measured(name: str, members: int, others: int) -> CheckResult:
    """Give the result where there are too few patients for a curve.

    Args:
        name: of the check.
        members: number of members.
        others: number of other patients.
    """
    return CheckResult(
        verdict="inconclusive",
        statistic=None,
        ci=None,
        threshold=HIGHEST_AREA,
        n=members,
        explanation=(
            f"There are {members} patients that were trained on and {others} that were not. At "
            f"least {FEWEST} of each are needed, and about 150 of each to pass."
        ),
        smallest_leak="No leak would have been seen with this few patients.",
        applies_to=APPLIES_TO[name],
        details={"members": members, "others": others},
    )


def smallest_area_seen(members: int, others: int, attacks: int) -> float | None:
    """Give the smallest area of the best attack that would have failed; None where none would.

    Args:
        members: number of members.
        others: number of other patients.
        attacks: number of attacks that were tried.
    """
    return smallest_area_above(HIGHEST_AREA, members, others, _TAIL / attacks)


def _measure_curve(attacks: AttackScores, seed: int) -> _Curve:
    sizes = attacks.members, attacks.others
    tried = len(attacks.names)
    areas = tuple(area_under_curve(column, attacks.is_member) for column in attacks.scores.T)
    best = int(np.argmax(areas))
    permuted = permuted_areas(attacks.scores, attacks.is_member, draws=_DRAWS, seed=seed)
    seen = smallest_area_seen(*sizes, tried)
    return _Curve(
        best=best,
        areas=areas,
        low=area_interval(areas[best], *sizes, _TAIL / tried)[0],
        high=area_interval(areas[best], *sizes, _TAIL)[1],
        p_value=p_value_of(areas[best], permuted),
        can_clear=area_interval(0.5, *sizes, _TAIL)[1] < HIGHEST_AREA,
        control=0.0 if seen is None else float((permuted > seen).mean()),
    )


def _measure_found(attacks: AttackScores, seed: int) -> _Found:
    points = [
        operating_point(column, attacks.is_member, _DECIDING_RATE) for column in attacks.scores.T
    ]
    best = max(points, key=lambda point: point.true_positives)
    tail = _TAIL / len(points)
    low = share_interval(best.true_positives, best.members, tail)[0]
    is_resolved = attacks.others * _DECIDING_RATE >= _OTHERS_FOR_RATE
    p_value = None
    if is_resolved and low > HIGHEST_SHARE:
        permuted = permuted_shares(
            attacks.scores, attacks.is_member, rate=_DECIDING_RATE, draws=_DRAWS, seed=seed
        )
        p_value = p_value_of(best.share, permuted)
    return _Found(best, low, p_value, is_resolved)


def _verdict(curve: _Curve, found: _Found, blind: BlindBaseline) -> str:
    if blind.differs:
        return "invalid"
    # Two ways to fail share one chance of a false alarm.
    allowed = SIGNIFICANCE / 2.0 if found.is_resolved else SIGNIFICANCE
    if curve.low > HIGHEST_AREA and curve.p_value <= allowed:
        return "fail"
    if found.p_value is not None and found.p_value <= allowed:
        return "fail"
    # Few patients may show a low area by chance; that is not power.
    return "pass" if curve.can_clear and curve.high < HIGHEST_AREA else "inconclusive"


def _explanation(
    attacks: AttackScores, curve: _Curve, found: _Found, blind: BlindBaseline, verdict: str
) -> str:
    if verdict == "invalid":
        return (
            "Members and others differ without the model: a classifier that sees the real images "
            f"alone tells them apart with an area of {blind.area:.2f} (chance 0.50, p-value "
            f"{blind.p_value:.4f}). Nothing can be said of membership. Give a holdout of the "
            "same scanners, dates and phases as the training patients."
        )
    point = found.point
    sentences = [
        f"The best of {len(attacks.names)} attacks, {attacks.names[curve.best]}, tells "
        f"{attacks.members} patients that were trained on from {attacks.others} that were not "
        f"with an area under the curve of {curve.area:.2f} (chance 0.50; corrected lower bound "
        f"{curve.low:.2f}, upper bound {curve.high:.2f}; p-value {curve.p_value:.4f}).",
        f"At 1 % false positives the best finds {point.true_positives} of {point.members} members.",
        f"Without the model the area is {blind.area:.2f}.",
    ]
    if not found.is_resolved:
        needed = math.ceil(_OTHERS_FOR_RATE / _DECIDING_RATE)
        sentences.insert(2, f"That rate decides only with {needed} others or more.")
    if verdict == "inconclusive":
        sentences.append(
            "These patients are too few to say whether there is a leak: about 150 of each are "
            "needed to pass."
            if curve.low <= 0.5
            else "There are signs of a leak that are too weak for a verdict."
        )
    return " ".join(sentences)


def _smallest_leak(attacks: AttackScores) -> str:
    area = smallest_area_seen(attacks.members, attacks.others, len(attacks.names))
    if area is None:
        return "No leak would have been seen with this few patients, not even a perfect attack."
    known = math.ceil((2.0 * area - 1.0) * attacks.members - 1e-9)
    return (
        f"An attack with an area under the curve of {area:.2f} would have been seen, such as one "
        f"that knows {known} of {attacks.members} members for certain and guesses the others."
    )


def _details(
    attacks: AttackScores, curve: _Curve, found: _Found, blind: BlindBaseline
) -> dict[str, float | int | str | list[float] | None]:
    best = attacks.scores[:, curve.best]
    found_low, falsely_high = bounds_for_epsilon(attacks)
    details: dict[str, float | int | str | list[float] | None] = {
        "members": attacks.members,
        "others": attacks.others,
        "attacks": len(attacks.names),
        "best_attack": attacks.names[curve.best],
        "p_value": curve.p_value,
        "negative_control": curve.control,
        "advantage": highest_advantage(best, attacks.is_member),
        "share_at_1_p_value": found.p_value,
        "smallest_area_seen": smallest_area_seen(
            attacks.members, attacks.others, len(attacks.names)
        ),
        "blind_area": blind.area,
        "blind_interval": list(blind.interval),
        "blind_p_value": blind.p_value,
        "found_low": found_low,
        "falsely_high": falsely_high,
        "epsilon_low": epsilon_bound(found_low, falsely_high, 0.0),
        "epsilon_ceiling": epsilon_ceiling(attacks.members, attacks.others, len(attacks.names)),
    }
    for word, rate in _RATES.items():
        details.update(_share_details(word, operating_point(best, attacks.is_member, rate)))
    details.update(
        {f"area_{name}": area for name, area in zip(attacks.names, curve.areas, strict=True)}
    )
    return details


def _share_details(
    word: str, point: OperatingPoint
) -> dict[str, float | int | str | list[float] | None]:
    is_resolved = point.others * point.rate >= _OTHERS_FOR_RATE
    interval = share_interval(point.true_positives, point.members, _TAIL)
    return {
        f"share_at_{word}": point.share,
        f"share_at_{word}_interval": list(interval),
        f"share_at_{word}_resolved": "yes" if is_resolved else "inconclusive",
    }


def bounds_for_epsilon(attacks: AttackScores) -> tuple[list[float], list[float]]:
    """Give bounds of true and false positives from which a lower bound of epsilon follows.

    All hold together with confidence 95 %: over attacks, thresholds, and both directions
    (finding members, and finding others).

    Args:
        attacks: their scores.

    Returns:
        Lower bounds of what is found, and upper bounds of what is called wrongly, as two lists
        of equal length; those that others make needless are left out.
    """
    tail = _epsilon_tail(len(attacks.names))
    bounds = []
    for column in attacks.scores.T:
        for scores, wanted in ((column, attacks.is_member), (-column, ~attacks.is_member)):
            for rate in _EPSILON_RATES:
                point = operating_point(scores, wanted, rate)
                bounds.append(_point_bounds(point, tail))
    front: list[tuple[float, float]] = []
    for falsely, found in sorted((falsely, -found) for found, falsely in bounds):
        if -found > (front[-1][0] if front else 0.0):
            front.append((-found, falsely))
    return [found for found, _ in front], [falsely for _, falsely in front]


def epsilon_bound(found_low: list[float], falsely_high: list[float], delta: float) -> float:
    """Give the largest epsilon that these bounds refute; 0 where they refute none.

    Args:
        found_low: lower bounds of the share found.
        falsely_high: upper bounds of the share called wrongly, above 0.
        delta: chance that epsilon need not hold, from 0 to below 1.

    Source: (epsilon, delta) bounds any attack: found <= exp(epsilon) * falsely + delta.
    """
    ratios = [
        (found - delta) / falsely for found, falsely in zip(found_low, falsely_high, strict=True)
    ]
    return max(0.0, math.log(max([1.0, *ratios])))


def epsilon_ceiling(members: int, others: int, attacks: int) -> float:
    """Give the largest epsilon that a perfect attack on that many patients would refute.

    Args:
        members: number of members.
        others: number of other patients.
        attacks: number of attacks that were tried.
    """
    tail = _epsilon_tail(attacks)
    perfect = [
        _point_bounds(OperatingPoint(0.0, found, found, 0, wrong), tail)
        for found, wrong in ((members, others), (others, members))
    ]
    return epsilon_bound([found for found, _ in perfect], [wrong for _, wrong in perfect], 0.0)


def _epsilon_tail(attacks: int) -> float:
    # Two bounds a point, two directions.
    return 0.05 / (attacks * len(_EPSILON_RATES) * 2 * 2)


def _point_bounds(point: OperatingPoint, tail: float) -> tuple[float, float]:
    found = share_interval(point.true_positives, point.members, tail)[0]
    falsely = share_interval(point.false_positives, point.others, tail)[1]
    return found, falsely
