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

from privacy_audit.attacks.suspects import (
    FALSE_DISCOVERY_RATE,
    FEWEST_SYNTHETIC_PATIENTS,
    Search,
    calibrate,
    call_suspects,
    calls_too_many,
    flag_of,
)
from privacy_audit.likeness.comparison import Nearest
from privacy_audit.likeness.likeness import measure_likeness
from privacy_audit.likeness.nulls import Null
from privacy_audit.self_tests.power import measure_smallest_leak
from privacy_audit.self_tests.self_test import SelfTest
from privacy_audit.statistics import clopper_pearson, null_size_to_flag_one
from privacy_audit.verdict import APPLIES_TO, CheckResult, Flag

_SEARCH = Search("partial_copy", smallest_distance=1e-6, smallest_ranks=1)


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
    calibrated = calibrate(units, null, _SEARCH)
    resolution = calibrated.resolution
    called = call_suspects(units, calibrated, null, self_test, _SEARCH)
    flags = [
        flag_of(unit, synthetic, null, float(p), _SEARCH)
        for unit, p, is_called in zip(units, calibrated.p_values, called, strict=True)
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


def _verdict(
    flagged: int, patients: int, null: Null, self_test: SelfTest, *, is_enough: bool
) -> str:
    if self_test.verdict == "invalid" and (not flagged or calls_too_many(self_test)):
        return "invalid"
    if flagged:
        return "fail"
    told = null.can_clear and is_enough and patients >= FEWEST_SYNTHETIC_PATIENTS
    # An untried search has not looked: without planted parts nothing is cleared.
    return "pass" if told and self_test.verdict == "pass" else "inconclusive"


def _explanation(flagged: int, patients: int, null: Null, resolution: float, needed: int) -> str:
    sentence = (
        f"{flagged} of {patients} synthetic patients share a part with a patient that was "
        "trained on or translated, other than their own source, more than chance explains. "
        f"Parts were held against those of {null.size} patients: {null.description}. The smallest "
        f"p-value they allow is {resolution:.4f}."
    )
    if not flagged and (not null.can_clear or resolution > FALSE_DISCOVERY_RATE / patients):
        sentence += (
            f" To tell one copy among {patients} patients from chance, at least {needed} patients "
            "that were never trained on are needed."
        )
    return sentence
