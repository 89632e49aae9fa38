"""Summaries with the patient as the unit."""

import pytest

from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement, summarise, summarise_difference

RESAMPLING = Resampling(resamples=200, seed=0)


def test_patient_with_many_scans_weighs_as_much_as_one_with_one() -> None:
    # Patient a: mean of 1 and 3 is 2; patient b: 8; together 5, not 4.
    measurements = [
        Measurement("a", "liver", "mae_hu", 1.0),
        Measurement("a", "liver", "mae_hu", 3.0),
        Measurement("b", "liver", "mae_hu", 8.0),
        Measurement("b", "liver", "bias_hu", 100.0),
        Measurement("b", None, "mae_hu", 100.0),
    ]
    estimate = summarise(measurements, "liver", "mae_hu", RESAMPLING)
    assert estimate is not None
    assert estimate.mean == 5.0
    assert estimate.patients == 2


def test_quantity_that_nobody_has_gives_none() -> None:
    assert summarise([], "liver", "mae_hu", RESAMPLING) is None


def test_difference_compares_each_patient_with_itself() -> None:
    # a: 0.5 - 0.1 = 0.4, b: 0.9 - 0.7 = 0.2; c has no partner. Mean 0.3.
    above = [Measurement(p, "liver", "dice", v) for p, v in (("a", 0.5), ("b", 0.9), ("c", 0.0))]
    base = [Measurement(p, "liver", "dice", v) for p, v in (("b", 0.7), ("a", 0.1))]
    estimate = summarise_difference(above, base, "liver", "dice", RESAMPLING)
    assert estimate is not None
    assert estimate.mean == pytest.approx(0.3)
    assert estimate.interval == pytest.approx((0.2, 0.4))


def test_difference_without_a_shared_patient_gives_none() -> None:
    above = [Measurement("a", "liver", "dice", 0.5)]
    base = [Measurement("b", "liver", "dice", 0.5)]
    assert summarise_difference(above, base, "liver", "dice", RESAMPLING) is None
