"""Do the synthetic images stand for all the real patients, and who was left out?

Two views, by numbers that were fitted to no patient (`features`). Anatomy, the
body's size and where its edges run, does not depend on contrast and decides.
Appearance, how bright and where, is told beside: translation to another
contrast changes it for everybody.

Whatever is measured of the synthetic images is measured of as many holdout
patients, too: what these do not cover, nothing can be expected to.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.attributes_table import Attributes
from privacy_audit.images.features import (
    GROUPS,
    FeatureTable,
    PatientFeatures,
    average_by_patient,
    columns_of,
    standardise,
)
from privacy_audit.representation.coverage_statistics import (
    NEIGHBOURS,
    Balls,
    distances,
    measure_balls,
)
from privacy_audit.representation.coverage_subgroups import (
    FEWEST_IN_SUBGROUP,
    LOWEST_COVERAGE,
    Fared,
    Measured,
    Members,
    Subgroup,
    compare_subgroups,
    find_members,
)
from privacy_audit.verdict import APPLIES_TO, CheckResult

_NAME = "coverage"
FEWEST_PATIENTS = 20
MOST_PATIENTS = 2000
"""Drawn of each set: the distances grow with the square."""
_VIEWS = {"anatomy": ("size", "edges"), "appearance": ("brightness", "layout")}


@dataclasses.dataclass(frozen=True)
class _View:
    """What was measured in one view."""

    name: str
    synthetic: Balls
    holdout: Balls
    fared: Fared


def check_coverage(
    synthetic: FeatureTable,
    real: FeatureTable,
    holdout: FeatureTable | None,
    attributes: Attributes | None,
    *,
    seed: int,
) -> CheckResult:
    """Measure how much of the real patients the synthetic ones stand for.

    The statistic is coverage by the synthetic patients over coverage by as many
    holdout patients, in the view of anatomy. Fails when its upper bound is below
    `LOWEST_COVERAGE` or a subgroup was left out; passes when its lower bound is not
    below and no subgroup looks left out. A subgroup is left out when the balls of
    its patients hold less than `LOWEST_COVERAGE` of what those of all hold, or when
    it is farther from the synthetic patients than `HIGHEST_DISTANCE` times what it is
    from the holdout, and the others are not; each beyond chance.

    Args:
        synthetic: the released images; a patient is what the images' own patient says.
        real: the patients they should stand for: sources or training patients.
        holdout: other real patients of the same kind; None takes half of `real`.
        attributes: names the subgroups; None looks at none.
        seed: draws equally many synthetic and holdout patients, and the intervals.
    """
    patients = average_by_patient(real, None)
    others = None if holdout is None else average_by_patient(holdout, None)
    generator = np.random.default_rng(seed)
    if others is None:
        patients, others = _halve(patients, generator)
    released = average_by_patient(synthetic, None)
    patients = _draw(patients, MOST_PATIENTS, generator)
    size = min(len(released.patients), len(others.patients), MOST_PATIENTS)
    if size < FEWEST_PATIENTS or len(patients.patients) < FEWEST_PATIENTS:
        return _too_few(len(released.patients), len(others.patients), len(patients.patients))
    drawn = _draw(released, size, generator).values
    control = _draw(others, size, generator).values
    members = find_members(patients.patients, attributes)
    views = [_look(name, patients.values, drawn, control, members, seed) for name in _VIEWS]
    return _judge(views, members, size, len(patients.patients), attributes is not None)


def _halve(
    features: PatientFeatures, generator: np.random.Generator
) -> tuple[PatientFeatures, PatientFeatures]:
    order = generator.permutation(len(features.patients))
    half = order.size // 2
    return _rows(features, np.sort(order[half:])), _rows(features, np.sort(order[:half]))


def _draw(features: PatientFeatures, size: int, generator: np.random.Generator) -> PatientFeatures:
    return _rows(features, np.sort(generator.permutation(len(features.patients))[:size]))


def _rows(features: PatientFeatures, rows: NDArray[np.int64]) -> PatientFeatures:
    names = tuple(features.patients[row] for row in rows)
    return PatientFeatures(names, features.values[rows], features.with_spot[rows])


def _look(
    name: str,
    real: NDArray[np.float64],
    synthetic: NDArray[np.float64],
    holdout: NDArray[np.float64],
    members: Members,
    seed: int,
) -> _View:
    scale = np.concatenate([real, holdout])
    own, released, control = (
        _in_view(standardise(values, like=scale), name) for values in (real, synthetic, holdout)
    )
    among = distances(own, own)
    to_synthetic, to_holdout = distances(own, released), distances(own, control)
    balls, gold = measure_balls(among, to_synthetic), measure_balls(among, to_holdout)
    measured = Measured(
        by_synthetic=balls.is_inside,
        by_holdout=gold.is_inside,
        to_synthetic=to_synthetic.min(axis=1),
        to_holdout=to_holdout.min(axis=1),
    )
    return _View(name, balls, gold, compare_subgroups(measured, members, seed))


def _in_view(values: NDArray[np.float64], view: str) -> NDArray[np.float64]:
    """Give the columns of a view, each kind of numbers with the same weight together."""
    parts = [values[:, columns_of((kind,))] / np.sqrt(GROUPS[kind]) for kind in _VIEWS[view]]
    return np.concatenate(parts, axis=1)


def _judge(
    views: Sequence[_View], members: Members, drawn: int, real: int, has_attributes: bool
) -> CheckResult:
    anatomy = views[0]
    return CheckResult(
        verdict=_verdict(views, members),
        statistic=anatomy.fared.ratio,
        ci=anatomy.fared.ratio_interval,
        threshold=LOWEST_COVERAGE,
        n=real,
        explanation=_explanation(views, members, drawn, has_attributes),
        smallest_leak=(
            f"A group of at least {FEWEST_IN_SUBGROUP} patients that looks unlike the others would "
            "have been named when synthetic patients lie near it less than "
            f"{LOWEST_COVERAGE} times as often as near all, beyond chance; smaller groups were not "
            "looked at."
        ),
        applies_to=APPLIES_TO[_NAME],
        details=_details(views, members, drawn),
    )


def _verdict(views: Sequence[_View], members: Members) -> str:
    low, high = views[0].fared.ratio_interval
    subgroups = [subgroup for view in views for subgroup in view.fared.subgroups]
    if high < LOWEST_COVERAGE or any(subgroup.is_left_out for subgroup in subgroups):
        return "fail"
    is_open = low < LOWEST_COVERAGE or any(subgroup.is_beyond for subgroup in subgroups)
    return "inconclusive" if is_open or members.too_small else "pass"


def _explanation(views: Sequence[_View], members: Members, drawn: int, has_attributes: bool) -> str:
    anatomy, appearance = views
    sentences = [
        f"{drawn} synthetic patients cover {anatomy.synthetic.coverage:.0%} of the real patients "
        f"by their anatomy, where {drawn} holdout patients cover {anatomy.holdout.coverage:.0%}; "
        f"by their brightness it is {appearance.synthetic.coverage:.0%} and "
        f"{appearance.holdout.coverage:.0%}, which a change of contrast lowers."
    ]
    left_out = {
        subgroup.name: _sentence(subgroup, view.name)
        for view in reversed(views)
        for subgroup in view.fared.subgroups
        if subgroup.is_left_out
    }
    sentences += [left_out[name] for name in sorted(left_out)]
    if members.names and not left_out:
        sentences.append(f"None of {len(members.names)} groups of patients was left out.")
    if members.too_small:
        sentences.append(
            f"{members.too_small} groups have fewer than {FEWEST_IN_SUBGROUP} patients, too few to "
            "tell whether they were left out."
        )
    if not has_attributes:
        sentences.append("No table of attributes was given, so no group was looked at.")
    return " ".join(sentences)


def _sentence(subgroup: Subgroup, view: str) -> str:
    return (
        f"Left out: {subgroup.name}. Of these {subgroup.patients} patients "
        f"{subgroup.coverage:.0%} are covered by {view}; synthetic patients lie near them "
        f"{subgroup.relative_coverage:.2f} times as often as near all, and the nearest is "
        f"{subgroup.distance:.2f} times as far as the nearest holdout patient."
    )


def _details(
    views: Sequence[_View], members: Members, drawn: int
) -> dict[str, float | int | str | list[float] | None]:
    details: dict[str, float | int | str | list[float] | None] = {
        "neighbours": NEIGHBOURS,
        "patients_drawn": drawn,
        "groups_too_small": members.too_small,
        "left_out": "; ".join(sorted(_left_out(views))),
    }
    for view in views:
        for role, balls in (("synthetic", view.synthetic), ("holdout", view.holdout)):
            details[f"{view.name}: density of {role}"] = balls.density
            details[f"{view.name}: coverage by {role}"] = balls.coverage
            details[f"{view.name}: clipped density of {role}"] = balls.clipped_density
            details[f"{view.name}: clipped coverage by {role}"] = balls.clipped_coverage
        details[f"{view.name}: coverage ratio"] = view.fared.ratio
        details[f"{view.name}: coverage ratio ci"] = list(view.fared.ratio_interval)
        for subgroup in view.fared.subgroups:
            label = f"{view.name}: {subgroup.name}"
            details[f"{label}: patients"] = subgroup.patients
            details[f"{label}: coverage"] = subgroup.coverage
            details[f"{label}: relative coverage"] = subgroup.relative_coverage
            details[f"{label}: relative coverage ci"] = list(subgroup.relative_coverage_interval)
            details[f"{label}: distance ratio"] = subgroup.distance
            details[f"{label}: distance excess ci"] = list(subgroup.excess_interval)
    return details


def _left_out(views: Sequence[_View]) -> set[str]:
    return {
        subgroup.name for view in views for subgroup in view.fared.subgroups if subgroup.is_left_out
    }


def _too_few(synthetic: int, holdout: int, real: int) -> CheckResult:
    return CheckResult(
        verdict="inconclusive",
        statistic=None,
        ci=None,
        threshold=LOWEST_COVERAGE,
        n=real,
        explanation=(
            f"Coverage was not measured: there are {synthetic} synthetic, {holdout} holdout and "
            f"{real} real patients. At least {FEWEST_PATIENTS} of each are needed; without a "
            "holdout, half of the real patients stand for it."
        ),
        smallest_leak="Nothing would have been seen.",
        applies_to=APPLIES_TO[_NAME],
        details={},
    )
