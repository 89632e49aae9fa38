import numpy as np
import pytest

from privacy_audit.attacks.linkage_operating_points import true_rates


def _each_alone(images: int) -> list[list[int]]:
    return [[row] for row in range(images)]


def test_true_matches_above_all_false_ones_are_all_found() -> None:
    own, others = np.full(20, 2.0), np.random.default_rng(0).random((20, 200))
    rates = true_rates(own, others, _each_alone(20), seed=0)
    assert rates["tpr_at_fpr_1_percent"] == rates["tpr_at_fpr_0.1_percent"] == 1.0
    assert rates["tpr_at_fpr_1_percent_ci"] == [1.0, 1.0]


def test_bound_is_the_first_false_match_too_many() -> None:
    # 10 images by 40 patients: 400 pairs, values 0 to 399; four of them, 396 to 399, may pass.
    others = np.arange(400, dtype=np.float64).reshape(10, 40)
    # The fifth highest, 395, is the bound: 5 of 10 lie above it.
    own = np.array([395.0] * 5 + [395.5] * 5)
    assert true_rates(own, others, _each_alone(10), seed=0)["tpr_at_fpr_1_percent"] == 0.5


def test_chance_gives_the_false_rate_itself() -> None:
    generator = np.random.default_rng(0)
    rates = true_rates(
        generator.random(1000), generator.random((1000, 100)), _each_alone(1000), seed=0
    )
    assert rates["tpr_at_fpr_1_percent"] == pytest.approx(0.01, abs=0.008)


def test_too_few_pairs_are_inconclusive() -> None:
    # 10 by 40 is 400 pairs: above 3 / 0.01 = 300, below 3 / 0.001 = 3000.
    rates = true_rates(np.ones(10), np.zeros((10, 40)), _each_alone(10), seed=0)
    assert rates["tpr_at_fpr_1_percent"] == 1.0
    assert rates["tpr_at_fpr_0.1_percent"] is None
    assert rates["tpr_at_fpr_0.1_percent_note"] == (
        "Inconclusive: 400 pairs of different patients, 3000 are needed."
    )


def test_interval_is_wider_where_images_share_patients() -> None:
    generator = np.random.default_rng(0)
    own = np.repeat(generator.integers(0, 2, 10), 10).astype(np.float64)
    others = 0.5 * generator.random((100, 50))
    alone = true_rates(own, others, _each_alone(100), seed=0)["tpr_at_fpr_1_percent_ci"]
    rows = [list(range(start, start + 10)) for start in range(0, 100, 10)]
    shared = true_rates(own, others, rows, seed=0)["tpr_at_fpr_1_percent_ci"]
    assert isinstance(alone, list)
    assert isinstance(shared, list)
    assert shared[1] - shared[0] > 2 * (alone[1] - alone[0])
