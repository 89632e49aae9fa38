"""How alike two edge maps are once one is bent smoothly onto the other.

An edge map is complex here: its angle is twice the edge's direction, its length
the saturated strength. Many pairs are registered at once. The step is that of the demons
(Thirion 1998) with the smoothing of step and field of Vercauteren et al. 2009, on
edge directions instead of grey values, which another contrast leaves alone;
where the field turns the anatomy, the directions turn with it.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import BodyGrid
from privacy_audit.likeness.similarity import map_edges

FINE = 48
"""Rows and columns of the finer maps; the coarser ones have half as many."""
COARSE = FINE // 2
_STEPS = 10
_STEP_LENGTH = 1.5
_STEP_SMOOTHING = 1.5
_FIELD_SMOOTHING = 1.0
_SLAB_SMOOTHING = 0.7
_RESIDUAL_WEIGHT = 0.5
_BENDING_WEIGHT = 4.0
_SQUARINGS = 6
_WARP_WIDTH_SHARE = 0.1

Maps = NDArray[np.complex64]
Fields = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Registration:
    """How pairs of maps came to lie on each other.

    Attributes:
        score: (pairs,), float64: likeness after bending, at most 1, less four times the
            bending energy.
        field: (pairs, slabs, 2, rows, columns), float32: a fixed map's point lies at
            itself plus this on the moving map, in grid points.
    """

    score: NDArray[np.float64]
    field: Fields


def complex_edges(grid: BodyGrid) -> Maps:
    """Give an image's edge map: (slabs, FINE, FINE), complex64, length at most 1."""
    directions = map_edges(grid).directions
    fine = directions[:, 0] + 1j * directions[:, 1]
    while fine.shape[-1] > FINE:
        fine = halve(fine)
    return fine.astype(np.complex64)


def halve(maps: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
    """Average each two by two points of the last two axes."""
    rows, columns = maps.shape[-2:]
    parts = maps.reshape(*maps.shape[:-2], rows // 2, 2, columns // 2, 2)
    return np.asarray(parts.mean(axis=(-3, -1)))


def register(fixed: Maps, moving: Maps, field: Fields | None = None) -> Registration:
    """Bend each moving map smoothly onto its fixed map, within the slabs' planes.

    Args:
        fixed: (pairs, slabs, rows, columns), complex64.
        moving: likewise.
        field: where to begin, from maps of half as many rows and columns; None
            begins without any bending.

    Returns:
        New arrays.
    """
    fixed, moving = _unit_energy(fixed), _unit_energy(moving)
    pairs, slabs, rows, columns = fixed.shape
    if field is None:
        field = np.zeros((pairs, slabs, 2, rows, columns), dtype=np.float32)
    else:
        field = _smooth(2 * field.repeat(2, axis=-2).repeat(2, axis=-1), _STEP_SMOOTHING)
    for _ in range(_STEPS):
        step = _step_towards(fixed, _bend(moving, field))
        field = _smooth(
            field + np.float32(_STEP_LENGTH) * _smooth(step, _STEP_SMOOTHING), _FIELD_SMOOTHING
        )
        field = _smooth_slabs(field)
    bent = _bend(moving, field)
    energy = np.sqrt(_energy(fixed) * _energy(bent)) + 1e-12
    likeness = (fixed.conj() * bent).real.sum(axis=(1, 2, 3), dtype=np.float64) / energy
    return Registration(likeness - _BENDING_WEIGHT * _bending_energy(field), field)


def smooth_maps(maps: Maps, width: float) -> Maps:
    """Blur the last two axes by a Gaussian of `width` points; the border does not darken."""
    rows, columns = (_blur_matrix(size, width) for size in maps.shape[-2:])
    return np.asarray(rows @ maps @ columns.T, dtype=np.complex64)


def warp_smoothly(
    values: NDArray[np.float32], share: float, seed: int | list[int]
) -> NDArray[np.float32]:
    """Warp every slice of a volume by one smooth random field that can be undone.

    The field is the exponential of a random velocity field, smooth over a tenth of the field
    of view: the warp is one-to-one.

    Args:
        values: (slices, rows, columns).
        share: root mean square displacement before the exponential, as a share of the
            columns; the largest is about 2.3 times as long.
        seed: equal seeds give equal warps.

    Returns:
        A new array.
    """
    _, rows, columns = values.shape
    generator = np.random.default_rng(seed)
    width = _WARP_WIDTH_SHARE * columns
    velocity = np.stack(
        [
            ndimage.gaussian_filter(generator.normal(size=(rows, columns)), width, mode="constant")
            for _ in range(2)
        ]
    )
    velocity *= share * columns / np.sqrt((velocity**2).sum(axis=0).mean())
    row, column = np.mgrid[0:rows, 0:columns].astype(np.float64)
    field = velocity / 2**_SQUARINGS
    for _ in range(_SQUARINGS):
        there = [row + field[0], column + field[1]]
        further = [ndimage.map_coordinates(part, there, order=1, mode="nearest") for part in field]
        field = field + np.stack(further)
    there = [row + field[0], column + field[1]]
    warped = [ndimage.map_coordinates(one, there, order=1, mode="nearest") for one in values]
    return np.stack(warped).astype(np.float32)


def _unit_energy(maps: Maps) -> Maps:
    mean = _energy(maps) / np.prod(maps.shape[1:])
    scale = 1.0 / np.sqrt(mean + 1e-9)
    return np.asarray(maps * scale[:, np.newaxis, np.newaxis, np.newaxis], dtype=np.complex64)


def _energy(maps: Maps) -> NDArray[np.float64]:
    squares = maps.real.astype(np.float64) ** 2 + maps.imag.astype(np.float64) ** 2
    return np.asarray(squares.sum(axis=(1, 2, 3)))


def _step_towards(fixed: Maps, bent: Maps) -> Fields:
    residual = fixed - bent
    by_row, by_column = _slope(bent, 2), _slope(bent, 3)
    weight = np.abs(by_row) ** 2 + np.abs(by_column) ** 2
    weight += np.float32(_RESIDUAL_WEIGHT) * np.abs(residual) ** 2 + np.float32(1e-3)
    conjugate = residual.conj()
    return np.stack(
        [(conjugate * by_row).real / weight, (conjugate * by_column).real / weight], axis=2
    )


def _slope(maps: Maps, axis: int) -> Maps:
    """Give the central difference along rows (2) or columns (3), zero at the border."""
    slope = np.zeros_like(maps)
    if axis == 2:
        slope[:, :, 1:-1] = (maps[:, :, 2:] - maps[:, :, :-2]) / 2
    else:
        slope[:, :, :, 1:-1] = (maps[:, :, :, 2:] - maps[:, :, :, :-2]) / 2
    return slope


def _bend(maps: Maps, field: Fields) -> Maps:
    """Read maps at the points a field points to, and turn their directions along."""
    pairs, slabs, rows, columns = maps.shape
    at_row = np.arange(rows, dtype=np.float32)[:, np.newaxis] + field[:, :, 0]
    at_column = np.arange(columns, dtype=np.float32) + field[:, :, 1]
    at_row = np.clip(at_row, 0, np.float32(rows - 1.001))
    at_column = np.clip(at_column, 0, np.float32(columns - 1.001))
    low_row, low_column = at_row.astype(np.int32), at_column.astype(np.int32)
    right, down = at_column - low_column, at_row - low_row
    first = np.arange(pairs * slabs, dtype=np.int32).reshape(pairs, slabs, 1, 1) * (rows * columns)
    place = first + low_row * np.int32(columns) + low_column
    flat = maps.reshape(-1)
    upper = flat[place] * (1 - right) + flat[place + 1] * right
    lower = flat[place + columns] * (1 - right) + flat[place + columns + 1] * right
    turn = np.gradient(field[:, :, 1], axis=2) - np.gradient(field[:, :, 0], axis=3)
    # A direction is doubled, and the rotation is half of the field's curl.
    return np.asarray((upper * (1 - down) + lower * down) * np.exp(1j * turn), dtype=np.complex64)


def _smooth(field: Fields, width: float) -> Fields:
    rows, columns = (_blur_matrix(size, width) for size in field.shape[-2:])
    return np.asarray(rows @ field @ columns.T, dtype=np.float32)


def _smooth_slabs(field: Fields) -> Fields:
    """Let neighbouring slabs move alike."""
    slabs = field.shape[1]
    if slabs == 1:
        return field
    blur = _blur_matrix(slabs, _SLAB_SMOOTHING)
    return np.asarray(np.einsum("ts,psdrc->ptdrc", blur, field), dtype=np.float32)


def _blur_matrix(size: int, width: float) -> NDArray[np.float32]:
    place = np.arange(size)
    weights = np.exp(-0.5 * ((place[:, np.newaxis] - place) / width) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _bending_energy(field: Fields) -> NDArray[np.float64]:
    """Give the mean squared second derivative over all slabs, in grid points."""
    energy = np.zeros(field.shape[0])
    for first in (-2, -1):
        along = np.gradient(field, axis=first)
        for second in (-2, -1):
            energy += (
                np.square(np.gradient(along, axis=second), dtype=np.float64)
                .sum(axis=2)
                .mean(axis=(1, 2, 3))
            )
    return energy
