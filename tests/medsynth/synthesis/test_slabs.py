import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.synthesis.slabs import SlabPlan, TranslatedSlabs, plan_slabs, tissue_guide

GRIDS = ((100, 1.0), (33, 2.5), (9, 5.0), (6, 20.0), (1, 5.0), (1, 0.5))


def _alike(change: NDArray[np.float32], first: int = 0) -> TranslatedSlabs:
    """Slabs that all show the same tissue."""
    return TranslatedSlabs(first, np.full_like(change, 50), change)


def _random_slabs(plan: SlabPlan) -> TranslatedSlabs:
    generator = np.random.default_rng(1)
    guide = generator.normal(50, 30, (plan.slabs, 2, 2)).astype(np.float32)
    change = generator.normal(size=(plan.slabs, 2, 2)).astype(np.float32)
    return TranslatedSlabs(0, guide, change)


def _random_guide(plan: SlabPlan) -> NDArray[np.float32]:
    return np.random.default_rng(2).normal(50, 30, (plan.slices, 2, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("slice_mm", "slices_in_slab"), [(0.625, 8), (1.0, 5), (2.5, 2), (3.0, 2), (5.0, 1), (12.0, 1)]
)
def test_a_slab_is_about_five_millimetres(slice_mm: float, slices_in_slab: int) -> None:
    assert plan_slabs(40, slice_mm).slices_in_slab == slices_in_slab


def test_thick_slices_are_slabs_of_their_own() -> None:
    voxels = np.arange(3, dtype=np.int16)[:, None, None] * np.ones((1, 2, 2), dtype=np.int16)
    assert np.array_equal(plan_slabs(3, 5.0).averaged(voxels, 0, 3), voxels)


def test_a_slab_is_the_mean_of_its_slices() -> None:
    voxels = np.arange(10, dtype=np.int16)[:, None, None]
    # Five slices each: 0 to 4 and 5 to 9.
    assert plan_slabs(10, 1.0).averaged(voxels, 0, 2).ravel().tolist() == pytest.approx([2, 7])


def test_a_slice_that_two_slabs_share_counts_half_in_each() -> None:
    voxels = np.array([10, 0, 40], dtype=np.int16)[:, None, None]
    # Two slabs of two slices meet in the middle of the second of three slices.
    slabs = plan_slabs(3, 2.5).averaged(voxels, 0, 2).ravel()
    assert slabs.tolist() == pytest.approx([10 / 1.5, 40 / 1.5], rel=1e-5)


def test_averaging_lowers_the_noise_of_thin_slices() -> None:
    noise = np.random.default_rng(0).normal(0, 10, (50, 32, 32)).astype(np.float32)
    slabs = plan_slabs(50, 1.0).averaged(noise, 0, 10)
    assert slabs.std() == pytest.approx(10 / np.sqrt(5), rel=0.03)


@pytest.mark.parametrize(("slices", "slice_mm"), GRIDS)
def test_a_constant_change_comes_back_as_it_is(slices: int, slice_mm: float) -> None:
    plan = plan_slabs(slices, slice_mm)
    change = np.full((plan.slabs, 2, 3), -40, dtype=np.float32)
    back = plan.spread(_alike(change), 0, np.full((slices, 2, 3), 50, np.float32))
    assert np.allclose(back, -40, atol=1e-4)


def test_neighbours_of_like_tissue_count_by_their_nearness() -> None:
    change = np.zeros((3, 1, 1), dtype=np.float32)
    change[1] = 1.0
    made = plan_slabs(3, 5.0).spread(_alike(change), 0, np.full((3, 1, 1), 50, np.float32))
    # exp(-25 / 128) = 0.823; in the middle 1 / (1 + 2 * 0.823) = 0.378.
    assert float(made[1, 0, 0]) == pytest.approx(0.378, abs=1e-3)
    # exp(-100 / 128) = 0.458; at the end 0.823 / (1 + 0.823 + 0.458) = 0.361.
    assert float(made[0, 0, 0]) == pytest.approx(0.361, abs=1e-3)


def test_an_organs_change_does_not_reach_past_its_end() -> None:
    guide = np.array([150, 150, 150, 0, 0, 0], dtype=np.float32)[:, None, None]
    change = np.array([-90, -90, -90, 0, 0, 0], dtype=np.float32)[:, None, None]
    made = plan_slabs(6, 5.0).spread(TranslatedSlabs(0, guide, change), 0, guide)
    assert np.abs(made - change).max() < 0.5


def test_a_thin_slice_takes_the_change_of_the_slab_that_it_resembles() -> None:
    plan = plan_slabs(10, 1.0)
    slabs = TranslatedSlabs(
        0,
        np.array([150, 0], dtype=np.float32)[:, None, None],
        np.array([-90, 0], dtype=np.float32)[:, None, None],
    )
    # The organ ends one slice below where the slabs meet.
    guide = np.array([150] * 4 + [0] * 6, dtype=np.float32)[:, None, None]
    made = plan.spread(slabs, 0, guide).ravel()
    assert made.tolist() == pytest.approx([-90] * 4 + [0] * 6, abs=0.5)


def test_a_slice_unlike_all_slabs_takes_their_mean_by_nearness() -> None:
    made = plan_slabs(1, 5.0).spread(
        _alike(np.full((1, 1, 1), -30, np.float32)), 0, np.full((1, 1, 1), 500, np.float32)
    )
    assert float(made[0, 0, 0]) == pytest.approx(-30)


def test_slices_far_apart_keep_their_changes_to_themselves() -> None:
    change = np.arange(4, dtype=np.float32)[:, None, None]
    guide = np.full((4, 1, 1), 50, np.float32)
    assert np.allclose(plan_slabs(4, 16.0).spread(_alike(change), 0, guide), change)


@pytest.mark.parametrize(("slices", "slice_mm"), GRIDS)
def test_slices_that_are_reached_need_no_later_slab(slices: int, slice_mm: float) -> None:
    plan = plan_slabs(slices, slice_mm)
    every, guide = _random_slabs(plan), _random_guide(plan)
    whole = plan.spread(every, 0, guide)
    for slabs in range(1, plan.slabs + 1):
        reached = plan.slices_reached(slabs)
        first = TranslatedSlabs(0, every.guide_hu[:slabs], every.change_hu[:slabs])
        assert np.allclose(plan.spread(first, 0, guide[:reached]), whole[:reached], atol=1e-5)
    assert plan.slices_reached(plan.slabs) == slices


@pytest.mark.parametrize(("slices", "slice_mm"), GRIDS)
def test_slabs_before_the_first_needed_do_not_matter(slices: int, slice_mm: float) -> None:
    plan = plan_slabs(slices, slice_mm)
    every, guide = _random_slabs(plan), _random_guide(plan)
    whole = plan.spread(every, 0, guide)
    for number in range(slices):
        rest = every.starting_at(plan.first_slab_needed(number))
        assert np.allclose(plan.spread(rest, number, guide[number:]), whole[number:], atol=1e-5)


def test_the_direction_of_the_slices_does_not_matter() -> None:
    plan = plan_slabs(13, 1.5)
    voxels = np.random.default_rng(2).normal(50, 20, (13, 4, 4)).astype(np.float32)

    def there(values: NDArray[np.float32]) -> NDArray[np.float32]:
        slabs = plan.averaged(values, 0, plan.slabs)
        return plan.spread(TranslatedSlabs(0, slabs, slabs - values.mean()), 0, values)

    assert np.allclose(there(voxels), there(voxels[::-1])[::-1], atol=1e-3)


@pytest.mark.parametrize(("slices", "slice_mm"), GRIDS)
def test_interpolation_gives_each_slice_a_weight_of_one(slices: int, slice_mm: float) -> None:
    plan = plan_slabs(slices, slice_mm)
    for first in range(0, slices, 7):
        first_slab, weights = plan.between(first, min(first + 7, slices))
        assert first_slab + weights.shape[1] <= plan.slabs
        assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_interpolation_between_two_slabs_is_linear() -> None:
    first_slab, weights = plan_slabs(10, 1.0).between(2, 8)
    # Slabs lie at slices 2 and 7.
    assert first_slab == 0
    assert weights[:, 1].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0], abs=1e-6)


def test_the_guide_shows_tissue_with_less_noise_and_without_the_extremes() -> None:
    noisy = np.random.default_rng(3).normal(50, 9, (2, 64, 64)).astype(np.float32)
    assert tissue_guide(noisy).std() == pytest.approx(3, rel=0.1)
    assert tissue_guide(np.full((1, 4, 4), -1000, np.float32)).max() == -200
    assert tissue_guide(np.full((1, 4, 4), 2000, np.float32)).min() == 500


def test_the_guide_of_a_slice_does_not_depend_on_its_neighbours() -> None:
    values = np.random.default_rng(3).normal(50, 9, (3, 8, 8)).astype(np.float32)
    assert np.allclose(tissue_guide(values)[1:2], tissue_guide(values[1:2]))
