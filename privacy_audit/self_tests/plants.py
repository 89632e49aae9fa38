"""Known copies, to be planted and found.

Copies of whole images are hidden here, each in one way or in several at once;
parts of images are planted by `partial_plants`.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from medsynth.errors import AuditError
from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels

_LARGEST_SIZE = 192
_LARGEST_SLICE_COUNT = 64
_ROTATION_DEGREES = 7.0
_SCALE = 0.92
_RESAMPLED = 0.6
_BLOCK = 8
_ELASTIC_SHARE = 0.03
_AIR_HU = -1024.0
_HIGHEST_OF_A_PICTURE_HU = -200.0
_SOFT_TISSUE_HU = (-150.0, 350.0)
# Muscle and what lies among it, the middle of all tissue but lung.
_USUAL_HU = 40.0
_EMPTY_HU = -1000.0
# How far soft tissue spreads, as a share of how far it lies above air: 0.2 to 0.5,
# but 0.5 to 0.9 where a window has cut off air.
_SPREAD_ABOVE_AIR = 0.45

Change = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


def plant_copies(pixels: Pixels, seed: int) -> dict[str, Pixels]:
    """Make one copy of an image in each way that a whole copy may be hidden.

    Large images are made smaller first, to at most 192 rows and columns and 64 slices;
    the exact copy is the image as it is.

    Args:
        pixels: a training image.
        seed: equal seeds give equal copies.

    Returns:
        Kind of copy -> the copy, new arrays but for the exact one. A single slice
        cannot be reversed along the patient, so that kind is left out for it.
    """
    small = thin_out(pixels)
    copies = {"exact": pixels}
    for number, (kind, change) in enumerate(_CHANGES.items()):
        if kind in _VOLUMES_ONLY and small.values.shape[0] == 1:
            continue
        generator = np.random.default_rng([seed, number])
        values = change(small.values, generator).astype(np.float32)
        copies[kind] = Pixels(values, small.slice_gap_mm)
    return copies


def thin_out(pixels: Pixels) -> Pixels:
    """Give an image with at most 192 rows and columns and 64 slices, as means of blocks.

    Leaving out pixels instead would turn fine texture into coarse, and the image into
    another's.

    Args:
        pixels: an image, whose array is given back where it is small enough.
    """
    slices, rows, columns = pixels.values.shape
    in_plane = -(-max(rows, columns) // _LARGEST_SIZE)
    along = -(-slices // _LARGEST_SLICE_COUNT)
    values = pixels.values
    for axis, step in enumerate((along, in_plane, in_plane)):
        values = _average_along(values, axis, step)
    gap_mm = pixels.slice_gap_mm
    return Pixels(values, gap_mm * along if gap_mm else None)


def _average_along(values: NDArray[np.float32], axis: int, step: int) -> NDArray[np.float32]:
    """Give the means of so many neighbours along an axis; the last may be of fewer."""
    if step == 1:
        return values
    starts = np.arange(0, values.shape[axis], step)
    counts = np.diff(starts, append=values.shape[axis]).astype(np.float32)
    sums = np.add.reduceat(values, starts, axis=axis)
    shape = [1, 1, 1]
    shape[axis] = -1
    return np.asarray(sums / counts.reshape(shape), dtype=np.float32)


def change_contrast(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Move each tissue's value up or down on its own, so that edges may turn about."""
    low, high = _tissue_range(values)
    knots = np.linspace(low, high, 9)
    offsets = generator.normal(0.0, 0.1 * (high - low), size=knots.size)
    offsets[[0, -1]] = 0.0
    return _as_shown(values + np.interp(values, knots, offsets), values)


def turn(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    """Turn all slices by 7 degrees about their middle."""
    turned = ndimage.rotate(
        values, _ROTATION_DEGREES, (2, 1), reshape=False, order=1, cval=float(values.min())
    )
    return np.asarray(turned, dtype=np.float32)


def mirror(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    """Exchange left and right."""
    return values[:, :, ::-1].copy()


def _shifted(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    slices, rows, columns = values.shape
    moved = ndimage.shift(
        values, (0, rows * 0.05, -columns * 0.04), order=1, cval=float(values.min())
    )
    return np.asarray(moved[slices // 16 :], dtype=np.float32)


def _scaled(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    factors = np.array([1.0, 1 / _SCALE, 1 / _SCALE])
    middle = (np.array(values.shape) - 1) / 2
    smaller = ndimage.affine_transform(
        values, factors, middle * (1 - factors), order=1, cval=float(values.min())
    )
    return np.asarray(smaller, dtype=np.float32)


def _revalued(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    """Compress all values by a tenth and lift them by a fiftieth of soft tissue's range."""
    low, high = _tissue_range(values)
    return np.asarray(0.9 * (values - low) + low + 0.02 * (high - low), dtype=np.float32)


def _in_eight_bits(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    """Show all values but the rarest in 256 grey values."""
    low, high = np.percentile(values, [0.5, 99.5])
    # Scanners pad with values far below air, which no picture shows.
    return _to_grey(values, max(float(low), _AIR_HU), float(high))


def _windowed(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    """Show soft tissue in 256 grey values, all else cut off."""
    return _to_grey(values, *_tissue_range(values))


def _to_grey(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    # A picture that is nearly all of one value keeps its unit.
    grey = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255
    return np.asarray(np.rint(grey), dtype=np.float32)


def _compressed(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Round the cosine coefficients of blocks of 8 x 8 pixels, high ones the most.

    Source: own derivation after JPEG's principle (ITU-T T.81); the steps, 8 grey
    values for the mean and 6 more for each step of frequency, are near quality 50.
    """
    grey = _in_eight_bits(values, generator)
    slices, rows, columns = grey.shape
    padded = np.pad(grey, ((0, 0), (0, -rows % _BLOCK), (0, -columns % _BLOCK)), mode="edge")
    blocks = padded.reshape(slices, padded.shape[1] // _BLOCK, _BLOCK, -1, _BLOCK)
    row, column = np.mgrid[0:_BLOCK, 0:_BLOCK]
    steps = (8.0 + 6.0 * (row + column))[:, np.newaxis, :]
    coefficients = np.rint(fft.dctn(blocks, axes=(2, 4), norm="ortho") / steps) * steps
    restored = fft.idctn(coefficients, axes=(2, 4), norm="ortho").reshape(padded.shape)
    return np.asarray(np.clip(restored[:, :rows, :columns], 0, 255), dtype=np.float32)


def _resampled(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    """Give fewer and larger pixels."""
    width = 0.4 / _RESAMPLED
    soft = ndimage.gaussian_filter(values, (0, width, width))
    return np.asarray(ndimage.zoom(soft, (1, _RESAMPLED, _RESAMPLED), order=1), dtype=np.float32)


def _reversed(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    return values[::-1].copy()


def _bent(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Bend all slices alike by a smooth field, at most 3 % of the field of view."""
    _, rows, columns = values.shape
    size = max(rows, columns)
    field = generator.standard_normal((2, rows, columns))
    field = ndimage.gaussian_filter(field, (0, 0.1 * size, 0.1 * size), mode="reflect")
    length = np.sqrt((field**2).sum(axis=0)).max()
    moved = np.mgrid[0:rows, 0:columns] + field * (_ELASTIC_SHARE * size / length)
    bent = [
        ndimage.map_coordinates(part, moved, order=1, cval=float(values.min())) for part in values
    ]
    return np.asarray(np.stack(bent), dtype=np.float32)


def _noisy(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    low, high = _tissue_range(values)
    noise = generator.standard_normal(values.shape, dtype=np.float32)
    return _as_shown(values + np.float32(0.05 * (high - low)) * noise, values)


def _blurred(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    width = 0.008 * max(values.shape[1:])
    return np.asarray(ndimage.gaussian_filter(values, (0, width, width)), dtype=np.float32)


def _turned_recontrasted_noisy(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    return _noisy(turn(change_contrast(values, generator), generator), generator)


def _flipped_shifted_recontrasted_blurred(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    changed = _shifted(mirror(change_contrast(values, generator), generator), generator)
    return _blurred(changed, generator)


def _turned_scaled_compressed(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    return _compressed(_scaled(turn(values, generator), generator), generator)


def _as_shown(changed: NDArray[np.floating], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep a picture's change within its range: none can be blacker than black."""
    if _is_in_hounsfield(values):
        return np.asarray(changed, dtype=np.float32)
    return np.asarray(np.clip(changed, values.min(), values.max()), dtype=np.float32)


def _tissue_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Give the range of soft tissue in the image's own unit: -150 to 350 HU.

    Of a picture that shows air, it follows from how far soft tissue lies above air.
    One of a window for soft tissue has air cut off: its black is where soft tissue
    begins, and the range ends where the body does.

    Source: own derivation, from air at -1000 and muscle at 40 HU.
    """
    if _is_in_hounsfield(values):
        return _SOFT_TISSUE_HU
    air, brightest = np.percentile(values, [1.0, 99.0])
    inside = _values_inside_body(values)
    tissue = inside[inside >= (air + brightest) / 2]
    if tissue.size == 0:
        return float(air), float(brightest)
    usual = float(np.median(tissue))
    # Lung, which a picture that shows air shows too, lies far below half of soft tissue.
    least, most = np.percentile(inside[inside >= (air + usual) / 2], [10.0, 90.0])
    if most - least < _SPREAD_ABOVE_AIR * (usual - air):
        one_hu = (usual - air) / (_USUAL_HU - _EMPTY_HU)
        low, high = (float(usual + (bound - _USUAL_HU) * one_hu) for bound in _SOFT_TISSUE_HU)
        return low, high
    return float(air), float(np.percentile(inside, 99.0))


def _is_in_hounsfield(values: NDArray[np.float32]) -> bool:
    return bool(values.min() <= _HIGHEST_OF_A_PICTURE_HU)


def _values_inside_body(values: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        grid = fit_body_grid(Pixels(values, None), "planted")
    except AuditError:
        return values.ravel()
    return grid.values[grid.body]


_CHANGES: Mapping[str, Change] = {
    "shift": _shifted,
    "rotation": turn,
    "flip": mirror,
    "noise": _noisy,
    "blur": _blurred,
    "contrast": change_contrast,
    "contrast_rotation_noise": _turned_recontrasted_noisy,
    "contrast_flip_shift_blur": _flipped_shifted_recontrasted_blurred,
    "scaling": _scaled,
    "values": _revalued,
    "eight_bit": _in_eight_bits,
    "windowed": _windowed,
    "compressed": _compressed,
    "resampled": _resampled,
    "reversed": _reversed,
    "elastic": _bent,
    "rotation_scaling_compressed": _turned_scaled_compressed,
}
_VOLUMES_ONLY = frozenset({"reversed"})
