"""Where an image's edges lie and which way they run, whatever its contrast.

An image is described by the direction of its edges, not by their height: the
gradient direction with its angle doubled, so that bright beside dark equals
dark beside bright, and its length saturated, so that a vessel filled with
contrast weighs like one that is not (normalised gradient field, Haber and
Modersitzki 2006).
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from privacy_audit.images.body_grid import GRID, BodyGrid

_SMOOTHING = 1.5
_SKIN = 2


@dataclasses.dataclass(frozen=True)
class EdgeMap:
    """Directions of an image's edges.

    Attributes:
        directions: (slabs, 2, GRID, GRID), float32: cosine and sine of twice
            the direction, times the saturated strength; zero outside the body.
    """

    directions: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Placement:
    """How a map is turned and scaled about its middle, and averaged into cells.

    Attributes:
        matrix: (cells * cells, GRID * GRID), from grid points to cells.
        cells: rows and columns of the result.
        angle_degrees: rotation, from the row axis to the column axis.
    """

    matrix: sparse.csr_matrix
    cells: int
    angle_degrees: float


def map_edges(grid: BodyGrid) -> EdgeMap:
    """Give the directions of an image's edges.

    The skin itself is left out: all bodies have one.

    Args:
        grid: the image on the common grid.
    """
    by_row = ndimage.gaussian_filter(grid.values, (0, _SMOOTHING, _SMOOTHING), order=(0, 1, 0))
    by_column = ndimage.gaussian_filter(grid.values, (0, _SMOOTHING, _SMOOTHING), order=(0, 0, 1))
    inside = ndimage.binary_erosion(grid.body, np.ones((1, 3, 3)), iterations=_SKIN)
    strength = by_row**2 + by_column**2
    usual = float(np.median(strength[inside])) if inside.any() else 0.0
    # A body of one single value has no edges; the tiny term keeps the division defined.
    weight = inside / (strength + usual + 1e-12)
    cosine = (by_column**2 - by_row**2) * weight
    sine = 2 * by_row * by_column * weight
    return EdgeMap(np.stack([cosine, sine], axis=1).astype(np.float32))


def build_placement(angle_degrees: float, scale: float, cells: int) -> Placement:
    """Give the matrix that turns and scales a grid about its middle and averages it into cells.

    Args:
        angle_degrees: rotation, from the row axis to the column axis.
        scale: above 1 enlarges.
        cells: rows and columns of the result; GRID is a multiple of it.
    """
    angle = np.deg2rad(angle_degrees)
    middle = (GRID - 1) / 2
    row, column = np.mgrid[0:GRID, 0:GRID].reshape(2, -1)
    across, along = (row - middle) / scale, (column - middle) / scale
    from_row = middle + np.cos(angle) * across + np.sin(angle) * along
    from_column = middle - np.sin(angle) * across + np.cos(angle) * along
    cell = (row * cells // GRID) * cells + column * cells // GRID
    share = (cells / GRID) ** 2
    low_row, low_column = np.floor(from_row).astype(int), np.floor(from_column).astype(int)
    targets, points, weights = [], [], []
    for up in (0, 1):
        for right in (0, 1):
            at_row, at_column = low_row + up, low_column + right
            weight = (1 - np.abs(from_row - at_row)) * (1 - np.abs(from_column - at_column))
            inside = (at_row >= 0) & (at_row < GRID) & (at_column >= 0) & (at_column < GRID)
            targets.append(cell[inside])
            points.append((at_row * GRID + at_column)[inside])
            weights.append((share * weight)[inside])
    entries = (np.concatenate(weights), (np.concatenate(targets), np.concatenate(points)))
    matrix = sparse.csr_matrix(entries, shape=(cells**2, GRID**2), dtype=np.float32)
    return Placement(matrix, cells, angle_degrees)


def place(edges: EdgeMap, placement: Placement) -> NDArray[np.float32]:
    """Turn and scale an edge map: its places by the matrix, its doubled directions twice as far.

    Args:
        edges: the map.
        placement: how.

    Returns:
        (slabs, 2, cells, cells), a new array.
    """
    slabs = edges.directions.shape[0]
    flat = edges.directions.reshape(slabs * 2, GRID**2)
    placed = np.asarray((placement.matrix @ flat.T).T, dtype=np.float32)
    placed = placed.reshape(slabs, 2, placement.cells, placement.cells)
    turn = 2 * np.deg2rad(placement.angle_degrees)
    if turn == 0:
        return np.ascontiguousarray(placed)
    cosine, sine = placed[:, 0], placed[:, 1]
    turned = [
        np.cos(turn) * cosine - np.sin(turn) * sine,
        np.sin(turn) * cosine + np.cos(turn) * sine,
    ]
    return np.stack(turned, axis=1).astype(np.float32)


def mirror(
    cells: NDArray[np.float32], *, rows_flipped: bool, columns_flipped: bool
) -> NDArray[np.float32]:
    """Mirror the places of a map; one mirror also negates the sine of the doubled direction.

    Args:
        cells: (slabs, 2, cells, cells).
        rows_flipped: whether front and back are exchanged.
        columns_flipped: whether left and right are exchanged.

    Returns:
        A new array of the same shape.
    """
    if rows_flipped:
        cells = cells[:, :, ::-1, :]
    if columns_flipped:
        cells = cells[:, :, :, ::-1]
    sine_sign = -1.0 if rows_flipped != columns_flipped else 1.0
    return cells * np.array([1.0, sine_sign], dtype=np.float32)[:, np.newaxis, np.newaxis]
