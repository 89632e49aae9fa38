"""From the values stored in CT files to Hounsfield units that can be trusted."""

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import ImageError
from medsynth.imaging.volume import AIR_HU, HIGHEST_HU, LOWEST_HU

AIR_MODE_RANGE_HU = (-1100, -900)
_AIR_SEARCH_RANGE_HU = (-1400, -500)
_STEP_HU = 10
_LEAST_AIR_FRACTION = 0.001


def stored_to_hounsfield(
    stored: NDArray[np.integer], slope: float, intercept: float
) -> NDArray[np.float32]:
    """Convert the values stored in a CT file to Hounsfield units.

    The result is not clipped: metal may exceed 3000 HU, and padding outside
    the scanned circle may lie below -1024 HU.

    Args:
        stored: (rows, columns), values as decoded from the file.
        slope: Rescale Slope (0028,1053), HU per stored unit, not zero.
        intercept: Rescale Intercept (0028,1052), HU at stored value 0.

    Returns:
        (rows, columns), float32, HU. Always a new array.

    Raises:
        ImageError: the slope is zero or not finite, or `stored` is not 2D.

    Source: DICOM PS3.3 section C.11.1, output units = slope * stored + intercept.

    Example:
        >>> stored_to_hounsfield(np.array([[0, 1024]]), slope=1.0, intercept=-1024.0)
        array([[-1024.,     0.]], dtype=float32)
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
    # float64 first: float32 cannot hold every int32 a scanner may store.
    return (stored.astype(np.float64) * slope + intercept).astype(np.float32)


def padding_mask(
    stored: NDArray[np.integer], slice_hu: NDArray[np.float32], padding: int | None
) -> NDArray[np.bool_]:
    """Mark pixels that were never scanned.

    A padding value that would be a tissue's HU is not believed: some files
    name 0 as padding where 0 HU is water.

    Args:
        stored: (rows, columns), values as decoded from the file.
        slice_hu: the same pixels in HU, not clipped.
        padding: Pixel Padding Value (0028,0120), or None.

    Returns:
        (rows, columns), bool, a new array.
    """
    below_air: NDArray[np.bool_] = slice_hu < LOWEST_HU
    if padding is None:
        return below_air
    is_tissue = (slice_hu >= AIR_MODE_RANGE_HU[1]) & (slice_hu <= HIGHEST_HU)
    is_padding: NDArray[np.bool_] = below_air | ((stored == padding) & ~is_tissue)
    return is_padding


def to_kept_range(
    slice_hu: NDArray[np.float32], is_padding: NDArray[np.bool_]
) -> NDArray[np.int16]:
    """Set padding to air, clip to the range of HU that is kept, and round.

    Args:
        slice_hu: (rows, columns), HU.
        is_padding: the same shape; pixels that were never scanned.

    Returns:
        (rows, columns), int16, HU from -1024 to 3071, a new array.
    """
    clipped = np.clip(np.rint(slice_hu), LOWEST_HU, HIGHEST_HU)
    return np.where(is_padding, AIR_HU, clipped).astype(np.int16)


def air_histogram(slice_hu: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count the values between padding and tissue, in steps of 10 HU.

    Args:
        slice_hu: any shape, HU, not clipped.

    Returns:
        One count for each step from -1400 to -500 HU, int64, a new array.
    """
    low, high = _AIR_SEARCH_RANGE_HU
    counts, _ = np.histogram(slice_hu, bins=(high - low) // _STEP_HU, range=(low, high))
    return counts.astype(np.int64)


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
