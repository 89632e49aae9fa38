import numpy as np

from medsynth.imaging.geometry import (
    labels_to_training_grid,
    resample_in_plane,
    resampling_matrix,
    to_training_grid,
)


def test_equal_grids_lose_nothing() -> None:
    assert np.array_equal(resampling_matrix(5, 2.8, 5, 2.8), np.eye(5))
    values = np.random.default_rng(0).normal(0, 300, (2, 6, 6)).astype(np.float32)
    same = to_training_grid(values, (2.8, 2.8), matrix=6, spacing_mm=2.8)
    assert np.allclose(same, values, atol=1e-3)


def test_coarser_grid_averages_with_a_widened_triangle() -> None:
    # Centres at -1.5, -0.5, 0.5, 1.5 and at -1, 1; weights 1 - distance / 2, then divided by
    # their sum: from -1 the distances are 0.5, 0.5, 1.5, 2.5: weights 0.75, 0.75, 0.25, 0.
    expected = np.array([[0.75, 0.75, 0.25, 0.0], [0.0, 0.25, 0.75, 0.75]]) / 1.75
    assert np.allclose(resampling_matrix(4, 1.0, 2, 2.0), expected)


def test_rows_sum_to_one_or_are_empty_outside() -> None:
    matrix = resampling_matrix(4, 1.0, 12, 1.0)
    assert set(np.round(matrix.sum(axis=1), 6).tolist()) == {0.0, 1.0}
    # Eight of the twelve points lie beyond the four samples.
    assert int((matrix.sum(axis=1) == 0).sum()) == 8


def test_beyond_the_scan_there_is_air() -> None:
    even = np.full((1, 4, 4), 40.0, dtype=np.float32)
    padded = to_training_grid(even, (1.0, 1.0), matrix=8, spacing_mm=1.0)
    assert np.allclose(padded[0, 2:6, 2:6], 40.0, atol=1e-3)
    assert padded[0, 0, 0] == -1024.0


def test_rows_and_columns_are_not_mixed_up() -> None:
    values = np.zeros((1, 2, 4), dtype=np.float32)
    values[0, 1, :] = 10.0
    finer = resample_in_plane(
        values, (2.0, 1.0), shape_out=(4, 4), spacing_out_mm=(1.0, 1.0), outside=0.0
    )
    assert finer.shape == (1, 4, 4)
    # Row centres at -1.5, -0.5, 0.5, 1.5 between samples at -1 and 1.
    assert np.allclose(finer[0, :, 0], [0.0, 2.5, 7.5, 10.0])


def test_labels_keep_their_values() -> None:
    labels = np.array([[[1, 2], [3, 4]]], dtype=np.uint8)
    finer = labels_to_training_grid(labels, (2.0, 2.0), matrix=4, spacing_mm=1.0)
    assert set(np.unique(finer).tolist()) <= {1, 2, 3, 4}
    assert finer[0, 0, 0] == 1
    assert finer[0, 3, 3] == 4
    wider = labels_to_training_grid(labels, (1.0, 1.0), matrix=6, spacing_mm=1.0)
    assert int((wider > 0).sum()) == 4
