"""Agreement of Hounsfield units."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import ImageError
from medsynth.evaluation.fidelity import (
    TranslatedScan,
    measure_scan,
    structural_similarity_in_body,
)
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import organ_table

ORGANS = organ_table({1: "liver", 2: "kidney", 3: "kidney"})


def flat_scan() -> TranslatedScan:
    """A body of 20 x 20 pixels at 40 HU in air, with a liver and two kidneys.

    The input is 60 HU too bright in the liver (40 pixels a slice) and 100 HU in
    the kidneys (40 pixels); the translation 6 HU too bright in the liver, and
    2 HU too dark in one kidney and 4 HU too bright in the other (20 pixels each).
    """
    truth_hu = np.full((2, 32, 32), -1024, dtype=np.int16)
    truth_hu[:, 6:26, 6:26] = 40
    labels = np.zeros(truth_hu.shape, dtype=np.uint8)
    labels[:, 10:14, 8:18] = 1
    labels[:, 18:22, 8:13] = 2
    labels[:, 18:22, 15:20] = 3
    return TranslatedScan(
        patient="p0",
        input_hu=brightened(truth_hu, labels, (60, 100, 100)),
        synthetic_hu=brightened(truth_hu, labels, (6, -2, 4)),
        labels=labels,
        truth_hu=truth_hu,
        spacing_slice_row_column_mm=(5.0, 3.0, 3.0),
    )


def brightened(
    truth_hu: NDArray[np.int16], labels: NDArray[np.uint8], by_label_hu: tuple[int, int, int]
) -> NDArray[np.int16]:
    """Give the scan with each label's HU shifted."""
    return truth_hu + np.array([0, *by_label_hu], dtype=np.int16)[labels]


def value(measurements: list[Measurement], region: str | None, quantity: str) -> float:
    """Give the one value of a region and quantity."""
    found = [m.value for m in measurements if m.region == region and m.quantity == quantity]
    assert len(found) == 1
    return found[0]


def test_organ_error_is_the_mean_over_the_organs_voxels() -> None:
    measurements = measure_scan(flat_scan(), ORGANS)
    assert value(measurements, "liver", "mae_hu") == pytest.approx(6.0)
    # Both kidneys are one organ: |-2| and |4| average to 3, -2 and 4 to 1.
    assert value(measurements, "kidney", "mae_hu") == pytest.approx(3.0)
    assert value(measurements, "kidney", "bias_hu") == pytest.approx(1.0)
    assert value(measurements, "kidney", "input_mae_hu") == pytest.approx(100.0)
    assert value(measurements, "kidney", "input_bias_hu") == pytest.approx(100.0)


def test_body_error_is_the_mean_over_the_bodys_voxels() -> None:
    # The corners of a square are rounded off by the opening; count what is left.
    measurements = measure_scan(flat_scan(), ORGANS)
    # Of about 400 pixels: 40 * 6 + 20 * 2 + 20 * 4 = 360 HU, and 40 * 60 + 40 * 100 = 6400 HU.
    assert value(measurements, None, "mae_hu") == pytest.approx(360 / 400, rel=0.05)
    assert value(measurements, None, "input_mae_hu") == pytest.approx(6400 / 400, rel=0.05)
    ratio = value(measurements, None, "mae_hu") / value(measurements, None, "input_mae_hu")
    assert ratio == pytest.approx(360 / 6400)


def test_perfect_translation_has_no_error_and_full_similarity() -> None:
    scan = flat_scan()
    assert scan.truth_hu is not None
    perfect = dataclasses.replace(scan, synthetic_hu=scan.truth_hu)
    measurements = measure_scan(perfect, ORGANS)
    assert value(measurements, None, "mae_hu") == 0.0
    assert value(measurements, None, "ssim") == pytest.approx(1.0)
    assert value(measurements, None, "input_ssim") < 0.9


def test_medians_show_the_organ_before_and_after() -> None:
    measurements = measure_scan(flat_scan(), ORGANS)
    assert value(measurements, "liver", "before_hu") == 100.0
    assert value(measurements, "liver", "after_hu") == 46.0
    assert value(measurements, "liver", "truth_hu") == 40.0


def test_without_truth_no_error_is_claimed() -> None:
    measurements = measure_scan(dataclasses.replace(flat_scan(), truth_hu=None), ORGANS)
    assert {m.quantity for m in measurements} == {"change_hu", "before_hu", "after_hu"}


def test_without_labels_no_organ_is_measured() -> None:
    measurements = measure_scan(dataclasses.replace(flat_scan(), labels=None), ORGANS)
    assert {m.region for m in measurements} == {None}


def test_similarity_does_not_reward_the_air_around_the_body() -> None:
    scan = flat_scan()
    assert scan.truth_hu is not None
    body = np.zeros(scan.truth_hu.shape, dtype=np.bool_)
    body[:, 6:26, 6:26] = True
    everywhere = np.ones_like(body)
    inside = structural_similarity_in_body(scan.input_hu, scan.truth_hu, body)
    assert inside < structural_similarity_in_body(scan.input_hu, scan.truth_hu, everywhere)


def test_scan_on_two_grids_is_refused() -> None:
    scan = flat_scan()
    with pytest.raises(ImageError, match="own grid"):
        dataclasses.replace(scan, synthetic_hu=scan.synthetic_hu[:1])
