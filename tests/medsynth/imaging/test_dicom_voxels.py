import numpy as np
import pytest

from medsynth.errors import ImageError
from medsynth.imaging.dicom_voxels import (
    air_histogram,
    is_hounsfield_scale,
    padding_mask,
    stored_to_hounsfield,
    to_kept_range,
)


def test_hounsfield_units_are_slope_times_stored_plus_intercept() -> None:
    stored = np.array([[0, 512, 2000]], dtype=np.uint16)
    # 0.5 * 0 - 1000, 0.5 * 512 - 1000, 0.5 * 2000 - 1000
    assert stored_to_hounsfield(stored, 0.5, -1000.0).tolist() == [[-1000.0, -744.0, 0.0]]


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_that_is_no_scale_is_refused(slope: float) -> None:
    with pytest.raises(ImageError, match="Rescale Slope"):
        stored_to_hounsfield(np.zeros((2, 2), dtype=np.int16), slope, 0.0)


def test_a_slice_that_is_not_two_dimensional_is_refused() -> None:
    with pytest.raises(ImageError, match="rows, columns"):
        stored_to_hounsfield(np.zeros((2, 2, 3), dtype=np.int16), 1.0, 0.0)


def test_values_below_air_are_padding() -> None:
    slice_hu = np.array([[-3024.0, -2000.0, -1024.0, 40.0]], dtype=np.float32)
    mask = padding_mask(slice_hu.astype(np.int16), slice_hu, None)
    assert mask.tolist() == [[True, True, False, False]]


def test_a_named_padding_value_above_the_range_of_hu_becomes_air() -> None:
    stored = np.array([[63536, 1064]], dtype=np.uint16)
    slice_hu = stored_to_hounsfield(stored, 1.0, -1024.0)
    mask = padding_mask(stored, slice_hu, 63536)
    # 1064 - 1024 = 40 HU stays.
    assert to_kept_range(slice_hu, mask).tolist() == [[-1024, 40]]


def test_a_named_padding_value_that_is_water_is_not_believed() -> None:
    slice_hu = np.array([[0.0, 50.0]], dtype=np.float32)
    assert not padding_mask(slice_hu.astype(np.int16), slice_hu, 0).any()


def test_kept_range_clips_metal_and_rounds() -> None:
    slice_hu = np.array([[12000.0, 40.6, -1000.4]], dtype=np.float32)
    kept = to_kept_range(slice_hu, np.zeros((1, 3), dtype=np.bool_))
    assert kept.dtype == np.int16
    assert kept.tolist() == [[3071, 41, -1000]]


@pytest.mark.parametrize(
    ("air_hu", "expected"),
    [(-1024.0, True), (-1000.0, True), (-950.0, True), (-1150.0, False), (-800.0, False)],
)
def test_hounsfield_scale_is_known_by_its_air(air_hu: float, expected: bool) -> None:
    slice_hu = np.full((10, 10), air_hu, dtype=np.float32)
    slice_hu[3:6] = 40.0
    assert is_hounsfield_scale(air_histogram(slice_hu), slice_hu.size) is expected


def test_stored_values_without_rescale_are_not_hounsfield_units() -> None:
    stored = np.array([[0.0, 24.0, 1064.0]], dtype=np.float32)
    assert not is_hounsfield_scale(air_histogram(stored), stored.size)
