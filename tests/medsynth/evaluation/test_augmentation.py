"""Changes of training slices."""

import numpy as np
import torch

from medsynth.evaluation.augmentation import Augmentation, augment

NOTHING = Augmentation(rotation_degrees=0.0, scale=0.0, shift=0.0, gain=0.0, offset_hu=0.0)


def square() -> tuple[torch.Tensor, torch.Tensor]:
    """Give a slice with a bright square right of the centre, and its class."""
    classes = torch.zeros((1, 1, 32, 32), dtype=torch.uint8)
    classes[..., 12:20, 20:28] = 1
    return torch.where(classes == 1, 100.0, -1024.0), classes


def test_augmentation_of_nothing_leaves_slices_as_they_are() -> None:
    slices_hu, classes = square()
    moved, moved_classes = augment(slices_hu, classes, NOTHING, np.random.default_rng(0))
    torch.testing.assert_close(moved, slices_hu, atol=0.01, rtol=0.0)
    assert torch.equal(moved_classes, classes)


def test_classes_move_with_their_slice() -> None:
    slices_hu, classes = square()
    amount = Augmentation(gain=0.0, offset_hu=0.0)
    for seed in range(5):
        moved, moved_classes = augment(slices_hu, classes, amount, np.random.default_rng(seed))
        # Halfway between air and the square lies the edge of both.
        assert torch.equal(moved > -462.0, moved_classes == 1) or (
            ((moved > -462.0) != (moved_classes == 1)).sum() <= 6
        )


def test_no_slice_is_mirrored() -> None:
    slices_hu, classes = square()
    for seed in range(20):
        _, moved = augment(slices_hu, classes, Augmentation(), np.random.default_rng(seed))
        columns = moved.nonzero()[:, 3].float()
        assert columns.mean() > 18.0


def test_intensity_varies_within_its_limits() -> None:
    slices_hu = torch.full((64, 1, 16, 16), 100.0)
    amount = Augmentation(rotation_degrees=0.0, scale=0.0, shift=0.0, gain=0.1, offset_hu=15.0)
    moved, _ = augment(
        slices_hu, torch.zeros_like(slices_hu).to(torch.uint8), amount, np.random.default_rng(0)
    )
    # 100 * 0.9 - 15 and 100 * 1.1 + 15.
    assert moved.min() >= 75.0 - 0.01
    assert moved.max() <= 125.0 + 0.01
    assert moved[:, 0, 8, 8].std() > 5.0
