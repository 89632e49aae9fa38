import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import ImageError
from medsynth.imaging.dicom_voxels import (
    Rescale,
    air_histogram,
    is_hounsfield_scale,
    keep_slice,
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
    slice_hu = np.array([[-3024.0, -2000.0, -1024.0, 40.0]], dtype=np.float64)
    mask = padding_mask(slice_hu.astype(np.int16), slice_hu, None)
    assert mask.tolist() == [[True, True, False, False]]


def test_a_named_padding_value_above_the_range_of_hu_becomes_air() -> None:
    stored = np.array([[63536, 1064]], dtype=np.uint16)
    slice_hu = stored_to_hounsfield(stored, 1.0, -1024.0)
    mask = padding_mask(stored, slice_hu, (63536, 63536))
    # 1064 - 1024 = 40 HU stays.
    assert to_kept_range(slice_hu, mask).tolist() == [[-1024, 40]]


def test_a_named_padding_value_that_is_water_is_not_believed() -> None:
    slice_hu = np.array([[0.0, 50.0]], dtype=np.float64)
    assert not padding_mask(slice_hu.astype(np.int16), slice_hu, (0, 0)).any()


def test_kept_range_clips_metal_and_rounds() -> None:
    slice_hu = np.array([[12000.0, 40.6, -1000.4]], dtype=np.float64)
    kept = to_kept_range(slice_hu, np.zeros((1, 3), dtype=np.bool_))
    assert kept.dtype == np.int16
    assert kept.tolist() == [[3071, 41, -1000]]


@pytest.mark.parametrize(
    ("air_hu", "expected"),
    [(-1024.0, True), (-1000.0, True), (-950.0, True), (-1150.0, False), (-800.0, False)],
)
def test_hounsfield_scale_is_known_by_its_air(air_hu: float, expected: bool) -> None:
    slice_hu = np.full((10, 10), air_hu, dtype=np.float64)
    slice_hu[3:6] = 40.0
    assert is_hounsfield_scale(air_histogram(slice_hu), slice_hu.size) is expected


def test_stored_values_without_rescale_are_not_hounsfield_units() -> None:
    stored = np.array([[0.0, 24.0, 1064.0]], dtype=np.float64)
    assert not is_hounsfield_scale(air_histogram(stored), stored.size)


def round_scan(inside: int, outside: int) -> NDArray[np.int16]:
    """Give 32 x 32 stored values: body in air in a circle, and one value outside it."""
    row, column = np.mgrid[:32, :32] - 15.5
    distance = np.hypot(row, column)
    return np.where(distance > 16, outside, np.where(distance < 10, inside, -1000)).astype(np.int16)


def test_whole_numbers_and_fractions_give_the_same_units() -> None:
    stored = np.arange(-2000, 4000, 7, dtype=np.int16).reshape(2, -1)
    whole = keep_slice(stored, Rescale(2.0, -24.0))
    fraction = keep_slice(stored, Rescale(2.0, -24.0 + 1e-9))
    assert np.array_equal(whole.values_hu, fraction.values_hu)
    assert whole.air_counts.sum() > 0


def test_the_largest_stored_value_does_not_overflow() -> None:
    stored = np.array([[65535, 0]], dtype=np.uint16)
    # 3 * 65535 - 1024 is far above 3071.
    assert stored_to_hounsfield(stored, 3.0, -1024.0).tolist() == [[195581, -1024]]
    assert keep_slice(stored, Rescale(3.0, -1024.0)).values_hu.tolist() == [[3071, -1024]]


def test_padding_of_minus_2000_becomes_air_and_not_minus_3024() -> None:
    stored = np.array([[-2000, 1064], [0, 24]], dtype=np.int16)
    kept = keep_slice(stored, Rescale(1.0, -1024.0, (-2000, -2000)))
    assert kept.values_hu.tolist() == [[-1024, 40], [-1024, -1000]]


def test_a_range_of_padding_values_becomes_air() -> None:
    stored = np.array([[-1300, -1250, -1200, 40]], dtype=np.int16)
    mask = padding_mask(stored, stored.astype(np.int32), (-1300, -1250))
    assert mask.tolist() == [[True, True, True, False]]
    bright = np.array([[5000, 6000, 7000, 40]], dtype=np.int16)
    assert padding_mask(bright, bright.astype(np.int32), (5000, 6000)).tolist() == [
        [True, True, False, False]
    ]


def test_named_padding_is_not_counted_as_air() -> None:
    stored = np.full((20, 20), -1200, dtype=np.int16)
    stored[5:15, 5:15] = -1000
    named = keep_slice(stored, Rescale(1.0, 0.0, (-1200, -1200)))
    assert int(named.air_counts.sum()) == 100
    assert is_hounsfield_scale(named.air_counts, stored.size)
    unnamed = keep_slice(stored, Rescale(1.0, 0.0))
    assert not is_hounsfield_scale(unnamed.air_counts, stored.size)


def test_padding_named_as_water_is_believed_in_the_corners_alone() -> None:
    stored = round_scan(inside=0, outside=0)
    kept = keep_slice(stored, Rescale(1.0, 0.0, (0, 0)))
    assert kept.values_hu[0, 0] == -1024
    # The body of 0 HU in the middle does not touch the corners.
    assert kept.values_hu[15, 15] == 0
    assert not kept.has_unmapped_padding


@pytest.mark.parametrize(
    ("outside", "expected"), [(0, True), (5000, True), (-1000, False), (-2000, False)]
)
def test_a_constant_outside_the_circle_that_is_no_air_is_found(
    outside: int, expected: bool
) -> None:
    kept = keep_slice(round_scan(inside=40, outside=outside), Rescale(1.0, 0.0))
    assert kept.has_unmapped_padding is expected


def test_noise_in_the_corners_is_not_padding() -> None:
    stored = round_scan(inside=40, outside=0)
    stored[:6, :6] = np.random.default_rng(1).integers(-9, 9, (6, 6))
    stored[0, 0] = 0
    assert not keep_slice(stored, Rescale(1.0, 0.0)).has_unmapped_padding
