import warnings

import highdicom
import numpy as np
import pytest

from medsynth.imaging.dicom_frames import PlaneGeometry
from medsynth.imaging.dicom_geometry import SliceStack, stack_slices

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def planes(positions: list[tuple[float, float, float]]) -> list[PlaneGeometry]:
    return [PlaneGeometry(8, 8, position, AXIAL, (1.0, 1.0)) for position in positions]


def along_z(*heights: float) -> list[PlaneGeometry]:
    return planes([(0.0, 0.0, height) for height in heights])


def test_slices_are_ordered_from_the_feet_to_the_head() -> None:
    stack = stack_slices(along_z(10, 0, 5), 0.05)
    assert isinstance(stack, SliceStack)
    assert (stack.order, stack.places, stack.missing) == ((1, 2, 0), (0, 1, 2), ())
    assert (stack.origin_mm, stack.step_mm) == ((0, 0, 0), (0, 0, 5))


def test_a_normal_that_points_to_the_feet_does_not_turn_the_order() -> None:
    orientation = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    turned = [PlaneGeometry(8, 8, (0.0, 0.0, z), orientation, (1.0, 1.0)) for z in (10.0, 0.0, 5.0)]
    stack = stack_slices(turned, 0.05)
    assert isinstance(stack, SliceStack)
    assert stack.order == (1, 2, 0)


def test_an_empty_place_is_found_by_the_gap() -> None:
    stack = stack_slices(along_z(0, 5, 10, 20, 25, 30, 35), 0.05)
    assert isinstance(stack, SliceStack)
    assert stack.missing == (3,)
    assert stack.step_mm == (0.0, 0.0, 5.0)


def test_tilt_is_the_angle_between_step_and_normal() -> None:
    # atan(1.3397 / 5) = 15 degrees.
    stack = stack_slices(planes([(0.0, 1.3397 * n, 5.0 * n) for n in range(5)]), 0.05)
    assert isinstance(stack, SliceStack)
    assert stack.tilt_degrees == pytest.approx(15.0, abs=1e-3)


@pytest.mark.parametrize(
    ("slices", "reason"),
    [
        (along_z(0, 5, 5.001, 10), "duplicate_position"),
        (along_z(0, 5, 10.06, 15, 20), "irregular_spacing"),
        (along_z(0, 5, 12, 17, 22), "irregular_spacing"),
        # Each gap is 0.01 mm more than the last: no gap is far from the next, the ends are.
        (along_z(*(5 * n + 0.005 * n**2 for n in range(40))), "irregular_spacing"),
        (planes([(0, 0, 0), (0, 0, 5), (0, 0.2, 10), (0, 0, 15)]), "irregular_spacing"),
        # Two slices and one ten thousand gaps away are no volume with holes.
        (along_z(0, 0.02, 0.04, 90000), "irregular_spacing"),
    ],
)
def test_slices_without_one_grid_are_told_apart(slices: list[PlaneGeometry], reason: str) -> None:
    assert stack_slices(slices, 0.05) == reason


def test_no_stack_is_whole_where_highdicom_finds_none() -> None:
    generator = np.random.default_rng(11)
    verdicts = set()
    for _ in range(200):
        heights = 3.0 * np.arange(8) + generator.choice([0.0, 0.02, 0.5]) * generator.uniform(
            -1, 1, 8
        )
        if generator.random() < 0.3:
            heights = np.delete(heights, 4)
        slices = along_z(*heights.tolist())
        stack = stack_slices(slices, 0.05)
        is_whole = isinstance(stack, SliceStack) and not stack.missing
        positions = [slice_.position_mm for slice_ in slices]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spacing, _ = highdicom.spatial.get_volume_positions(positions, AXIAL, atol=0.05)
        assert not is_whole or spacing is not None
        verdicts.add((is_whole, spacing is not None))
    assert verdicts >= {(True, True), (False, False)}
