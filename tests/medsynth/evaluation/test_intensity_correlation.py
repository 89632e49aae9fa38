"""Correlation of organ medians with the truth's."""

from typing import Any

import numpy as np
import pytest

from medsynth.evaluation.intensity_correlation import intensity_correlation_report
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement

RESAMPLING = Resampling(resamples=200, seed=0)


def medians(
    patient: str, organ: str, *, truth: float, after: float, before: float = 150.0
) -> list[Measurement]:
    return [
        Measurement(patient, organ, "truth_hu", truth),
        Measurement(patient, organ, "after_hu", after),
        Measurement(patient, organ, "before_hu", before),
    ]


def cohort(after_of: dict[float, float]) -> list[Measurement]:
    """Give three patients, whose livers and kidneys differ."""
    rows = []
    for number, (liver, kidney) in enumerate(((40.0, 30.0), (55.0, 32.0), (65.0, 28.0))):
        rows += medians(f"p{number}", "liver", truth=liver, after=after_of[liver], before=100.0)
        rows += medians(f"p{number}", "kidney", truth=kidney, after=after_of[kidney])
    return rows


TRUTHS = (40.0, 30.0, 55.0, 32.0, 65.0, 28.0)


def report(rows: list[Measurement]) -> Any:
    return intensity_correlation_report(rows, RESAMPLING)


def test_shifted_but_ordered_medians_correlate_fully() -> None:
    found = report(cohort({truth: 2 * truth + 7 for truth in TRUTHS}))
    assert found["value"] == pytest.approx(1.0)
    assert found["ci"] == pytest.approx([1.0, 1.0])
    assert (found["pairs"], found["patients"]) == (6, 3)
    # Enhanced kidneys are brighter than livers; without contrast they are darker.
    assert found["before"] < 0


def test_value_is_pearsons_over_patients_and_organs() -> None:
    after = dict(zip(TRUTHS, (50.0, 35.0, 45.0, 20.0, 70.0, 40.0), strict=True))
    expected = np.corrcoef(TRUTHS, list(after.values()))[0, 1]
    found = report(cohort(after))
    assert found["value"] == pytest.approx(expected)
    assert found["ci"][0] < expected < 1.0


def test_bone_and_lung_do_not_lift_the_correlation() -> None:
    wrong = cohort({truth: -truth for truth in TRUTHS})
    far_off = medians("p0", "bone", truth=300.0, after=300.0)
    far_off += medians("p0", "lung", truth=-800.0, after=-800.0)
    found = report(wrong + far_off)
    assert found["value"] == pytest.approx(-1.0)
    assert found["organs"] == ["liver", "kidney"]


def test_without_truth_there_is_no_correlation() -> None:
    rows = cohort({truth: truth for truth in TRUTHS})
    assert report([row for row in rows if row.quantity != "truth_hu"]) is None


def test_one_colour_for_all_organs_has_no_correlation() -> None:
    assert report(cohort(dict.fromkeys(TRUTHS, 40.0))) is None
