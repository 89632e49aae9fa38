"""Can a released image be matched to the scan it was made from?

The attacker holds real scans of many patients and looks for the one that is
most alike to the released image.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.comparison import Comparison
from privacy_audit.self_test import SelfTest
from privacy_audit.statistics import (
    bootstrap_mean,
    clopper_pearson,
    smallest_telling_count,
)
from privacy_audit.verdict import APPLIES_TO, CheckResult, Flag

_NAME = "linkage_to_source"
_CHANCE_FACTOR = 3.0
_HIGHEST_RANK_ONE = 0.05
_HIGHEST_AREA = 0.60


@dataclasses.dataclass(frozen=True)
class _Ranked:
    """How each released image ranked its source among the gallery's patients.

    `rank` is 1 where no other patient is more alike; `area` is the share of the
    other patients that are less alike, ties counted half.
    """

    sources: tuple[str, ...]
    rank: NDArray[np.int64]
    area: NDArray[np.float64]
    similarity: NDArray[np.float64]


def check_linkage(
    synthetic: Comparison,
    source_of: Mapping[str, str] | None,
    self_test: SelfTest,
    *,
    mode: str,
    seed: int,
) -> tuple[CheckResult, list[Flag]]:
    """Match each released image to the patients of a gallery.

    Fails when the lower bound of rank-1 is above three times chance; passes
    only when the upper bounds of rank-1 and of the area are low.

    Args:
        synthetic: similarity of the released images to all real patients: the
            sources, and others as distractors.
        source_of: synthetic name -> source patient.
        self_test: an audit that misses planted copies cannot clear.
        mode: the release mode, for the wording alone.
        seed: for the interval of the area.

    Raises:
        AuditError: a source patient is not among the real patients.
    """
    gallery = len(synthetic.patients)
    if source_of is None:
        why = "It is not known which patient each synthetic image was made from. Give a source map."
        return _not_measured(why), []
    if gallery < 2:
        return _not_measured("The gallery has one patient. At least 2 are needed."), []
    ranked = _rank_sources(synthetic, source_of)
    flags = [
        Flag(image.name, source, _NAME, int(rank) / gallery, float(similarity))
        for image, source, rank, similarity in zip(
            synthetic.probes, ranked.sources, ranked.rank, ranked.similarity, strict=True
        )
        if rank == 1
    ]
    return _judge(ranked, gallery, self_test, mode=mode, seed=seed), flags


def _rank_sources(synthetic: Comparison, source_of: Mapping[str, str]) -> _Ranked:
    sources = tuple(source_of[image.name] for image in synthetic.probes)
    absent = sorted(set(sources) - set(synthetic.patients))
    if absent:
        raise AuditError(
            f"{len(absent)} source patients have no real images, the first is {absent[0]}. "
            "Expected each source among the source or training images. Mend the source map or "
            "give the folder of sources."
        )
    columns = np.array([synthetic.patients.index(source) for source in sources])
    own = synthetic.similarity[np.arange(columns.size), columns]
    others = np.delete(
        synthetic.similarity.ravel(), np.arange(columns.size) * len(synthetic.patients) + columns
    ).reshape(columns.size, -1)
    higher = (others > own[:, np.newaxis]).sum(axis=1)
    level = (others == own[:, np.newaxis]).sum(axis=1)
    area = 1.0 - (higher + 0.5 * level) / others.shape[1]
    return _Ranked(sources, 1 + higher, area, own)


def _judge(
    ranked: _Ranked, gallery: int, self_test: SelfTest, *, mode: str, seed: int
) -> CheckResult:
    by_patient = _group_by_source(ranked)
    patients = len(by_patient)
    first = sum(bool((ranked.rank[rows] == 1).any()) for rows in by_patient)
    fifth = sum(bool((ranked.rank[rows] <= 5).any()) for rows in by_patient)
    areas = np.array([ranked.area[rows].mean() for rows in by_patient])
    interval = clopper_pearson(first, patients)
    area_interval = bootstrap_mean(areas, seed)
    chance = 1 / gallery
    verdict = "inconclusive"
    if self_test.verdict == "invalid":
        verdict = "invalid"
    elif interval[0] > _CHANCE_FACTOR * chance:
        verdict = "fail"
    elif (
        interval[1] <= max(_CHANCE_FACTOR * chance, _HIGHEST_RANK_ONE)
        and area_interval[1] <= _HIGHEST_AREA
    ):
        verdict = "pass"
    return CheckResult(
        verdict=verdict,
        statistic=first / patients,
        ci=interval,
        threshold=_CHANCE_FACTOR * chance,
        n=patients,
        explanation=_explanation(ranked, gallery, mode),
        smallest_leak=_smallest_leak(patients, chance),
        applies_to=APPLIES_TO[_NAME],
        details={
            "chance": chance,
            "gallery": gallery,
            "rank_5": fifth / patients,
            "rank_5_ci": list(clopper_pearson(fifth, patients)),
            "area_under_curve": float(areas.mean()),
            "area_under_curve_ci": list(area_interval),
        },
    )


def _smallest_leak(patients: int, chance: float) -> str:
    fewest = smallest_telling_count(patients, _CHANCE_FACTOR * chance)
    if fewest is None:
        return f"With {patients} sources, not even all of them linked would tell from chance."
    return f"{fewest} of {patients} sources linked would have been told from chance."


def _group_by_source(ranked: _Ranked) -> list[list[int]]:
    rows: dict[str, list[int]] = {}
    for row, source in enumerate(ranked.sources):
        rows.setdefault(source, []).append(row)
    return [rows[source] for source in sorted(rows)]


def _explanation(ranked: _Ranked, gallery: int, mode: str) -> str:
    linked = int((ranked.rank == 1).sum())
    sentence = (
        f"{linked} of {ranked.rank.size} released volumes can be matched to their source by "
        f"someone who has the source scan, among {gallery} patients; by chance it would be "
        f"{ranked.rank.size / gallery:.2f}."
    )
    if mode == "translated":
        sentence += (
            " This is expected in this mode: a translated scan keeps the anatomy of its source."
        )
    return sentence


def _not_measured(why: str) -> CheckResult:
    return CheckResult(
        verdict="inconclusive",
        statistic=None,
        ci=None,
        threshold=None,
        n=0,
        explanation=f"Linkage to the sources was not measured. {why}",
        smallest_leak="Nothing would have been seen.",
        applies_to=APPLIES_TO[_NAME],
        details={},
    )
