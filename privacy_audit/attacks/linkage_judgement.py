"""What a linkage attacker's likenesses say: ranks, intervals and the verdict.

All attackers answer with a table of released images by patients; how they came
to it does not matter here.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.linkage_controls import Controls
from privacy_audit.attacks.linkage_operating_points import true_rates
from privacy_audit.likeness.comparison import Comparison
from privacy_audit.statistics import (
    bootstrap_mean,
    clopper_pearson,
    smallest_telling_count,
)
from privacy_audit.verdict import APPLIES_TO, CheckResult, Details, Flag, not_measured

_CHANCE_FACTOR = 3.0
_HIGHEST_RANK_ONE = 0.05
_HIGHEST_AREA = 0.60


@dataclasses.dataclass(frozen=True)
class Attacker:
    """Who attacks.

    Attributes:
        check: name of the check.
        means: how the attacker compares, as a part of a sentence that begins with "by".
        limits: sentences on what the attacker does not see.
    """

    check: str
    means: str
    limits: str = ""


@dataclasses.dataclass(frozen=True)
class Standing:
    """What else decides about an attacker's verdict.

    Attributes:
        is_invalid: whether the audit's self-test failed.
        can_clear: False where the attacker may raise an alarm but not clear.
        controls: what the attacker does with images whose answer is known; None where there are
            none.
        details: further numbers of the attacker.
    """

    is_invalid: bool
    can_clear: bool = True
    controls: Controls | None = None
    details: Details = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Ranked:
    """How each released image ranked its source among the gallery's patients.

    `rank` is 1 where no other patient is more alike, and a tie is lost half the
    time; `area` is the share of the other patients that are less alike, ties counted
    half; `others` is (images, patients - 1).
    """

    sources: tuple[str, ...]
    rank: NDArray[np.int64]
    area: NDArray[np.float64]
    similarity: NDArray[np.float64]
    others: NDArray[np.float64]


def judge_linkage(
    attacker: Attacker,
    released: Comparison,
    source_of: Mapping[str, str],
    standing: Standing,
    *,
    mode: str,
    seed: int,
) -> tuple[CheckResult, list[Flag]]:
    """Judge how often an attacker finds the source of released images.

    Fails when the lower bound of rank-1 is above three times chance; passes
    only when the upper bounds of rank-1 and of the area are low. An attacker whose
    unrelated images are not at chance is invalid; so is one that misses undeformed
    copies, unless it found sources all the same.

    Args:
        attacker: who attacks.
        released: likeness of the released images to at least 2 patients.
        source_of: synthetic name -> source patient, for each released image.
        standing: self-test and controls.
        mode: the release mode, for the wording alone.
        seed: for the bootstrap intervals.

    Returns:
        The result, and a flag for each image that is linked.

    Raises:
        AuditError: a source patient is not among the real patients.
    """
    ranked = _rank_sources(released, source_of)
    gallery = len(released.patients)
    flags = [
        Flag(image.name, source, attacker.check, int(rank) / gallery, float(similarity))
        for image, source, rank, similarity in zip(
            released.probes, ranked.sources, ranked.rank, ranked.similarity, strict=True
        )
        if rank == 1
    ]
    return _judge(attacker, ranked, gallery, standing, mode=mode, seed=seed), flags


def linkage_not_measured(
    attacker: Attacker, why: str, *, verdict: str = "inconclusive", details: Details | None = None
) -> CheckResult:
    """Give the result of an attacker that could not attack.

    Args:
        attacker: who would have attacked.
        why: sentences on what was missing and what to give.
        verdict: "inconclusive", or "not_applicable" where there is nothing of the kind.
        details: numbers that are known all the same.
    """
    explanation = f"Linkage by {attacker.means} was not measured. {why}"
    return not_measured(attacker.check, verdict, explanation, details)


def _rank_sources(released: Comparison, source_of: Mapping[str, str]) -> _Ranked:
    sources = tuple(source_of[image.name] for image in released.probes)
    absent = sorted(set(sources) - set(released.patients))
    if absent:
        raise AuditError(
            f"{len(absent)} source patients have no real images, the first is {absent[0]}. "
            "Expected each source among the source or training images. Mend the source map or "
            "give the folder of sources."
        )
    columns = np.array([released.patients.index(source) for source in sources])
    own = released.similarity[np.arange(columns.size), columns]
    others = np.delete(
        released.similarity.ravel(), np.arange(columns.size) * len(released.patients) + columns
    ).reshape(columns.size, -1)
    higher = (others > own[:, np.newaxis]).sum(axis=1)
    level = (others == own[:, np.newaxis]).sum(axis=1)
    area = 1.0 - (higher + 0.5 * level) / others.shape[1]
    return _Ranked(sources, 1 + higher + level // 2, area, own, others)


def _judge(
    attacker: Attacker, ranked: _Ranked, gallery: int, standing: Standing, *, mode: str, seed: int
) -> CheckResult:
    by_patient = _group_by_source(ranked)
    patients = len(by_patient)
    first = _count_within(ranked, by_patient, 1)
    fifth = _count_within(ranked, by_patient, 5)
    areas = np.array([ranked.area[rows].mean() for rows in by_patient])
    interval = clopper_pearson(first, patients)
    area_interval = bootstrap_mean(areas, seed)
    chance = _chance(by_patient, gallery)
    precision = np.array([(1.0 / ranked.rank[rows]).mean() for rows in by_patient])
    rates = true_rates(ranked.similarity, ranked.others, by_patient, seed)
    controls = standing.controls
    return CheckResult(
        verdict=_verdict(interval, area_interval, chance, standing),
        statistic=first / patients,
        ci=interval,
        threshold=_CHANCE_FACTOR * chance,
        n=patients,
        explanation=_explanation(attacker, ranked, gallery, standing, mode),
        smallest_leak=_smallest_leak(patients, chance, controls),
        applies_to=APPLIES_TO[attacker.check],
        details={
            "chance": chance,
            "gallery": gallery,
            "rank_5": fifth / patients,
            "rank_5_ci": list(clopper_pearson(fifth, patients)),
            "area_under_curve": float(areas.mean()),
            "area_under_curve_ci": list(area_interval),
            "mean_average_precision": float(precision.mean()),
            **rates,
            **({} if controls is None else controls.to_details()),
            **standing.details,
        },
    )


def _verdict(
    interval: tuple[float, float],
    area_interval: tuple[float, float],
    chance: float,
    standing: Standing,
) -> str:
    controls = standing.controls
    if standing.is_invalid or (controls is not None and not controls.unrelated_at_chance):
        return "invalid"
    if interval[0] > _CHANCE_FACTOR * chance:
        return "fail"
    if controls is not None and not controls.planted_found:
        return "invalid"
    is_low = (
        interval[1] <= max(_CHANCE_FACTOR * chance, _HIGHEST_RANK_ONE)
        and area_interval[1] <= _HIGHEST_AREA
    )
    return "pass" if is_low and standing.can_clear else "inconclusive"


def _chance(by_patient: Sequence[Sequence[int]], gallery: int) -> float:
    """Give how often a patient's images would be linked by chance, one of them being enough."""
    return float(np.mean([1.0 - (1.0 - 1.0 / gallery) ** len(rows) for rows in by_patient]))


def _count_within(ranked: _Ranked, by_patient: Sequence[Sequence[int]], highest: int) -> int:
    return sum(bool((ranked.rank[list(rows)] <= highest).any()) for rows in by_patient)


def _smallest_leak(patients: int, chance: float, controls: Controls | None) -> str:
    fewest = smallest_telling_count(patients, _CHANCE_FACTOR * chance)
    if fewest is None:
        return f"With {patients} sources, not even all of them linked would tell from chance."
    sentence = f"{fewest} of {patients} sources linked would have been told from chance."
    return sentence if controls is None else f"{sentence} {controls.reach}".strip()


def _group_by_source(ranked: _Ranked) -> list[list[int]]:
    rows: dict[str, list[int]] = {}
    for row, source in enumerate(ranked.sources):
        rows.setdefault(source, []).append(row)
    return [rows[source] for source in sorted(rows)]


def _explanation(
    attacker: Attacker, ranked: _Ranked, gallery: int, standing: Standing, mode: str
) -> str:
    linked = int((ranked.rank == 1).sum())
    sentences = [
        f"{linked} of {ranked.rank.size} released volumes can be matched to their source by "
        f"someone who has the source scan, by {attacker.means}, among {gallery} patients; by "
        f"chance it would be {ranked.rank.size / gallery:.2f}."
    ]
    if mode == "translated":
        sentences.append(
            "This is expected in this mode: a translated scan keeps the anatomy of its source."
        )
    if standing.controls is not None:
        sentences.append(standing.controls.explanation)
    if attacker.limits:
        sentences.append(attacker.limits)
    return " ".join(sentences)
