"""Is a part of a synthetic image a part of a training patient's image again?

`near_copy` compares whole bodies. Crops, halves, pasted patches and blends of
two patients lie between bodies; here the part that two images share is sought
first, and then it is asked how telling it is (`patch_search`,
`patch_overlap`). Everything else is as in `near_copy`: p-values by patient
against patients never trained on, false discovery control, the own source left
out.

How to call it: `PartialComparer(workers)` prepares the training images and
finds, for the synthetic ones, the nearest patients; `measure_partial_null` does
the same for the null; `run_partial_self_test` plants parts of copies. Their
three results and the source map are what `check_partial_copies` needs.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from privacy_audit.attacks.near_copy import (
    FALSE_DISCOVERY_RATE,
    FEWEST_SYNTHETIC_PATIENTS,
    HIGHEST_P_VALUE,
)
from privacy_audit.likeness.calibration import (
    TAIL_REACH,
    TAIL_SHARE,
    correct_for_images,
    fit_tail,
    joint_p_values,
    tail_p_values,
)
from privacy_audit.likeness.comparison import Nearest
from privacy_audit.likeness.likeness import UnitLikeness, measure_likeness
from privacy_audit.likeness.nulls import Null
from privacy_audit.self_tests.power import measure_smallest_leak
from privacy_audit.self_tests.self_test import SelfTest
from privacy_audit.statistics import benjamini_hochberg, clopper_pearson, null_size_to_flag_one
from privacy_audit.verdict import APPLIES_TO, CheckResult, Flag

_SMALLEST_DISTANCE = 1e-6


def check_partial_copies(
    synthetic: Nearest,
    null: Null,
    self_test: SelfTest,
    source_of: Mapping[str, str] | None,
) -> tuple[CheckResult, list[Flag]]:
    """Look for synthetic patients that share a part with a training patient.

    A whole copy shares a part, too, and is called here as well. A copy of two
    patients' halves is named after one of them, a blend after the stronger.

    Args:
        synthetic: of `PartialComparer.find_nearest`, the synthetic images against train.
        null: of `measure_partial_null`.
        self_test: of `run_partial_self_test`; gives the level of the planted copies.
        source_of: synthetic name -> its source patient, where known.
    """
    units = measure_likeness(synthetic, source_of, by_source=True)
    p_values, resolution = _p_values(units, null)
    called = _call(units, p_values, null, self_test)
    flags = [
        _flag(unit, synthetic, null, float(p))
        for unit, p, is_called in zip(units, p_values, called, strict=True)
        if is_called
    ]
    needed = null_size_to_flag_one(len(units), FALSE_DISCOVERY_RATE)
    is_enough = null.size > 0 and resolution <= FALSE_DISCOVERY_RATE / len(units) + 1e-12
    leak = measure_smallest_leak(len(units), resolution, null, self_test)
    result = CheckResult(
        verdict=_verdict(len(flags), len(units), null, self_test, is_enough=is_enough),
        statistic=len(flags) / len(units),
        ci=clopper_pearson(len(flags), len(units)),
        threshold=FALSE_DISCOVERY_RATE,
        n=len(units),
        explanation=_explanation(len(flags), len(units), null, resolution, needed),
        smallest_leak=leak.sentence,
        applies_to=APPLIES_TO["partial_copy"],
        details={
            "null": null.kind,
            "null_n": null.size,
            "null_n_needed": needed,
            "resolution": resolution,
            "highest_similarity": max(float(unit.similarity.max()) for unit in units),
            "highest_null_similarity": null.highest if null.size else None,
            "copy_level": self_test.copy_level,
            "smallest_leak_patients": leak.copies,
        },
    )
    return result, flags


def _p_values(units: tuple[UnitLikeness, ...], null: Null) -> tuple[NDArray[np.float64], float]:
    """Hold each patient against null patients with as many images; and the lowest p-value."""
    p_values = np.ones(len(units))
    by_tail = False
    needs_tail = null.size < null_size_to_flag_one(len(units), FALSE_DISCOVERY_RATE)
    counts = np.array([unit.images.size for unit in units])
    for images in np.unique(counts):
        rows = np.flatnonzero(counts == images)
        against = _unbounded(null.statistics(int(images)))
        tested = np.stack([units[row].highest(int(images)) for row in rows])
        tested = _unbounded(tested[:, : against.shape[1]])
        group = joint_p_values(tested, against)
        tails = [fit_tail(column) for column in against.T] if needs_tail else [None]
        fitted = tuple(tail for tail in tails if tail is not None)
        if len(fitted) == len(tails):
            by_tail = True
            beyond = tail_p_values(tested, fitted, null.size)
            group = np.where(group <= TAIL_SHARE, np.minimum(beyond, TAIL_SHARE), group)
        p_values[rows] = correct_for_images(group, int(images), null.images_per_patient)
    return p_values, 1 / ((TAIL_REACH if by_tail else 1) * (null.size + 1))


def _unbounded(statistics: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give likeness as minus the logarithm of its distance from 1; leads are logarithms already."""
    distance = np.maximum(1.0 - statistics[:, :1], _SMALLEST_DISTANCE)
    return np.concatenate([-np.log(distance), statistics[:, 1:]], axis=1)


def _call(
    units: tuple[UnitLikeness, ...],
    p_values: NDArray[np.float64],
    null: Null,
    self_test: SelfTest,
) -> NDArray[np.bool_]:
    called = benjamini_hochberg(p_values, FALSE_DISCOVERY_RATE)
    # Many true copies raise the p-value that false discovery control allows for the innocent.
    called &= p_values <= max(HIGHEST_P_VALUE, 1 / (null.size + 1))
    if self_test.verdict == "pass":
        likeness = np.array([unit.similarity.max() for unit in units])
        called |= (likeness >= self_test.copy_level) & (likeness > null.highest)
    return called


def _flag(unit: UnitLikeness, nearest: Nearest, null: Null, p_value: float) -> Flag:
    """Name the image and the patient by the statistic that is further out in the null."""
    statistics = null.statistics(unit.images.size)
    chosen = int(unit.similarity.argmax())
    if statistics.shape[1] > 1:
        leading = int(unit.lead.argmax())
        below = (statistics[:, 0] < unit.similarity[chosen]).sum()
        chosen = leading if (statistics[:, 1] < unit.lead[leading]).sum() > below else chosen
    return Flag(
        nearest.probes[unit.images[chosen]].name,
        nearest.patients[unit.nearest[chosen]],
        "partial_copy",
        p_value,
        float(unit.similarity[chosen]),
    )


def _verdict(
    flagged: int, patients: int, null: Null, self_test: SelfTest, *, is_enough: bool
) -> str:
    if self_test.verdict == "invalid":
        return "invalid"
    if flagged:
        return "fail"
    told = null.can_clear and is_enough and patients >= FEWEST_SYNTHETIC_PATIENTS
    # An untried search has not looked: without planted parts nothing is cleared.
    return "pass" if told and self_test.verdict == "pass" else "inconclusive"


def _explanation(flagged: int, patients: int, null: Null, resolution: float, needed: int) -> str:
    sentence = (
        f"{flagged} of {patients} synthetic patients share a part with a training patient other "
        f"than their own source, more than chance explains. Parts were held against those of "
        f"{null.size} patients: {null.description}. The smallest p-value they allow is "
        f"{resolution:.4f}."
    )
    if not flagged and (not null.can_clear or resolution > FALSE_DISCOVERY_RATE / patients):
        sentence += (
            f" To tell one copy among {patients} patients from chance, at least {needed} patients "
            "that were never trained on are needed."
        )
    return sentence
