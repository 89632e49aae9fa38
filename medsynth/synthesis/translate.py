"""Translating a whole volume with a network trained on slices of one spacing."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medsynth.imaging.geometry import resample_in_plane
from medsynth.imaging.volume import AIR_HU, HIGHEST_HU, LOWEST_HU, Volume
from medsynth.training.device import Compute

# Both generators fold or stride by 4; a margin of 8 keeps room for deeper ones.
_SIZE_MULTIPLE = 8


@torch.no_grad()
def translate_volume(
    volume: Volume, network: nn.Module, *, spacing_mm: float, batch: int, compute: Compute
) -> Volume:
    """Translate a volume and put only the change back onto its own grid.

    The slices are resampled to the training spacing, translated, and the
    difference between output and input is resampled back and added, so that
    no detail of the input is lost to the resampling. Each slice is translated as it
    is and mirrored, as in training, and the two changes are averaged.

    Args:
        volume: axial, HU, any matrix and spacing.
        network: (batch, 1, rows, columns) HU to the same; already on the device.
        spacing_mm: in-plane spacing the network was trained on, mm.
        batch: slices in one pass.
        compute: where and in which precision.

    Returns:
        A new volume on the same grid, int16, from -1024 to 3071 HU.
    """
    _, row_mm, column_mm = volume.spacing_slice_row_column_mm
    slices, rows, columns = volume.voxels_hu.shape
    shape = (_padded(rows * row_mm / spacing_mm), _padded(columns * column_mm / spacing_mm))
    translated = np.empty((slices, rows, columns), dtype=np.int16)
    for start in range(0, slices, batch):
        native = volume.voxels_hu[start : start + batch].astype(np.float32)
        shown = resample_in_plane(
            native,
            (row_mm, column_mm),
            shape_out=shape,
            spacing_out_mm=(spacing_mm, spacing_mm),
            outside=AIR_HU,
        )
        change = _change(shown, network, compute)
        change_native = resample_in_plane(
            change,
            (spacing_mm, spacing_mm),
            shape_out=(rows, columns),
            spacing_out_mm=(row_mm, column_mm),
            outside=0.0,
        )
        made = np.rint(native + change_native).clip(LOWEST_HU, HIGHEST_HU)
        translated[start : start + batch] = made.astype(np.int16)
    return volume.with_voxels(translated)


def _change(
    shown: NDArray[np.float32], network: nn.Module, compute: Compute
) -> NDArray[np.float32]:
    given = torch.from_numpy(np.ascontiguousarray(shown)).unsqueeze(1).to(compute.device)
    with compute.precision():
        made = network(given).float()
        mirrored = network(given.flip(-1)).float().flip(-1)
    change: NDArray[np.float32] = ((made + mirrored) / 2.0 - given)[:, 0].cpu().numpy()
    return change


def _padded(length: float) -> int:
    return math.ceil(round(length, 3) / _SIZE_MULTIPLE) * _SIZE_MULTIPLE
