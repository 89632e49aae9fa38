"""Known copies, to be planted and found."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.image_reading import Pixels

_LARGEST_SIZE = 192
_LARGEST_SLICE_COUNT = 64
_ROTATION_DEGREES = 7.0

Change = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


def plant_copies(pixels: Pixels, seed: int) -> dict[str, Pixels]:
    """Make one copy of an image in each way that a copy may be hidden.

    Large images are thinned first, to at most 192 rows and columns and 64 slices.

    Args:
        pixels: a training image.
        seed: equal seeds give equal copies.

    Returns:
        Kind of copy -> the copy, new arrays.
    """
    small = _thinned(pixels)
    copies = {}
    for number, (kind, change) in enumerate(_CHANGES.items()):
        generator = np.random.default_rng([seed, number])
        values = change(small.values, generator).astype(np.float32)
        copies[kind] = Pixels(values, small.slice_gap_mm)
    return copies


def _thinned(pixels: Pixels) -> Pixels:
    slices, rows, columns = pixels.values.shape
    in_plane = -(-max(rows, columns) // _LARGEST_SIZE)
    along = -(-slices // _LARGEST_SLICE_COUNT)
    values = np.ascontiguousarray(pixels.values[::along, ::in_plane, ::in_plane])
    gap_mm = pixels.slice_gap_mm
    return Pixels(values, gap_mm * along if gap_mm else None)


def _exact(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    return values.copy()


def _shifted(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    slices, rows, columns = values.shape
    moved = ndimage.shift(
        values, (0, rows * 0.05, -columns * 0.04), order=1, cval=float(values.min())
    )
    return np.asarray(moved[slices // 16 :], dtype=np.float32)


def _rotated(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    turned = ndimage.rotate(
        values, _ROTATION_DEGREES, (2, 1), reshape=False, order=1, cval=float(values.min())
    )
    return np.asarray(turned, dtype=np.float32)


def _flipped(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    return values[:, :, ::-1].copy()


def _noisy(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    low, high = _tissue_range(values)
    noise = generator.standard_normal(values.shape, dtype=np.float32)
    return values + np.float32(0.05 * (high - low)) * noise


def _blurred(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    width = 0.008 * max(values.shape[1:])
    return np.asarray(ndimage.gaussian_filter(values, (0, width, width)), dtype=np.float32)


def _recontrasted(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Move each tissue's value up or down on its own, so that edges may turn about."""
    low, high = _tissue_range(values)
    knots = np.linspace(low, high, 9)
    offsets = generator.normal(0.0, 0.1 * (high - low), size=knots.size)
    offsets[[0, -1]] = 0.0
    return np.asarray(values + np.interp(values, knots, offsets), dtype=np.float32)


def _turned_recontrasted_noisy(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    return _noisy(_rotated(_recontrasted(values, generator), generator), generator)


def _flipped_shifted_recontrasted_blurred(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    changed = _shifted(_flipped(_recontrasted(values, generator), generator), generator)
    return _blurred(changed, generator)


def _tissue_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Give the range of soft tissue in HU; of a picture, that of its brighter nine tenths."""
    if values.min() <= -200:
        return -150.0, 350.0
    low, high = np.percentile(values, [1.0, 99.5])
    return float(low + 0.1 * (high - low)), float(high)


_CHANGES: Mapping[str, Change] = {
    "exact": _exact,
    "shift": _shifted,
    "rotation": _rotated,
    "flip": _flipped,
    "noise": _noisy,
    "blur": _blurred,
    "contrast": _recontrasted,
    "contrast_rotation_noise": _turned_recontrasted_noisy,
    "contrast_flip_shift_blur": _flipped_shifted_recontrasted_blurred,
}
