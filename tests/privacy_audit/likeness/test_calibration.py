import numpy as np
import pytest

from privacy_audit.likeness.calibration import (
    TAIL_REACH,
    correct_for_images,
    fit_tail,
    joint_p_values,
    tail_p_values,
)
from privacy_audit.statistics import empirical_p_values


def test_joint_p_value_of_one_statistic_is_the_usual_one() -> None:
    generator = np.random.default_rng(0)
    tested, null = generator.integers(0, 30, 50) / 10, generator.integers(0, 30, 40) / 10
    joint = joint_p_values(tested[:, np.newaxis], null[:, np.newaxis])
    assert joint == pytest.approx(empirical_p_values(tested, null))


def test_beyond_the_null_in_both_statistics_gives_the_smallest_p_value() -> None:
    null = np.array([[1.0, 4.0], [2.0, 3.0], [3.0, 2.0], [4.0, 1.0]])
    p_values = joint_p_values(np.array([[9.0, 9.0], [9.0, 0.0], [0.0, 0.0]]), null)
    # Beyond all four in one alone: the fourth, highest of both in the other, is as extreme.
    assert p_values.tolist() == [1 / 5, 2 / 5, 1.0]


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_joint_p_values_below_a_twentieth_are_a_twentieth_by_chance(correlation: float) -> None:
    generator = np.random.default_rng(1)
    shared = np.array([[1.0, correlation], [0.0, np.sqrt(1 - correlation**2)]])
    below = []
    for _ in range(400):
        drawn = generator.normal(size=(44, 2)) @ shared
        below.append((joint_p_values(drawn[:5], drawn[5:]) <= 0.05).mean())
    # 2000 tests: 0.05 within about four standard errors of 0.005.
    assert 0.03 < np.mean(below) < 0.07


def test_four_times_the_images_are_four_chances() -> None:
    corrected = correct_for_images(np.array([0.1, 1.0]), images=8, null_images=2)
    # 1 - 0.9 ** 4 = 0.3439.
    assert corrected == pytest.approx([0.3439, 1.0])
    assert correct_for_images(np.array([0.1]), images=2, null_images=8).tolist() == [0.1]


def test_exponential_tail_is_told_beyond_what_was_seen() -> None:
    null = np.random.default_rng(2).exponential(size=2000)
    tail = fit_tail(null)
    assert tail is not None
    # exp(-9) = 0.00012, eight times below 1 / 2001.
    assert tail.p_values(np.array([9.0]))[0] == pytest.approx(np.exp(-9.0), rel=1.5)
    assert tail.p_values(np.array([0.0]))[0] == 1.0


def test_no_tail_is_fitted_to_199_patients() -> None:
    values = np.random.default_rng(7).exponential(size=200)
    assert fit_tail(values[:199]) is None
    assert fit_tail(values) is not None


def test_no_tail_is_fitted_where_the_highest_lie_apart() -> None:
    values = np.random.default_rng(3).exponential(size=400)
    # Half of the highest tenth are patients of another kind.
    values[np.argsort(values)[-20:]] += 60.0
    assert fit_tail(values) is None


def test_tail_is_not_believed_for_ever() -> None:
    null = np.random.default_rng(4).exponential(size=400)
    tail = fit_tail(null)
    assert tail is not None
    lowest = tail_p_values(np.array([[1e6]]), (tail,), null.size)
    assert lowest.tolist() == [1 / (TAIL_REACH * 401)]


def test_two_tails_are_two_chances() -> None:
    null = np.random.default_rng(5).exponential(size=400)
    tail = fit_tail(null)
    assert tail is not None
    one = tail_p_values(np.array([[5.0]]), (tail,), null.size)
    two = tail_p_values(np.array([[5.0, 0.0]]), (tail, tail), null.size)
    assert two == pytest.approx(2 * one)
