"""Which patients are told from chance, by how alike they are and by how far the nearest leads."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from privacy_audit.likeness.calibration import (
    TAIL_REACH,
    TAIL_SHARE,
    correct_for_images,
    fit_tail,
    joint_p_values,
    tail_p_values,
)
from privacy_audit.likeness.comparison import Nearest
from privacy_audit.likeness.likeness import UnitLikeness
from privacy_audit.likeness.nulls import Null
from privacy_audit.self_tests.self_test import ALLOWED_FALSE_CALLS, SelfTest
from privacy_audit.statistics import benjamini_hochberg, clopper_pearson, null_size_to_flag_one
from privacy_audit.verdict import Flag

FALSE_DISCOVERY_RATE = 0.05
HIGHEST_P_VALUE = 0.01
"""Above it nobody is flagged, however many others are, unless few null patients allow no less."""
FEWEST_SYNTHETIC_PATIENTS = 5
"""Synthetic patients below which none flagged says nothing of the next."""


@dataclasses.dataclass(frozen=True)
class Search:
    """What is particular to a search.

    Attributes:
        check: name of the check that it serves.
        smallest_distance: differences of likeness from 1 below this one mean nothing.
        smallest_ranks: p-values of up to so many times the smallest one may be flagged.
    """

    check: str
    smallest_distance: float
    smallest_ranks: int


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """P-values of the synthetic patients.

    Attributes:
        p_values: (patients,).
        resolution: the smallest p-value that was possible.
        by_tail: whether a fitted tail gave the smallest ones.
    """

    p_values: NDArray[np.float64]
    resolution: float
    by_tail: bool


def calibrate(units: tuple[UnitLikeness, ...], null: Null, search: Search) -> Calibrated:
    """Hold each patient against null patients with as many images.

    Args:
        units: the synthetic patients.
        null: patients that cannot have leaked.
        search: what measured both.
    """
    p_values = np.ones(len(units))
    by_tail = False
    use_tail = null.size < null_size_to_flag_one(len(units), FALSE_DISCOVERY_RATE)
    counts = np.array([unit.images.size for unit in units])
    for images in np.unique(counts):
        rows = np.flatnonzero(counts == images)
        against = null.statistics(int(images))
        tested = np.stack([units[row].highest(int(images)) for row in rows])
        tested = _unbounded(tested[:, : against.shape[1]], search)
        against = _unbounded(against, search)
        group = joint_p_values(tested, against)
        tails = tuple(fit_tail(column) for column in against.T) if use_tail else (None,)
        fitted = tuple(tail for tail in tails if tail is not None)
        if len(fitted) == len(tails):
            by_tail = True
            beyond = tail_p_values(tested, fitted, null.size)
            group = np.where(group <= TAIL_SHARE, np.minimum(beyond, TAIL_SHARE), group)
        p_values[rows] = correct_for_images(group, int(images), null.images_per_patient)
    reach = TAIL_REACH if by_tail else 1
    return Calibrated(p_values, 1 / (reach * (null.size + 1)), by_tail)


def _unbounded(statistics: NDArray[np.float64], search: Search) -> NDArray[np.float64]:
    """Give similarities as minus the logarithm of a distance; leads are logarithms already."""
    changed = statistics.copy()
    changed[:, 0] = -np.log(np.maximum(1.0 - statistics[:, 0], search.smallest_distance))
    return changed


def call_suspects(
    units: tuple[UnitLikeness, ...],
    calibrated: Calibrated,
    null: Null,
    self_test: SelfTest,
    search: Search,
) -> NDArray[np.bool_]:
    """Tell which patients are flagged: (patients,).

    By their p-value under false discovery control, or because they are more alike than
    every null patient and closer to the planted copies than to them.

    Args:
        units: the synthetic patients.
        calibrated: their p-values.
        null: patients that cannot have leaked.
        self_test: gives the level of the planted copies.
        search: what measured them.
    """
    called = benjamini_hochberg(calibrated.p_values, FALSE_DISCOVERY_RATE)
    # Many true copies raise the p-value that false discovery control allows for the innocent.
    lowest = search.smallest_ranks / (null.size + 1)
    called &= calibrated.p_values <= max(HIGHEST_P_VALUE, lowest)
    if self_test.verdict == "pass" or (self_test.verdict == "inconclusive" and null.size):
        similarity = np.array([unit.similarity.max() for unit in units])
        called |= (similarity >= self_test.copy_level) & (similarity > null.highest)
    return called


def calls_too_many(self_test: SelfTest) -> bool:
    """Whether patients that were never trained on were called copies: then calls say little."""
    called = clopper_pearson(self_test.controls_called, self_test.controls)
    return called[0] > ALLOWED_FALSE_CALLS


def flag_of(
    unit: UnitLikeness, nearest: Nearest, null: Null, p_value: float, search: Search
) -> Flag:
    """Name the image and the patient by the statistic that is further out in the null.

    Args:
        unit: a synthetic patient.
        nearest: what `unit` was measured from.
        null: patients that cannot have leaked.
        p_value: of the patient.
        search: what measured it.
    """
    statistics = null.statistics(unit.images.size)
    most_alike, leading = int(unit.similarity.argmax()), int(unit.lead.argmax())
    below = (statistics[:, 0] < unit.similarity[most_alike]).sum()
    by_lead = statistics.shape[1] > 1 and (statistics[:, 1] < unit.lead[leading]).sum() > below
    chosen = leading if by_lead else most_alike
    return Flag(
        nearest.probes[unit.images[chosen]].name,
        nearest.patients[unit.nearest[chosen]],
        search.check,
        p_value,
        float(unit.similarity[chosen]),
    )
