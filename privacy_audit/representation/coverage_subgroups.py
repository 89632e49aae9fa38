"""How groups of real patients fared: whom the synthetic patients stand for less than for others."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.attributes_table import Attributes, attribute_names, group_values
from privacy_audit.representation.coverage_statistics import NEIGHBOURS, bootstrap_weights

LOWEST_COVERAGE = 0.8
"""Of a group's coverage by that of all, and of all by the holdout's."""
HIGHEST_DISTANCE = 1.25
"""Distance of a group to the synthetic patients by its distance to as many holdout patients."""
FEWEST_IN_SUBGROUP = 30
_DRAWS = 1000
_DRAWS_AT_ONCE = 100


@dataclasses.dataclass(frozen=True)
class Subgroup:
    """How some of the real patients fared.

    Attributes:
        name: as it is told, such as "sex F".
        patients: how many.
        coverage: share with a synthetic patient in their ball.
        relative_coverage: how full their balls are, up to k synthetic patients each, by how
            full those of all are; coverage alone hardly drops while one of k is left.
        relative_coverage_interval: of it, corrected for the number of subgroups.
        distance: mean distance to the nearest synthetic patient by that to the nearest
            of as many holdout patients.
        excess: the distance by that of the other patients, or by 1 if theirs is below.
        excess_interval: of it, likewise.
    """

    name: str
    patients: int
    coverage: float
    relative_coverage: float
    relative_coverage_interval: tuple[float, float]
    distance: float
    excess: float
    excess_interval: tuple[float, float]

    @property
    def is_beyond(self) -> bool:
        """Whether the group is covered less than it should be, chance or not."""
        is_far = self.distance > HIGHEST_DISTANCE and self.excess > HIGHEST_DISTANCE
        return is_far or self.relative_coverage < LOWEST_COVERAGE

    @property
    def is_left_out(self) -> bool:
        """Whether it is, and chance alone would not make it so."""
        is_far = self.distance > HIGHEST_DISTANCE and self.excess > HIGHEST_DISTANCE
        is_bare = self.relative_coverage < LOWEST_COVERAGE
        return (is_far and self.excess_interval[0] > 1) or (
            is_bare and self.relative_coverage_interval[1] < 1
        )


@dataclasses.dataclass(frozen=True)
class Members:
    """Which patients are in which group.

    Attributes:
        names: the groups that are large enough to tell something.
        masks: (patients,), bool, for each of these.
        too_small: how many groups are not.
    """

    names: tuple[str, ...]
    masks: tuple[NDArray[np.bool_], ...]
    too_small: int


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured of each real patient.

    Attributes:
        by_synthetic: (patients, synthetic patients), whether each is in their ball.
        by_holdout: (patients, holdout patients), likewise.
        to_synthetic: (patients,), distance to the nearest synthetic patient.
        to_holdout: (patients,), distance to the nearest holdout patient.
    """

    by_synthetic: NDArray[np.bool_]
    by_holdout: NDArray[np.bool_]
    to_synthetic: NDArray[np.float64]
    to_holdout: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Fared:
    """How all patients fared, and each group.

    Attributes:
        ratio: coverage by synthetic over coverage by holdout patients.
        ratio_interval: its 95 % interval.
        subgroups: in the order of the members.
    """

    ratio: float
    ratio_interval: tuple[float, float]
    subgroups: tuple[Subgroup, ...]


def find_members(patients: Sequence[str], attributes: Attributes | None) -> Members:
    """Group patients by each attribute.

    Args:
        patients: the real patients.
        attributes: what is known of them; None makes no groups.
    """
    names: list[str] = []
    masks: list[NDArray[np.bool_]] = []
    too_small = 0
    table = {} if attributes is None else attributes
    known = {patient: table.get(patient, {}) for patient in patients}
    for attribute in attribute_names(known):
        values = [known[patient].get(attribute) for patient in patients]
        grouping = group_values(attribute, [value for value in values if value is not None], 1)
        if grouping is None:
            continue
        index = [None if value is None else grouping.index_of(value) for value in values]
        for group, name in enumerate(grouping.names):
            mask = np.array([number == group for number in index])
            if mask.sum() < FEWEST_IN_SUBGROUP:
                too_small += 1
            elif not mask.all():
                names.append(name)
                masks.append(mask)
    return Members(tuple(names), tuple(masks), too_small)


def compare_subgroups(measured: Measured, members: Members, seed: int) -> Fared:
    """Tell how all patients and each group fared, with intervals by patient.

    The intervals draw real, synthetic and holdout patients with replacement; the
    distances are those to all synthetic and holdout patients.

    Args:
        measured: of each real patient.
        members: the groups.
        seed: draws the patients of the intervals.
    """
    sizes = (*measured.by_synthetic.shape, measured.by_holdout.shape[1])
    groups = np.stack([np.ones(sizes[0], dtype=np.bool_), *members.masks])
    exact = _sums(measured, groups, *(np.ones((1, size)) for size in sizes))
    generator = np.random.default_rng(seed)
    parts = []
    for _ in range(0, _DRAWS, _DRAWS_AT_ONCE):
        weights = [bootstrap_weights(size, _DRAWS_AT_ONCE, generator) for size in sizes]
        parts.append(_sums(measured, groups, *weights))
    drawn = np.concatenate(parts)
    return Fared(
        ratio=float(_by(exact[0, 0, 1], exact[0, 0, 2])),
        ratio_interval=_interval(_by(drawn[:, 0, 1], drawn[:, 0, 2]), 1),
        subgroups=tuple(
            _subgroup(name, index, exact, drawn) for index, name in enumerate(members.names, 1)
        ),
    )


def _sums(
    measured: Measured,
    groups: NDArray[np.bool_],
    real: NDArray[np.float64],
    synthetic: NDArray[np.float64],
    holdout: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Give sums over drawn patients.

    Args:
        measured: of each real patient.
        groups: (groups, patients).
        real: (draws, patients), how often each is drawn.
        synthetic: (draws, synthetic patients), likewise.
        holdout: (draws, holdout patients), likewise.

    Returns:
        (draws, groups, 6): patients, those covered by synthetic and by holdout patients,
        distances to either, and how full the balls are of synthetic patients.
    """
    in_ball = synthetic @ measured.by_synthetic.T.astype(np.float64)
    held_in_ball = holdout @ measured.by_holdout.T.astype(np.float64)
    members = groups.astype(np.float64).T
    columns = (
        real,
        real * (in_ball > 0),
        real * (held_in_ball > 0),
        real * measured.to_synthetic,
        real * measured.to_holdout,
        real * np.minimum(in_ball / NEIGHBOURS, 1.0),
    )
    return np.stack([column @ members for column in columns], axis=-1)


def _subgroup(
    name: str, index: int, exact: NDArray[np.float64], drawn: NDArray[np.float64]
) -> Subgroup:
    groups = exact.shape[1] - 1
    relative, excess = _relations(exact, index)
    relatives, excesses = _relations(drawn, index)
    patients, covered, _, to_synthetic, to_holdout, _ = exact[0, index]
    return Subgroup(
        name=name,
        patients=int(patients),
        coverage=float(covered / patients),
        relative_coverage=float(relative[0]),
        relative_coverage_interval=_interval(relatives, groups),
        distance=float(_by(to_synthetic, to_holdout)),
        excess=float(excess[0]),
        excess_interval=_interval(excesses, groups),
    )


def _relations(
    sums: NDArray[np.float64], index: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give a group's coverage by that of all, and its distance by that of the others.

    Args:
        sums: as from `_sums`, everybody first.
        index: the group.
    """
    group, everybody = sums[:, index], sums[:, 0]
    rest = everybody - group
    relative = _by(_by(group[:, 5], group[:, 0]), _by(everybody[:, 5], everybody[:, 0]))
    usual = np.maximum(_by(rest[:, 3], rest[:, 4]), 1.0)
    return relative, _by(_by(group[:, 3], group[:, 4]), usual)


def _by(
    above: NDArray[np.float64] | np.float64, below: NDArray[np.float64] | np.float64
) -> NDArray[np.float64]:
    """Divide; 1 where both are zero, as where everything is alike."""
    above, below = np.asarray(above), np.asarray(below)
    divided = above / np.where(below == 0, 1e-12, below)
    return np.asarray(np.where((above == 0) & (below == 0), 1.0, divided))


def _interval(values: NDArray[np.float64], tests: int) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5 / tests, 100 - 2.5 / tests])
    return float(low), float(high)
