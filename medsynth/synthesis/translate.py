"""Translating a whole volume with a network trained on slices of one spacing."""

import dataclasses
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medsynth.imaging.geometry import resample_in_plane
from medsynth.imaging.volume import AIR_HU, HIGHEST_HU, LOWEST_HU, Volume
from medsynth.synthesis.dither import Dither
from medsynth.synthesis.slabs import SlabPlan, TranslatedSlabs, plan_slabs, tissue_guide
from medsynth.training.device import Compute

# Both generators fold or stride by 4; a margin of 8 keeps room for deeper ones.
_SIZE_MULTIPLE = 8
# Nothing that a contrast agent reaches is as thin: room air, padding, the air in the bowel.
_HIGHEST_KEPT_HU = -900

HounsfieldArray = NDArray[np.int16] | NDArray[np.float32]


@torch.inference_mode()
def translate_volume(
    volume: Volume,
    network: nn.Module,
    *,
    spacing_mm: float,
    batch: int,
    compute: Compute,
    dither: Dither | None = None,
) -> Volume:
    """Translate a volume and put only the change back onto its own grid.

    Slices are averaged into slabs as thick as the training's, resampled to the
    training spacing and translated; the difference between output and input is
    brought back to every slice and added, so that no detail of the input is
    lost. Each slab is translated as it is and mirrored, as in training, and the
    two changes are averaged. Along the body a change is a mean over like tissue
    around it, so that neighbouring slices stay as alike as they were. Air is passed
    on exactly.
    Besides the result only a few slabs are held at a time.

    Args:
        volume: axial, HU, any matrix and spacing, one slice or many.
        network: (batch, 1, rows, columns) HU to the same; already on the device.
        spacing_mm: in-plane spacing the network was trained on, mm.
        batch: slabs in one pass.
        compute: where and in which precision.
        dither: noise that is added to the change on the network's grid, before it is
            brought to the volume's: what is hidden there is covered on any grid.

    Returns:
        A new volume on the same grid, int16, from -1024 to 3071 HU.
    """
    slice_mm, row_mm, column_mm = volume.spacing_slice_row_column_mm
    slices, rows, columns = volume.voxels_hu.shape
    grids = _Grids((rows, columns), (row_mm, column_mm), spacing_mm)
    plan = plan_slabs(slices, slice_mm)
    translated = np.empty((slices, rows, columns), dtype=np.int16)
    nothing = np.empty((0, *grids.coarse_shape), dtype=np.float32)
    held, done = TranslatedSlabs(0, nothing, nothing), 0
    for first in range(0, plan.slabs, batch):
        last = min(first + batch, plan.slabs)
        shown = grids.to_coarse(plan.averaged(volume.voxels_hu, first, last))
        held = held.followed_by(tissue_guide(shown), _change(shown, network, compute))
        ready = plan.slices_reached(last)
        for start in range(done, ready, batch):
            native_hu = volume.voxels_hu[start : min(start + batch, ready)]
            change = plan.spread(held, start, _guide(native_hu, held, start, plan, grids))
            if dither is not None:
                change += _noise(dither, plan, start, change.shape)
            translated[start : start + len(native_hu)] = _changed(
                native_hu, grids.to_native(change)
            )
        done = ready
        held = held.starting_at(plan.first_slab_needed(done))
    return volume.with_voxels(translated)


def training_slabs(volume: Volume, *, spacing_mm: float, most: int) -> NDArray[np.float32]:
    """Give some slabs of a volume as `translate_volume` shows them to a network.

    Args:
        volume: axial, HU.
        spacing_mm: in-plane spacing the network was trained on, mm.
        most: slabs wanted, at equal distances; fewer where there are fewer. Volumes on
            one grid give the same ones.

    Returns:
        (slabs, rows, columns), float32, HU, a new array.
    """
    slice_mm, row_mm, column_mm = volume.spacing_slice_row_column_mm
    slices, rows, columns = volume.voxels_hu.shape
    grids = _Grids((rows, columns), (row_mm, column_mm), spacing_mm)
    plan = plan_slabs(slices, slice_mm)
    count = min(most, plan.slabs)
    # In the middle of each of equal parts, so that a single one is the middle slab.
    chosen = [(2 * index + 1) * plan.slabs // (2 * count) for index in range(count)]
    slabs = [plan.averaged(volume.voxels_hu, number, number + 1) for number in chosen]
    return grids.to_coarse(np.concatenate(slabs))


@dataclasses.dataclass(frozen=True)
class _Grids:
    """A slice's own grid and the network's, with the same middle.

    Attributes:
        native_shape: rows and columns.
        native_mm: row and column spacing, mm.
        coarse_mm: spacing the network was trained on, mm.
    """

    native_shape: tuple[int, int]
    native_mm: tuple[float, float]
    coarse_mm: float

    @property
    def coarse_shape(self) -> tuple[int, int]:
        rows, columns = self.native_shape
        row_mm, column_mm = self.native_mm
        return _padded(rows * row_mm / self.coarse_mm), _padded(
            columns * column_mm / self.coarse_mm
        )

    def to_coarse(self, native_hu: NDArray[np.float32]) -> NDArray[np.float32]:
        return resample_in_plane(
            native_hu,
            self.native_mm,
            shape_out=self.coarse_shape,
            spacing_out_mm=(self.coarse_mm, self.coarse_mm),
            outside=AIR_HU,
        )

    def to_native(self, coarse: NDArray[np.float32]) -> NDArray[np.float32]:
        return resample_in_plane(
            coarse,
            (self.coarse_mm, self.coarse_mm),
            shape_out=self.native_shape,
            spacing_out_mm=self.native_mm,
            outside=0.0,
        )


def _change(
    shown: NDArray[np.float32], network: nn.Module, compute: Compute
) -> NDArray[np.float32]:
    given = torch.from_numpy(np.ascontiguousarray(shown)).unsqueeze(1).to(compute.device)
    with compute.precision():
        made = network(given).float()
        mirrored = network(given.flip(-1)).float().flip(-1)
    change: NDArray[np.float32] = ((made + mirrored) / 2.0 - given)[:, 0].cpu().numpy()
    return change


def _guide(
    native_hu: HounsfieldArray, held: TranslatedSlabs, first: int, plan: SlabPlan, grids: _Grids
) -> NDArray[np.float32]:
    if plan.slices_in_slab == 1:
        # Each slice is a slab, whose guide is there already.
        return held.guide_hu[first - held.first : first - held.first + len(native_hu)]
    return tissue_guide(grids.to_coarse(native_hu.astype(np.float32)))


def _noise(
    dither: Dither, plan: SlabPlan, first: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    slices, rows, columns = shape
    first_slab, weights = plan.between(first, first + slices)
    noise = dither.noise(first_slab, (weights.shape[1], rows, columns))
    return np.tensordot(weights, noise, axes=1)


def _changed(native_hu: HounsfieldArray, change: NDArray[np.float32]) -> NDArray[np.int16]:
    change *= native_hu > _HIGHEST_KEPT_HU
    change += native_hu
    np.rint(change, out=change)
    return np.clip(change, LOWEST_HU, HIGHEST_HU, out=change).astype(np.int16)


def _padded(length: float) -> int:
    return math.ceil(round(length, 3) / _SIZE_MULTIPLE) * _SIZE_MULTIPLE
