import numpy as np
import pytest

from medsynth.imaging.round_grid import round_grid
from medsynth.imaging.volume import Volume, axial_affine


def _volume(spacing_mm: tuple[float, float, float]) -> Volume:
    row = np.arange(64, dtype=np.int16)
    voxels = np.broadcast_to(10 * row[:, np.newaxis], (3, 64, 64)).copy()
    return Volume(voxels, axial_affine(spacing_mm))


def test_round_spacing_keeps_every_voxel() -> None:
    volume = _volume((5.0, 0.8, 0.8))
    grid = round_grid(volume)
    np.testing.assert_array_equal(grid.resampled(volume.voxels_hu), volume.voxels_hu)
    assert grid.spacing_mm == (5.0, 0.8, 0.8)


def test_odd_spacing_becomes_the_nearest_tenth_over_the_same_field_of_view() -> None:
    grid = round_grid(_volume((5.0, 0.742, 0.858)))
    assert grid.spacing_mm == (5.0, 0.7, 0.9)
    # 64 * 0.742 / 0.7 and 64 * 0.858 / 0.9
    assert grid.shape == (68, 61)
    np.testing.assert_allclose(np.diag(grid.affine)[:3], np.diag(axial_affine((5.0, 0.7, 0.9)))[:3])


def test_resampled_values_stay_where_they_were_in_the_body() -> None:
    volume = _volume((5.0, 0.742, 0.742))
    grid = round_grid(volume)
    made = grid.resampled(volume.voxels_hu)
    # A ramp of 10 HU a row: the middle row of either grid shows the same place.
    middle = made[1, 33:35, 34].mean()
    assert middle == pytest.approx(10 * 31.5, abs=1.0)
    assert np.diff(made[1, 10:50, 34]).mean() == pytest.approx(10 * 0.7 / 0.742, abs=0.1)


def test_resampled_labels_hold_no_value_that_was_not_there() -> None:
    volume = _volume((5.0, 0.742, 0.742))
    labels = np.zeros((3, 64, 64), dtype=np.uint8)
    labels[:, 20:40, 20:40] = 7
    labels[:, 40:50, 20:40] = 3
    grid = round_grid(volume)
    made = grid.resampled_labels(labels)
    assert set(np.unique(made)) == {0, 3, 7}
    area = (made == 7).sum() * 0.7**2 / ((labels == 7).sum() * 0.742**2)
    assert area == pytest.approx(1.0, abs=0.05)
