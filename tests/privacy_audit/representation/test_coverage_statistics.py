import math

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.representation.coverage_statistics import (
    Balls,
    bootstrap_weights,
    distances,
    expected_filling,
    measure_balls,
    vendi_score,
)


def _measure(real: NDArray[np.float64], synthetic: NDArray[np.float64], k: int = 5) -> Balls:
    return measure_balls(distances(real, real), distances(real, synthetic), k)


def _points(seed: int, count: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, 6))


def test_balls_on_a_line_are_counted_by_hand() -> None:
    # Real 0, 1, 3, 7 with k = 1: radii 1, 1, 2, 4; balls [-1, 1], [0, 2], [1, 5], [3, 11].
    # 0.5 lies in two of them, 4 in two, 20 in none: density 4 / 3, and all four are covered.
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    balls = _measure(real, np.array([[0.5], [4.0], [20.0]]), 1)
    assert balls.density == pytest.approx(4 / 3)
    assert balls.coverage == 1.0
    # Radii above the median of 1.5 are 1.5: 0.5 in two balls counts 1, 4 in [1.5, 4.5] counts 1.
    # Of the real points 0 lies in 1's ball, 1 in 0's, 3 and 7 in no other's: usual 1 / 2.
    assert balls.clipped_density == 1.0


def test_one_covered_ball_of_four_is_a_quarter() -> None:
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    balls = _measure(real, np.array([[-0.5], [-0.6]]), 1)
    assert balls.coverage == 0.25
    assert balls.is_covered.tolist() == [True, False, False, False]


def test_point_at_the_edge_of_a_ball_is_inside() -> None:
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert _measure(real, np.array([[11.0]]), 1).is_covered.tolist() == [False, False, False, True]


def test_identical_sets_have_all_at_their_highest() -> None:
    real = _points(0, 60)
    balls = _measure(real, real)
    assert (balls.coverage, balls.clipped_density, balls.clipped_coverage) == (1.0, 1.0, 1.0)


def test_sets_of_one_kind_score_near_one() -> None:
    balls = _measure(_points(0, 200), _points(1, 200))
    # Each ball lacks all of 200 points about as often as five coins fall the same: 1 / 32.
    assert balls.coverage == pytest.approx(1 - 1 / 32, abs=0.03)
    assert balls.density == pytest.approx(1.0, abs=0.15)
    assert balls.clipped_density == pytest.approx(1.0, abs=0.1)
    assert balls.clipped_coverage == pytest.approx(1.0, abs=0.15)


def test_far_points_score_zero() -> None:
    balls = _measure(_points(0, 60), _points(1, 60) + 100)
    assert (balls.density, balls.coverage) == (0.0, 0.0)
    assert (balls.clipped_density, balls.clipped_coverage) == (0.0, 0.0)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_clipped_scores_are_the_share_of_good_points(share: float) -> None:
    good = round(400 * share)
    synthetic = np.concatenate([_points(1, good), _points(2, 400 - good) + 100])
    balls = _measure(_points(0, 400), synthetic)
    assert balls.clipped_density == pytest.approx(share, abs=0.06)
    assert balls.clipped_coverage == pytest.approx(share, abs=0.08)
    # Plain coverage flatters: half of the points cover nearly nine tenths of the balls.
    assert balls.coverage > share


def test_one_real_outlier_makes_no_synthetic_outlier_good() -> None:
    real = np.concatenate([_points(0, 100), np.full((1, 6), 60.0)])
    synthetic = np.full((100, 6), 40.0)
    balls = _measure(real, synthetic)
    assert balls.clipped_density == 0.0
    assert balls.density > 0


def test_one_point_repeated_is_dense_and_covers_little() -> None:
    real = _points(0, 100)
    balls = _measure(real, np.repeat(real[:1], 100, axis=0))
    assert balls.coverage < 0.2


@pytest.mark.parametrize("points", [3, 40])
def test_expected_filling_is_the_mean_over_many_draws(points: int) -> None:
    generator = np.random.default_rng(0)
    drawn = generator.binomial(points, generator.beta(5, 35, size=40000))
    expected = expected_filling(points, 40, 5)
    assert expected == pytest.approx(np.minimum(drawn / 5, 1).mean(), abs=0.004)


def test_expected_filling_with_one_neighbour_is_worked_out_by_hand() -> None:
    # k = 1, one point, four real ones: the ball holds it with the mean of Beta(1, 3), 1 / 4.
    assert expected_filling(1, 4, 1) == pytest.approx(0.25)
    assert expected_filling(0, 4, 1) == pytest.approx(0.0, abs=1e-12)


def test_vendi_score_counts_what_is_different() -> None:
    assert vendi_score(np.eye(7)) == pytest.approx(7.0)
    assert vendi_score(np.ones((7, 7))) == pytest.approx(1.0)
    two_of_each = np.repeat(np.repeat(np.eye(3), 2, axis=0), 2, axis=1)
    assert vendi_score(two_of_each) == pytest.approx(3.0)


def test_vendi_score_of_a_pair_is_worked_out_by_hand() -> None:
    # Eigenvalues of [[1, 0.6], [0.6, 1]] / 2 are 0.8 and 0.2.
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    assert vendi_score(np.array([[1, 0.6], [0.6, 1]])) == pytest.approx(math.exp(entropy))


def test_bootstrap_draws_as_many_patients_and_repeats_itself() -> None:
    weights = bootstrap_weights(50, 200, np.random.default_rng(0))
    assert np.array_equal(weights.sum(axis=1), np.full(200, 50.0))
    # A patient is drawn once on the mean and not at all with (49 / 50)^50 = 0.364.
    assert weights.mean() == 1.0
    assert (weights == 0).mean() == pytest.approx(0.364, abs=0.01)
    assert np.array_equal(weights, bootstrap_weights(50, 200, np.random.default_rng(0)))
