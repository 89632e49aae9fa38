"""Means over patients and their intervals."""

import pytest

from medsynth.evaluation.intervals import Resampling, mean_over_patients

RESAMPLING = Resampling(resamples=2000, seed=0)


def test_interval_of_equal_values_is_that_value() -> None:
    estimate = mean_over_patients([0.7, 0.7, 0.7], RESAMPLING)
    assert estimate.mean == pytest.approx(0.7)
    assert estimate.interval == pytest.approx((0.7, 0.7))
    assert estimate.patients == 3


def test_interval_of_two_patients_reaches_from_one_to_the_other() -> None:
    # A resample of (0, 1) is (0, 0) or (1, 1) with chance 1/4 each, far more than 2.5%.
    estimate = mean_over_patients([0.0, 1.0], RESAMPLING)
    assert estimate.mean == 0.5
    assert estimate.interval == (0.0, 1.0)


def test_one_patient_has_no_interval() -> None:
    estimate = mean_over_patients([0.4], RESAMPLING)
    assert estimate.mean == 0.4
    assert estimate.interval is None


def test_interval_of_many_patients_is_that_of_the_normal_approximation() -> None:
    # 400 patients, half 0 and half 1: standard error 0.5 / 20, so 0.5 -+ 1.96 * 0.025.
    estimate = mean_over_patients([0.0, 1.0] * 200, RESAMPLING)
    assert estimate.interval == pytest.approx((0.451, 0.549), abs=0.006)


def test_interval_does_not_depend_on_what_was_drawn_before() -> None:
    values = [0.1, 0.5, 0.9]
    assert mean_over_patients(values, RESAMPLING) == mean_over_patients(values, RESAMPLING)
