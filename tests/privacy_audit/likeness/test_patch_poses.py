import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.body_grid import GRID
from privacy_audit.likeness.patch_poses import (
    CELLS,
    UPRIGHT,
    PatchPose,
    average_over_cells,
    pose_cells,
)


@pytest.fixture
def averaged() -> NDArray[np.float32]:
    generator = np.random.default_rng(0)
    return average_over_cells(generator.normal(size=(2, GRID, GRID)).astype(np.float32))


def test_upright_gives_the_average_over_three_by_three_points() -> None:
    directions = np.zeros((2, GRID, GRID), dtype=np.float32)
    directions[0, 30:33, 60:63] = np.arange(9).reshape(3, 3)
    cells = pose_cells(average_over_cells(directions), UPRIGHT)
    # Points 30 to 32 and 60 to 62 are cell (10, 20); 0 + 1 + ... + 8 = 36, over 9 points.
    assert cells[0, 10, 20] == pytest.approx(4.0)
    assert np.count_nonzero(np.abs(cells) > 1e-5) == 1


def test_mirror_turns_places_and_the_sine_of_directions(averaged: NDArray[np.float32]) -> None:
    upright = pose_cells(averaged, UPRIGHT)
    flipped = pose_cells(averaged, dataclasses.replace(UPRIGHT, columns_flipped=True))
    assert np.allclose(flipped[0], upright[0][:, ::-1], atol=1e-6)
    assert np.allclose(flipped[1], -upright[1][:, ::-1], atol=1e-6)


def test_both_mirrors_keep_directions(averaged: NDArray[np.float32]) -> None:
    both = dataclasses.replace(UPRIGHT, rows_flipped=True, columns_flipped=True)
    upright = pose_cells(averaged, UPRIGHT)
    assert np.allclose(pose_cells(averaged, both), upright[:, ::-1, ::-1], atol=1e-6)


def test_quarter_turn_turns_doubled_directions_about(averaged: NDArray[np.float32]) -> None:
    turned = pose_cells(averaged, PatchPose(90.0, 1.0, rows_flipped=False, columns_flipped=False))
    # What ran along rows runs along columns: twice a direction grows by 180 degrees.
    assert np.allclose(turned, -np.rot90(pose_cells(averaged, UPRIGHT), axes=(1, 2)), atol=1e-4)


def test_shift_moves_by_whole_cells(averaged: NDArray[np.float32]) -> None:
    moved = pose_cells(averaged, UPRIGHT, (2.0, -3.0))
    assert np.allclose(moved[:, 2:, :-3], pose_cells(averaged, UPRIGHT)[:, :-2, 3:], atol=1e-5)
    assert np.all(moved[:, :2] == 0)


def test_half_the_scale_fills_half_the_cells() -> None:
    directions = np.ones((2, GRID, GRID), dtype=np.float32)
    small = pose_cells(average_over_cells(directions), dataclasses.replace(UPRIGHT, scale=0.5))
    filled = np.flatnonzero(small[0, CELLS // 2] > 0.9)
    assert filled.size == CELLS // 2
    assert (filled[0], filled[-1]) == (8, 23)
