import math

import numpy as np
import pytest
from scipy import stats

from privacy_audit.attacks.membership_statistics import (
    area_interval,
    area_under_curve,
    highest_advantage,
    operating_point,
    p_value_of,
    permuted_areas,
    permuted_shares,
    share_interval,
    smallest_area_above,
)


def test_area_counts_pairs_and_half_of_ties() -> None:
    scores = np.array([3.0, 1.0, 2.0, 1.0])
    # Member 3 beats 2 and 1; member 1 loses to 2 and ties with 1: (2 + 0.5) / 4.
    assert area_under_curve(scores, np.array([True, True, False, False])) == 2.5 / 4


def test_area_interval_holds_the_area_and_its_bounds_solve_the_score_equation() -> None:
    low, high = area_interval(0.7, 30, 40, 0.025)
    assert low < 0.7 < high
    for bound in (low, high):
        # (34.0) = (30 + 40) / 2 - 1, Hanley and McNeil's two terms, 1.96 deviations.
        spread = (1 - bound) / (2 - bound) + bound / (1 + bound)
        variance = bound * (1 - bound) * (1 + 34.0 * spread) / (30 * 40)
        assert abs(0.7 - bound) == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-5)


def test_a_perfect_area_of_few_patients_is_not_certain() -> None:
    low, high = area_interval(1.0, 4, 4, 0.025)
    assert high == 1.0
    assert 0.4 < low < 0.7


def test_area_interval_covers_chance_in_at_least_ninety_of_a_hundred_draws() -> None:
    generator = np.random.default_rng(3)
    is_member = np.arange(60) < 20
    covered = 0
    for _ in range(100):
        low, high = area_interval(
            area_under_curve(generator.normal(size=60), is_member), 20, 40, 0.025
        )
        covered += low <= 0.5 <= high
    assert covered >= 90


def test_share_interval_of_none_in_ten_is_known() -> None:
    # 1 - 0.025 ** (1 / 10) = 0.3085
    low, high = share_interval(0, 10, 0.025)
    assert low == 0.0
    assert high == pytest.approx(0.3085, abs=1e-4)


def test_operating_point_lets_no_more_others_above_than_its_rate() -> None:
    scores = np.array([9.0, 7.0, 5.0, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0])
    is_member = np.arange(13) < 3
    # One of ten others may be above: the threshold is 6, above it are 9 and 7 and one other.
    point = operating_point(scores, is_member, 0.1)
    assert (point.true_positives, point.false_positives) == (2, 1)
    strict = operating_point(scores, is_member, 0.01)
    assert (strict.true_positives, strict.false_positives) == (1, 0)


def test_whoever_ties_with_the_threshold_is_not_found() -> None:
    scores = np.array([1.0, 1.0, 1.0, 0.0])
    assert operating_point(scores, np.array([True, True, False, False]), 0.0).true_positives == 0


def test_upper_bound_at_the_highest_other_covers_the_true_rate() -> None:
    # Uniform scores: the true rate above the highest of 50 others is one minus it.
    generator = np.random.default_rng(0)
    highest = generator.random((4000, 50)).max(axis=1)
    bound = share_interval(0, 50, 0.025)[1]
    assert (1 - highest > bound).mean() == pytest.approx(0.025, abs=0.008)


def test_advantage_is_the_largest_gap_of_both_shares() -> None:
    scores = np.array([4.0, 3.0, 1.0, 2.0, 0.0, 0.0])
    # Above 2: two of three members and no other.
    assert highest_advantage(scores, np.arange(6) < 3) == pytest.approx(2 / 3)


def test_permuted_areas_are_those_of_the_exact_test() -> None:
    scores = np.arange(8.0)[:, np.newaxis]
    is_member = np.arange(8) < 3
    areas = permuted_areas(scores, is_member, draws=4000, seed=1)
    # Mean 1/2 and variance (n + m + 1) / (12 n m) of Mann and Whitney.
    assert areas.mean() == pytest.approx(0.5, abs=0.01)
    assert areas.var() == pytest.approx(9 / (12 * 15), rel=0.08)
    # The three highest of eight: one of 56 ways.
    assert p_value_of(1.0, areas) == pytest.approx(1 / 56, abs=0.006)


def test_permuted_areas_take_the_best_attack_of_each_draw() -> None:
    generator = np.random.default_rng(2)
    scores = generator.normal(size=(30, 5))
    is_member = np.arange(30) < 12
    together = permuted_areas(scores, is_member, draws=200, seed=4)
    alone = permuted_areas(scores[:, :1], is_member, draws=200, seed=4)
    assert (together >= alone).all()
    assert together.mean() > alone.mean() + 0.03


def test_permuted_shares_equal_operating_points_of_the_same_labels() -> None:
    generator = np.random.default_rng(5)
    scores = generator.integers(0, 6, size=(20, 2)).astype(np.float64)
    is_member = np.arange(20) < 8
    shares = permuted_shares(scores, is_member, rate=0.1, draws=50, seed=9)
    dealt = np.random.default_rng(9).permuted(np.tile(is_member, (50, 1)).astype(float), axis=1)
    wanted = [
        max(operating_point(column, labels > 0.5, 0.1).share for column in scores.T)
        for labels in dealt
    ]
    assert shares.tolist() == pytest.approx(wanted)


def test_smallest_area_above_is_the_first_whose_lower_bound_is() -> None:
    area = smallest_area_above(0.6, 40, 60, 0.025)
    assert area is not None
    assert area_interval(area + 1e-6, 40, 60, 0.025)[0] > 0.6
    assert area_interval(area - 1e-6, 40, 60, 0.025)[0] < 0.6


def test_three_patients_a_side_can_show_no_area() -> None:
    assert smallest_area_above(0.6, 3, 3, 0.025) is None


def test_half_width_at_chance_is_that_of_the_specification() -> None:
    # 0.114 for 50 a side, 0.057 for 200 a side.
    for count, half in ((50, 0.114), (200, 0.057)):
        low, high = area_interval(0.5, count, count, 0.025)
        assert (high - low) / 2 == pytest.approx(half, abs=0.004)


def test_score_interval_agrees_with_the_normal_one_for_many_patients() -> None:
    low, _ = area_interval(0.5, 2000, 2000, 0.025)
    spread = math.sqrt(4001 / (12 * 2000 * 2000))
    assert low == pytest.approx(0.5 - stats.norm.isf(0.025) * spread, abs=1e-3)
