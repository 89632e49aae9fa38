"""Contrast phase from the pixels alone, without organ masks.

Without contrast agent no soft tissue is brighter than about 75 HU: blood has
40, kidneys 30, spleen 50, liver 60. With it, large even regions are: vessels,
heart, kidneys, spleen, liver. Bone, stents, calcification and oral contrast are
bright too, but are seldom even over a centimetre. So the share of bright voxels
among those in an even neighbourhood tells the two apart.

Source: own derivation. A liver loaded with iron or amiodarone is even and
bright without contrast agent, and would be misjudged; the header then disagrees.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.cohort.phase import Phase, PixelPhase
from medsynth.imaging.body import body_mask
from medsynth.imaging.geometry import to_training_grid
from medsynth.imaging.volume import Volume

_MATRIX = 192
_SPACING_MM = 2.5
_SLAB_MM = 5.0
_SMOOTHING_PIXELS = 0.8
_NEIGHBOURHOOD_PIXELS = 5
_SKIN_PIXELS = 4
_LARGEST_RANGE_HU = 60.0
_SOFT_TISSUE_HU = (-20.0, 500.0)
_BRIGHT_ABOVE_HU = 85.0
_LEAST_VOXELS = 1000
# Chosen between the shares seen without contrast agent (at most 0.03 in three
# whole scans) and with it (at least 0.24 in three others).
_SHARE_IN_DOUBT = 0.055
_SHARE_SURELY_CONTRAST = 0.12
_SHARE_SURELY_NONCONTRAST = 0.02
_LEAST_CONFIDENCE = 0.3


def pixel_phase(volume: Volume) -> PixelPhase:
    """Tell the contrast phase of a volume from its pixels.

    Args:
        volume: axial, HU, at least one slice.

    Returns:
        The phase with its confidence; unknown where too little soft tissue is
        seen or the share of bright voxels lies between the two phases.
    """
    values_hu = _even_soft_tissue(_coarse_grid(volume))
    if values_hu.size < _LEAST_VOXELS:
        return PixelPhase(Phase.UNKNOWN, 0.0, None)
    bright_share = float(np.mean(values_hu > _BRIGHT_ABOVE_HU))
    return phase_of_share(bright_share)


def phase_of_share(bright_share: float) -> PixelPhase:
    """Give the phase for a share of bright voxels.

    The confidence grows evenly from 0 at the share in doubt to 1 at the share
    beyond which no scan of the other phase was seen.

    Args:
        bright_share: from 0 to 1.
    """
    if bright_share > _SHARE_IN_DOUBT:
        phase, sure = Phase.CONTRAST, _SHARE_SURELY_CONTRAST
    else:
        phase, sure = Phase.NONCONTRAST, _SHARE_SURELY_NONCONTRAST
    confidence = min(1.0, (bright_share - _SHARE_IN_DOUBT) / (sure - _SHARE_IN_DOUBT))
    if confidence < _LEAST_CONFIDENCE:
        phase = Phase.UNKNOWN
    return PixelPhase(phase, confidence, bright_share)


def _coarse_grid(volume: Volume) -> NDArray[np.float32]:
    """Average to slabs of about 5 mm on a 2.5 mm grid, so that noise and kernel matter little."""
    slice_mm, row_mm, column_mm = volume.spacing_slice_row_column_mm
    slices, rows, columns = volume.voxels_hu.shape
    slab = min(slices, max(1, round(_SLAB_MM / slice_mm)))
    whole = slices // slab * slab
    slabs = volume.voxels_hu[:whole].reshape(whole // slab, slab, rows, columns)
    return to_training_grid(
        slabs.mean(axis=1, dtype=np.float32),
        (row_mm, column_mm),
        matrix=_MATRIX,
        spacing_mm=_SPACING_MM,
    )


def _even_soft_tissue(grid_hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the values of soft tissue voxels whose neighbourhood is even."""
    inside = ndimage.binary_erosion(
        body_mask(grid_hu), np.ones((1, 3, 3), dtype=np.bool_), iterations=_SKIN_PIXELS
    )
    smooth = ndimage.gaussian_filter(grid_hu, (0, _SMOOTHING_PIXELS, _SMOOTHING_PIXELS))
    window = (1, _NEIGHBOURHOOD_PIXELS, _NEIGHBOURHOOD_PIXELS)
    highest = ndimage.maximum_filter(smooth, window)
    lowest = ndimage.minimum_filter(smooth, window)
    is_even = highest - lowest < _LARGEST_RANGE_HU
    is_soft = (lowest > _SOFT_TISSUE_HU[0]) & (highest < _SOFT_TISSUE_HU[1])
    values: NDArray[np.float32] = smooth[inside & is_even & is_soft]
    return values
