"""Dice overlap."""

import numpy as np
import pytest

from medsynth.evaluation.overlap import dice


def test_dice_of_equal_masks_is_one() -> None:
    mask = np.array([[[True, False], [True, True]]])
    assert dice(mask, mask) == 1.0


def test_dice_of_separate_masks_is_zero() -> None:
    assert dice(np.array([True, False]), np.array([False, True])) == 0.0


def test_dice_of_a_mask_half_the_size_is_two_thirds() -> None:
    # Two shared voxels of 2 and 4: 2 * 2 / (2 + 4).
    predicted = np.array([True, True, False, False, False])
    reference = np.array([True, True, True, True, False])
    assert dice(predicted, reference) == pytest.approx(2 / 3)


def test_dice_of_nothing_found_is_zero() -> None:
    assert dice(np.zeros(3, dtype=np.bool_), np.ones(3, dtype=np.bool_)) == 0.0
