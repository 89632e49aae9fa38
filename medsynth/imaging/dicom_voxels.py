"""From the values stored in CT files to Hounsfield units that can be trusted."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.errors import ImageError
from medsynth.imaging.volume import AIR_HU, HIGHEST_HU, LOWEST_HU

AIR_MODE_RANGE_HU = (-1100, -900)
_AIR_SEARCH_RANGE_HU = (-1400, -500)
_STEP_HU = 10
_LEAST_AIR_FRACTION = 0.001
_TISSUE_ABOVE_HU = -500
_LEAST_TISSUE_FRACTION = 0.001
# The extended scale of metal ends at 30710 HU; beyond it lie negative values read without a sign.
_HIGHEST_POSSIBLE_HU = 31_000
_LEAST_PADDED_FRACTION = 0.99
# What counts as padding while air is searched: far below every Hounsfield unit.
_NO_HU = -(2**15)


@dataclasses.dataclass(frozen=True, slots=True)
class Rescale:
    """How stored values stand for Hounsfield units.

    Attributes:
        slope: Rescale Slope (0028,1053), HU per stored unit, not zero.
        intercept: Rescale Intercept (0028,1052), HU at stored value 0.
        padding: lowest and highest stored value of pixels that were never scanned, or None.
    """

    slope: float
    intercept: float
    padding: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class KeptSlice:
    """One slice in the range of HU that is kept.

    Attributes:
        values_hu: (rows, columns), int16, from -1024 to 3071 HU; air where not scanned.
        air_counts: one count for each step from -1400 to -500 HU, padding left out.
        tissue_count: number of pixels denser than lung.
        has_unmapped_padding: whether a constant that is no air fills the corners
            though the header names no such padding.
        has_impossible_value: whether a pixel that is no padding is denser than any metal.
    """

    values_hu: NDArray[np.int16]
    air_counts: NDArray[np.int64]
    tissue_count: int
    has_unmapped_padding: bool
    has_impossible_value: bool


def keep_slice(stored: NDArray[np.integer], rescale: Rescale) -> KeptSlice:
    """Convert one slice, set what was never scanned to air, and clip.

    Args:
        stored: (rows, columns), values as decoded from the file.
        rescale: how they stand for HU.

    Returns:
        The slice, and what tells whether its values are Hounsfield units.

    Raises:
        ImageError: the slope is zero or not finite, or `stored` is not 2D.
    """
    slice_hu = stored_to_hounsfield(stored, rescale.slope, rescale.intercept)
    is_padding = padding_mask(stored, slice_hu, rescale.padding)
    is_doubtful = bool(slice_hu[0, 0] > AIR_MODE_RANGE_HU[1]) and not is_padding[0, 0]
    is_unmapped = is_doubtful and constant_outside(stored) is not None
    values_hu = to_kept_range(slice_hu, is_padding)
    if rescale.padding is not None:
        slice_hu[is_padding] = _NO_HU
    return KeptSlice(
        values_hu,
        air_histogram(slice_hu),
        tissue_count=int(np.count_nonzero(values_hu > _TISSUE_ABOVE_HU)),
        has_unmapped_padding=is_unmapped,
        has_impossible_value=bool(slice_hu.max() > _HIGHEST_POSSIBLE_HU),
    )


def stored_to_hounsfield(
    stored: NDArray[np.integer], slope: float, intercept: float
) -> NDArray[np.int32] | NDArray[np.float64]:
    """Convert the values stored in a CT file to Hounsfield units.

    The result is not clipped: metal may exceed 3000 HU, and padding outside
    the scanned circle may lie below -1024 HU.

    Args:
        stored: (rows, columns), values as decoded from the file.
        slope: Rescale Slope (0028,1053), HU per stored unit, not zero.
        intercept: Rescale Intercept (0028,1052), HU at stored value 0.

    Returns:
        (rows, columns), HU: int32 where 16-bit values are scaled by whole numbers,
        else float64. Always a new array.

    Raises:
        ImageError: the slope is zero or not finite, or `stored` is not 2D.

    Source: DICOM PS3.3 section C.11.1, output units = slope * stored + intercept.

    Example:
        >>> stored_to_hounsfield(np.array([[0, 1024]], dtype=np.int16), 1.0, -1024.0)
        array([[-1024,     0]], dtype=int32)
    """
    if stored.ndim != 2:
        raise ImageError(
            f"CT slice has shape {stored.shape}. Expected (rows, columns). Exclude the series."
        )
    if slope == 0 or not np.isfinite(slope):
        raise ImageError(
            f"Rescale Slope (0028,1053) is {slope}. Expected a finite number that is not zero. "
            "Exclude the series."
        )
    is_whole = slope.is_integer() and intercept.is_integer()
    if is_whole and stored.itemsize <= 2 and max(abs(slope), abs(intercept)) < 2**14:
        whole = stored.astype(np.int32)
        if slope != 1.0:
            whole *= int(slope)
        whole += int(intercept)
        return whole
    # float32 cannot hold every int32 a scanner may store.
    return stored.astype(np.float64) * slope + intercept


def padding_mask(
    stored: NDArray[np.integer],
    slice_hu: NDArray[np.int32] | NDArray[np.float64],
    padding: tuple[int, int] | None,
) -> NDArray[np.bool_]:
    """Mark pixels that were never scanned.

    A padding value that would be a tissue's HU is believed only where it fills the
    corners: some files name 0 as padding where 0 HU is water.

    Args:
        stored: (rows, columns), values as decoded from the file.
        slice_hu: the same pixels in HU, not clipped.
        padding: lowest and highest stored value named as padding, or None.

    Returns:
        (rows, columns), bool, a new array.
    """
    is_padding: NDArray[np.bool_] = slice_hu < LOWEST_HU
    if padding is None:
        return is_padding
    named: NDArray[np.bool_] = (stored >= padding[0]) & (stored <= padding[1])
    is_tissue = (slice_hu >= AIR_MODE_RANGE_HU[1]) & (slice_hu <= HIGHEST_HU)
    doubtful = named & is_tissue
    is_padding |= named & ~is_tissue
    corner = stored[0, 0]
    if doubtful[0, 0] and constant_outside(stored) is not None:
        regions, _ = ndimage.label(stored == corner)
        corners = regions[[0, 0, -1, -1], [0, -1, 0, -1]]
        is_padding |= np.isin(regions, corners)
    return is_padding


def constant_outside(stored: NDArray[np.integer]) -> int | None:
    """Give the one value that fills all four corners outside the inscribed circle, or None.

    Args:
        stored: (rows, columns), values as decoded from the file.
    """
    corner = stored[0, 0]
    if not (stored[0, -1] == corner == stored[-1, 0] == stored[-1, -1]):
        return None
    rows, columns = stored.shape
    row = np.arange(rows)[:, None] - (rows - 1) / 2
    column = np.arange(columns)[None, :] - (columns - 1) / 2
    outside = stored[np.hypot(row, column) > max(rows, columns) / 2]
    is_filled = outside.size > 0 and np.mean(outside == corner) >= _LEAST_PADDED_FRACTION
    return int(corner) if is_filled else None


def to_kept_range(
    slice_hu: NDArray[np.int32] | NDArray[np.float64], is_padding: NDArray[np.bool_]
) -> NDArray[np.int16]:
    """Set padding to air, clip to the range of HU that is kept, and round.

    Args:
        slice_hu: (rows, columns), HU.
        is_padding: the same shape; pixels that were never scanned.

    Returns:
        (rows, columns), int16, HU from -1024 to 3071, a new array.
    """
    whole = slice_hu if slice_hu.dtype.kind == "i" else np.rint(slice_hu)
    kept: NDArray[np.int16] = np.clip(whole, LOWEST_HU, HIGHEST_HU).astype(np.int16)
    kept[is_padding] = AIR_HU
    return kept


def air_histogram(slice_hu: NDArray[np.int32] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Count the values between padding and tissue, in steps of 10 HU.

    Args:
        slice_hu: any shape, HU, not clipped.

    Returns:
        One count for each step from -1400 to -500 HU, int64, a new array.
    """
    low, high = _AIR_SEARCH_RANGE_HU
    steps = (high - low) // _STEP_HU
    if slice_hu.dtype.kind == "f":
        counts, _ = np.histogram(slice_hu, bins=steps, range=(low, high))
        return counts.astype(np.int64)
    # Whole numbers are counted one by one; everything outside falls into the two ends.
    places = np.clip(slice_hu.ravel(), low - 1, high) - (low - 1)
    single = np.bincount(places, minlength=high - low + 2)[1:-1]
    air_counts: NDArray[np.int64] = single.reshape(steps, _STEP_HU).sum(axis=1)
    return air_counts


def has_tissue(tissue_count: int, voxel_count: int) -> bool:
    """Tell whether a volume shows more than air: failed reconstructions are blank.

    Args:
        tissue_count: the sum of `KeptSlice.tissue_count` over all slices.
        voxel_count: number of voxels of the volume.
    """
    return tissue_count >= _LEAST_TISSUE_FRACTION * voxel_count


def is_hounsfield_scale(air_counts: NDArray[np.int64], voxel_count: int) -> bool:
    """Tell whether the most frequent value below tissue is that of air.

    This tells Hounsfield units from stored values whose rescale was lost and
    from scales of other quantities. A scan in which no air is seen at all
    cannot be told from them.

    Args:
        air_counts: the sum of `air_histogram` over all slices.
        voxel_count: number of voxels of the volume.

    Returns:
        True if there is air, and its mode lies from -1100 to -900 HU.
    """
    if air_counts.sum() < _LEAST_AIR_FRACTION * voxel_count:
        return False
    mode_hu = _AIR_SEARCH_RANGE_HU[0] + _STEP_HU * (int(air_counts.argmax()) + 0.5)
    return AIR_MODE_RANGE_HU[0] <= mode_hu <= AIR_MODE_RANGE_HU[1]
