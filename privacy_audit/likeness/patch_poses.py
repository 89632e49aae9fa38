"""Edge maps laid down turned, scaled and mirrored, on a grid of cells.

The search for partial copies tries more scales than the search for whole ones:
a crop's body fills the common grid as a whole body does, and must be shrunk
before it lies on what it was cut from.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import GRID

CELLS = 32
"""Rows and columns after neighbouring grid points are averaged."""
_COARSE_ANGLES = (-8.0, 0.0, 8.0)
_COARSE_SCALES = (1.10, 0.95, 0.82, 0.71, 0.61)
_POINTS_PER_CELL = GRID // CELLS


@dataclasses.dataclass(frozen=True)
class PatchPose:
    """How a probe is laid down: mirrored, after it was turned and scaled about the middle.

    Attributes:
        angle_degrees: rotation, from the row axis to the column axis.
        scale: size of the body, as a part of what the common grid makes it.
        rows_flipped: whether front and back are exchanged.
        columns_flipped: whether left and right are exchanged.
    """

    angle_degrees: float
    scale: float
    rows_flipped: bool
    columns_flipped: bool


UPRIGHT = PatchPose(0.0, 1.0, rows_flipped=False, columns_flipped=False)
COARSE_POSES = tuple(
    PatchPose(angle, scale, rows_flipped, columns_flipped)
    for scale in _COARSE_SCALES
    for angle in _COARSE_ANGLES
    for rows_flipped in (False, True)
    for columns_flipped in (False, True)
)
"""At the rim of a patch, the nearest of them is about half a cell off at most."""


def average_over_cells(directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give an edge map averaged over a cell about each grid point, ready to be posed.

    Args:
        directions: (2, GRID, GRID), one slab of an `EdgeMap`.

    Returns:
        (2, GRID, GRID), a new array.
    """
    size = (1, _POINTS_PER_CELL, _POINTS_PER_CELL)
    return np.asarray(ndimage.uniform_filter(directions, size, mode="constant"), dtype=np.float32)


def pose_cells(
    averaged: NDArray[np.float32], pose: PatchPose, shift: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float32]:
    """Lay an edge map on the grid of cells in one pose.

    Args:
        averaged: (2, GRID, GRID), of `average_over_cells`.
        pose: the pose.
        shift: by how many rows and columns of cells it is then moved.

    Returns:
        (2, CELLS, CELLS), float32, a new array; zero where there is no edge map.
    """
    return np.asarray(pose_cells_each(averaged, [pose], [shift])[0], dtype=np.float32)


def pose_cells_each(
    averaged: NDArray[np.float32],
    poses: Sequence[PatchPose],
    shifts: Sequence[tuple[float, float]],
) -> NDArray[np.float32]:
    """Lay an edge map on the grid of cells in several poses, each with its shift.

    The doubled directions turn by twice the angle; one mirror negates their sine.

    Args:
        averaged: (2, GRID, GRID), of `average_over_cells`.
        poses: at least one.
        shifts: rows and columns of cells, one pair a pose.

    Returns:
        (poses, 2, CELLS, CELLS), float32, a new array.
    """
    angle = np.deg2rad([pose.angle_degrees for pose in poses])[:, np.newaxis, np.newaxis]
    scale = np.array([pose.scale for pose in poses])[:, np.newaxis, np.newaxis]
    mirrored = np.array([(pose.rows_flipped, pose.columns_flipped) for pose in poses])
    mirror = np.where(mirrored, -1.0, 1.0)[:, :, np.newaxis, np.newaxis]
    # From a cell to the grid point it shows: all turns about the middle.
    from_middle = np.indices((CELLS, CELLS)) - (CELLS - 1) / 2
    moved = from_middle - np.array(shifts)[:, :, np.newaxis, np.newaxis]
    row, column = (mirror * moved * (_POINTS_PER_CELL / scale[:, np.newaxis])).swapaxes(0, 1)
    middle = (GRID - 1) / 2
    points = [
        middle + np.cos(angle) * row + np.sin(angle) * column,
        middle - np.sin(angle) * row + np.cos(angle) * column,
    ]
    cosine, sine = (ndimage.map_coordinates(part, points, order=1) for part in averaged)
    along, across, sign = np.cos(2 * angle), np.sin(2 * angle), mirror.prod(axis=1)
    turned = [along * cosine - across * sine, sign * (across * cosine + along * sine)]
    return np.stack(turned, axis=1).astype(np.float32)
