"""Contrast phase from the pixels alone, without organ masks.

A small network, trained on made-up patients alone, marks where a slice shows
plain and where it shows enhanced blood and organs. The two areas of a slice are
weighed against each other, and the balance is calibrated on made-up patients that
lie further afield than those of training. The slices of a series are pooled, each
by its own certainty. Where the result is not clear, there is no verdict.

The weights are shipped beside this file, in `phase_weights.safetensors`, with
the settings they were made with. This command rebuilds them:

    python -m pipelines.train_phase_classifier medsynth/cohort/phase_weights.safetensors
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from medsynth.cohort.phase import Phase, PixelPhase
from medsynth.cohort.phase_weights import PhaseModel
from medsynth.imaging.body import BODY_THRESHOLD_HU
from medsynth.imaging.geometry import to_training_grid
from medsynth.imaging.volume import Volume
from medsynth.networks.phase_classifier import GRID_MM, evidence_cm2

_MATRIX = 160
_SLAB_MM = 5.0
# A table's shell is thinner than twice this; an arm is more than this share of the trunk.
_THIN_PIXELS = 2
_LEAST_PIECE = 0.03
_AIR_HU = -1000.0
_SLICES_AT_ONCE = 16


def pixel_phase(volume: Volume, model: PhaseModel) -> PixelPhase:
    """Tell the contrast phase of a volume from its pixels.

    Args:
        volume: axial, HU, at least one slice.
        model: the classifier, from `read_phase_model`.

    Returns:
        The phase with its confidence; unknown where the confidence is below the
        model's least, or where neither plain nor enhanced tissue is seen.
    """
    plain_cm2, enhanced_cm2 = _evidence(coarse_slices(volume), model)
    with torch.no_grad():
        by_slice = model.network.weigh(plain_cm2, enhanced_cm2).double().numpy()
    pooled = model.calibration.pooled_log_odds(by_slice)
    confidence, is_contrast = model.calibration.confidence(np.array([pooled]))
    phase = Phase.CONTRAST if is_contrast[0] else Phase.NONCONTRAST
    if confidence[0] < model.calibration.least_confidence:
        phase = Phase.UNKNOWN
    return PixelPhase(
        phase, float(confidence[0]), float(plain_cm2.mean()), float(enhanced_cm2.mean())
    )


def coarse_slices(volume: Volume) -> NDArray[np.float32]:
    """Give what the classifier sees: slabs of about 5 mm on a 3 mm grid, table removed.

    Thick slabs make noise and kernel matter little.

    Args:
        volume: axial, HU.

    Returns:
        (slabs, 160, 160), float32, HU.
    """
    slice_mm, row_mm, column_mm = volume.spacing_slice_row_column_mm
    slices, rows, columns = volume.voxels_hu.shape
    slab = min(slices, max(1, round(_SLAB_MM / slice_mm)))
    whole = slices // slab * slab
    slabs = volume.voxels_hu[:whole].reshape(whole // slab, slab, rows, columns)
    grid_hu = to_training_grid(
        slabs.mean(axis=1, dtype=np.float32).clip(_AIR_HU, None),
        (row_mm, column_mm),
        matrix=_MATRIX,
        spacing_mm=GRID_MM,
    )
    for slice_hu in grid_hu:
        slice_hu[~_within_body(slice_hu > BODY_THRESHOLD_HU)] = _AIR_HU
    return grid_hu


def _within_body(is_dense: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark what lies between dense pieces of some size, to left and right, above and below.

    A field of view that cuts the chest wall opens the body's outline, so holes
    cannot be filled; and the heart is then a piece of its own.
    """
    opened = ndimage.binary_opening(is_dense, iterations=_THIN_PIXELS)
    pieces, count = ndimage.label(opened)
    if count == 0:
        return np.zeros_like(is_dense)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    body = np.isin(pieces, np.flatnonzero(sizes >= _LEAST_PIECE * sizes.max()))
    within = np.ones_like(body)
    for axis in (0, 1):
        for view in (body, np.flip(body, axis)):
            reached = np.logical_or.accumulate(view, axis=axis)
            within &= reached if view is body else np.flip(reached, axis)
    return within


@torch.no_grad()
def _evidence(slices_hu: NDArray[np.float32], model: PhaseModel) -> tuple[Tensor, Tensor]:
    """Give the areas of plain and enhanced tissue of each slice, cm2."""
    plain_cm2, enhanced_cm2 = [], []
    for start in range(0, len(slices_hu), _SLICES_AT_ONCE):
        part = torch.from_numpy(slices_hu[start : start + _SLICES_AT_ONCE])[:, None]
        plain, enhanced = evidence_cm2(model.network(part), spacing_mm=GRID_MM)
        plain_cm2.append(plain)
        enhanced_cm2.append(enhanced)
    return torch.cat(plain_cm2), torch.cat(enhanced_cm2)
