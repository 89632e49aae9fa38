import numpy as np
import pytest

from privacy_audit.statistics import (
    benjamini_hochberg,
    bootstrap_mean,
    clopper_pearson,
    empirical_p_values,
    null_size_to_flag_one,
    wilson,
)


def test_p_value_counts_null_values_at_least_as_high() -> None:
    null = np.array([0.1, 0.2, 0.3, 0.4])
    # 0.3 and 0.4 are at least 0.3: (1 + 2) / (1 + 4); none is at least 0.5: 1 / 5.
    assert empirical_p_values(np.array([0.3, 0.5]), null).tolist() == [0.6, 0.2]


def test_p_value_is_one_without_a_null() -> None:
    assert empirical_p_values(np.array([9.0]), np.empty(0)).tolist() == [1.0]


def test_benjamini_hochberg_rejects_up_to_the_last_value_under_the_line() -> None:
    # Lines at 0.05 * k / 4: 0.0125, 0.025, 0.0375, 0.05. 0.03 is above the second line, but
    # 0.035 is under the third, so the three smallest are rejected.
    rejected = benjamini_hochberg(np.array([0.035, 0.9, 0.01, 0.03]), 0.05)
    assert rejected.tolist() == [True, False, True, True]


def test_benjamini_hochberg_rejects_nothing_when_nothing_is_small() -> None:
    assert not benjamini_hochberg(np.array([0.2, 0.6]), 0.05).any()


@pytest.mark.parametrize(("tested", "needed"), [(1, 19), (8, 159), (100, 1999)])
def test_null_size_to_flag_one_is_where_the_floor_meets_the_first_line(
    tested: int, needed: int
) -> None:
    # 1 / (n + 1) <= 0.05 / m, so n = 20 m - 1.
    assert null_size_to_flag_one(tested, 0.05) == needed


def test_clopper_pearson_of_no_success_has_the_closed_form() -> None:
    low, high = clopper_pearson(0, 10)
    # The tenth root of 0.025 is 0.691503; 1 less it is 0.308497.
    assert low == 0.0
    assert high == pytest.approx(0.308497, abs=1e-6)


def test_clopper_pearson_of_all_successes_has_the_closed_form() -> None:
    low, high = clopper_pearson(8, 8)
    # The eighth root of 0.025 is 0.630583.
    assert low == pytest.approx(0.630583, abs=1e-6)
    assert high == 1.0


def test_intervals_without_trials_say_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_agrees_with_its_formula() -> None:
    # p = 0.5, n = 4, z = 1.96: half = 1.96 * sqrt(0.0625 + 0.0600) / (1 + 0.9604) = 0.3500.
    low, high = wilson(2, 4)
    assert low == pytest.approx(0.1500, abs=1e-4)
    assert high == pytest.approx(0.8500, abs=1e-4)


def test_bootstrap_of_equal_values_is_a_point() -> None:
    assert bootstrap_mean(np.full(5, 0.7), seed=1) == pytest.approx((0.7, 0.7))


def test_bootstrap_repeats_with_its_seed() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
