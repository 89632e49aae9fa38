"""Moderate changes of training slices, the same for every arm.

Nothing is mirrored: liver and spleen have their sides. Nothing imitates
missing contrast agent either; that would be an arm of its own.
"""

import dataclasses

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from medsynth.imaging.volume import AIR_HU


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How far slices are changed; each value is drawn evenly up to these limits.

    Attributes:
        rotation_degrees: turning to either side.
        scale: relative enlarging or shrinking, for rows and columns apart.
        shift: moving along rows and columns, as a share of the slice.
        gain: relative change of HU around water.
        offset_hu: shift of HU.
    """

    rotation_degrees: float = 12.0
    scale: float = 0.12
    shift: float = 0.06
    gain: float = 0.10
    offset_hu: float = 15.0


def augment(
    slices_hu: Tensor, classes: Tensor, amount: Augmentation, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Turn, stretch and shift slices with their classes, and vary the slices' HU.

    Args:
        slices_hu: (batch, 1, rows, columns), float32, HU.
        classes: (batch, 1, rows, columns), uint8.
        amount: the limits.
        generator: gives the random values; moved on by a fixed number of draws.

    Returns:
        New slices and classes of the same shapes and types. Pixels from
        outside the slice are air and background.
    """
    batch = len(slices_hu)
    grid = affine_grid(
        _random_affines(batch, amount, generator).to(slices_hu.device),
        list(slices_hu.shape),
        align_corners=False,
    )
    # Sampling fills with zero, so air is made zero for the time being.
    moved = grid_sample(slices_hu - AIR_HU, grid, mode="bilinear", align_corners=False) + AIR_HU
    moved_classes = grid_sample(classes.float(), grid, mode="nearest", align_corners=False)
    gain = _per_slice(1.0 + generator.uniform(-amount.gain, amount.gain, batch), moved)
    offset = _per_slice(generator.uniform(-amount.offset_hu, amount.offset_hu, batch), moved)
    return moved * gain + offset, moved_classes.to(torch.uint8)


def _random_affines(batch: int, amount: Augmentation, generator: np.random.Generator) -> Tensor:
    angle = np.deg2rad(
        generator.uniform(-amount.rotation_degrees, amount.rotation_degrees, size=batch)
    )
    scale = 1.0 + generator.uniform(-amount.scale, amount.scale, size=(batch, 2))
    # The grid runs from -1 to 1, so a share of the slice is twice as long there.
    shift = 2.0 * generator.uniform(-amount.shift, amount.shift, size=(batch, 2))
    affines = np.empty((batch, 2, 3), dtype=np.float32)
    affines[:, 0] = np.stack([np.cos(angle), -np.sin(angle), shift[:, 0]], axis=1)
    affines[:, 1] = np.stack([np.sin(angle), np.cos(angle), shift[:, 1]], axis=1)
    affines[:, :, :2] *= scale[:, :, None]
    return torch.from_numpy(affines)


def _per_slice(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like)[:, None, None, None]
