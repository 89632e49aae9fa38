"""Resampling within the slice, and back.

Every function here is linear and separable: one matrix for rows, one for
columns. Where grids are equal the matrices are the identity, so nothing is lost.
"""

import numpy as np
from numpy.typing import NDArray

from medsynth.imaging.volume import AIR_HU


def resampling_matrix(
    length_in: int, spacing_in: float, length_out: int, spacing_out: float
) -> NDArray[np.float32]:
    """Give the matrix that resamples a line onto another with the same centre.

    Linear interpolation when the output is finer; when it is coarser the
    triangle widens to the output spacing, so that no noise folds back.
    Output points outside the input's extent have a row of zeros.

    Args:
        length_in: number of input samples.
        spacing_in: distance between input samples, mm.
        length_out: number of output samples.
        spacing_out: distance between output samples, mm.

    Returns:
        (length_out, length_in), float32; each row sums to 1 or is all zero.

    Source: own derivation; the widened triangle is the usual anti-aliasing of image scaling.

    Example:
        >>> resampling_matrix(2, 1.0, 3, 0.5).tolist()
        [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    position_in = (np.arange(length_in) - (length_in - 1) / 2) * spacing_in
    position_out = (np.arange(length_out) - (length_out - 1) / 2) * spacing_out
    width = max(spacing_in, spacing_out)
    distance = np.abs(position_out[:, None] - position_in[None, :])
    weight = np.clip(1.0 - distance / width, 0.0, None)
    # A sample reaches half a spacing to each side; beyond that there is no data.
    inside = np.abs(position_out) <= length_in * spacing_in / 2 + 1e-6
    total = weight.sum(axis=1)
    usable = inside & (total > 0)
    matrix = np.zeros((length_out, length_in), dtype=np.float32)
    matrix[usable] = weight[usable] / total[usable, None]
    return matrix


def resample_in_plane(
    values: NDArray[np.float32],
    spacing_row_column_mm: tuple[float, float],
    *,
    shape_out: tuple[int, int],
    spacing_out_mm: tuple[float, float],
    outside: float,
) -> NDArray[np.float32]:
    """Resample every slice onto a grid with the same centre.

    Args:
        values: (slices, rows, columns), float32.
        spacing_row_column_mm: the input's spacing, mm.
        shape_out: rows and columns wanted.
        spacing_out_mm: row and column spacing wanted, mm.
        outside: value where the output reaches beyond the input.

    Returns:
        (slices, shape_out[0], shape_out[1]), float32, a new array.
    """
    _, rows, columns = values.shape
    across_rows = resampling_matrix(rows, spacing_row_column_mm[0], shape_out[0], spacing_out_mm[0])
    across_columns = resampling_matrix(
        columns, spacing_row_column_mm[1], shape_out[1], spacing_out_mm[1]
    )
    shifted = values - np.float32(outside)
    return np.asarray(across_rows @ shifted @ across_columns.T + np.float32(outside))


def resample_labels_in_plane(
    labels: NDArray[np.uint8],
    spacing_row_column_mm: tuple[float, float],
    *,
    shape_out: tuple[int, int],
    spacing_out_mm: tuple[float, float],
) -> NDArray[np.uint8]:
    """Resample a label map by the nearest voxel; zero outside.

    Args:
        labels: (slices, rows, columns), uint8.
        spacing_row_column_mm: the input's spacing, mm.
        shape_out: rows and columns wanted.
        spacing_out_mm: row and column spacing wanted, mm.

    Returns:
        (slices, shape_out[0], shape_out[1]), uint8, a new array.
    """
    _, rows, columns = labels.shape
    row, row_inside = _nearest(rows, spacing_row_column_mm[0], shape_out[0], spacing_out_mm[0])
    column, column_inside = _nearest(
        columns, spacing_row_column_mm[1], shape_out[1], spacing_out_mm[1]
    )
    resampled = labels[:, row][:, :, column]
    return np.where(row_inside[:, None] & column_inside[None, :], resampled, np.uint8(0))


def to_training_grid(
    voxels_hu: NDArray[np.float32],
    spacing_row_column_mm: tuple[float, float],
    *,
    matrix: int,
    spacing_mm: float,
) -> NDArray[np.float32]:
    """Resample slices onto the square grid that networks are trained on.

    Args:
        voxels_hu: (slices, rows, columns), float32, HU.
        spacing_row_column_mm: the input's spacing, mm.
        matrix: rows and columns of the training grid.
        spacing_mm: spacing of the training grid, mm.

    Returns:
        (slices, matrix, matrix), float32, HU; air where the scan does not reach.
    """
    return resample_in_plane(
        voxels_hu,
        spacing_row_column_mm,
        shape_out=(matrix, matrix),
        spacing_out_mm=(spacing_mm, spacing_mm),
        outside=AIR_HU,
    )


def labels_to_training_grid(
    labels: NDArray[np.uint8],
    spacing_row_column_mm: tuple[float, float],
    *,
    matrix: int,
    spacing_mm: float,
) -> NDArray[np.uint8]:
    """Resample labels onto the grid of `to_training_grid`.

    Args:
        labels: (slices, rows, columns), uint8.
        spacing_row_column_mm: the input's spacing, mm.
        matrix: rows and columns of the training grid.
        spacing_mm: spacing of the training grid, mm.

    Returns:
        (slices, matrix, matrix), uint8.
    """
    return resample_labels_in_plane(
        labels,
        spacing_row_column_mm,
        shape_out=(matrix, matrix),
        spacing_out_mm=(spacing_mm, spacing_mm),
    )


def _nearest(
    length_in: int, spacing_in: float, length_out: int, spacing_out: float
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    position = (np.arange(length_out) - (length_out - 1) / 2) * spacing_out
    index = np.rint(position / spacing_in + (length_in - 1) / 2).astype(np.intp)
    inside = (index >= 0) & (index < length_in)
    return np.clip(index, 0, length_in - 1), inside
