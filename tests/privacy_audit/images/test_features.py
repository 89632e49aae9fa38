from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.images.features import (
    GROUPS,
    FeatureTable,
    average_by_patient,
    columns_of,
    describe_images,
    describe_pixels,
    standardise,
)
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import AuditImage
from tests.privacy_audit.conftest import Body
from tests.privacy_audit.made_up_cohort import FEATURES, scan_with


def _describe(scan: NDArray[np.float32], gap_mm: float | None = None) -> NDArray[np.float64]:
    return describe_pixels(Pixels(scan, gap_mm), "s")


def _change(group: str, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.abs((first - second)[columns_of((group,))]).max())


def test_every_number_is_in_one_group_and_finite(body: Body) -> None:
    numbers = _describe(body(0, slices=3), 5.0)
    assert numbers.shape == (sum(GROUPS.values()),)
    assert np.isfinite(numbers).all()
    assert sorted(columns_of(tuple(GROUPS))) == list(range(FEATURES))


def test_larger_body_changes_the_size_and_hardly_the_rest(body: Body) -> None:
    small, large = scan_with(0, size=0.8), scan_with(0, size=1.2)
    rise = _describe(large)[columns_of(("size",))] - _describe(small)[columns_of(("size",))]
    # Area by (1.2 / 0.8)^2, height and width by 1.2 / 0.8, their ratio and evenness by nothing.
    expected = [2 * np.log(1.5), np.log(1.5), np.log(1.5), 0.0, 0.0]
    assert rise == pytest.approx(expected, abs=0.06)


def test_brightness_moves_with_the_values_and_edges_do_not(body: Body) -> None:
    plain, brighter = body(0), body(0)
    brighter[brighter > -900] += 100
    first, second = _describe(plain), _describe(brighter)
    rise = (second - first)[columns_of(("brightness",))]
    # Seven quantiles and the mean rise by 100; spread and noise stay.
    assert rise[:8] == pytest.approx(np.full(8, 100.0), abs=8)
    assert rise[8:] == pytest.approx(np.zeros(2), abs=8)
    assert _change("edges", first, second) < 0.02


def test_inverted_contrast_keeps_edges_and_not_the_layout(body: Body) -> None:
    first, second = _describe(body(0)), _describe(body(0, invert=True))
    other = _describe(body(1))
    assert _change("edges", first, second) < 0.3 * _change("edges", first, other)
    assert _change("layout", first, second) > 0.5 * _change("layout", first, other)


def test_same_volume_with_twice_the_slices_is_described_alike(body: Body) -> None:
    # Slabs are 10 mm, so that 6 slices of 10 mm and 12 of 5 mm are the same slabs.
    volume = body(0, slices=6)
    first, second = _describe(volume, 10.0), _describe(np.repeat(volume, 2, axis=0), 5.0)
    for group in ("size", "brightness", "layout", "edges"):
        assert _change(group, first, second) < 1e-3, group
    assert second[:4] - first[:4] == pytest.approx([np.log(2), 0, 0, -np.log(2)])


def test_number_of_workers_changes_no_number(tmp_path: Path, body: Body) -> None:
    images = []
    for seed in range(4):
        np.save(tmp_path / f"{seed}.npy", body(seed))
        images.append(AuditImage(f"{seed}", f"{seed}", (tmp_path / f"{seed}.npy",)))
    alone, together = describe_images(images, 1), describe_images(images, 3)
    assert np.array_equal(alone.values, together.values)
    assert np.array_equal(alone.with_spot, together.with_spot)
    assert not np.array_equal(alone.values, alone.with_spot)


def test_no_images_are_refused() -> None:
    with pytest.raises(AuditError, match="no images to describe"):
        describe_images((), 1)


def test_image_without_a_body_is_refused() -> None:
    with pytest.raises(AuditError, match="Image s shows no body"):
        _describe(np.full((1, 32, 32), -1000.0, dtype=np.float32))


def _table() -> FeatureTable:
    images = tuple(AuditImage(name, name[0], (Path(name),)) for name in ("b1", "a1", "b2"))
    values = np.array([[1.0], [5.0], [3.0]])
    return FeatureTable(images, values, values + 1)


def test_patient_is_the_mean_of_its_images() -> None:
    features = average_by_patient(_table(), None)
    assert features.patients == ("a", "b")
    assert features.values.tolist() == [[5.0], [2.0]]
    assert features.with_spot.tolist() == [[6.0], [3.0]]


def test_source_map_says_whose_image_it_is() -> None:
    features = average_by_patient(_table(), {"b1": "x", "a1": "x", "b2": "y"})
    assert features.patients == ("x", "y")
    assert features.values.tolist() == [[3.0], [3.0]]


def test_image_that_is_not_in_the_map_is_refused() -> None:
    with pytest.raises(AuditError, match="Image a1 is not in the source map"):
        average_by_patient(_table(), {"b1": "x"})


def test_standardised_features_have_mean_0_and_spread_1_and_constants_are_0() -> None:
    like = np.array([[1.0, 7.0], [3.0, 7.0]])
    # Mean 2, spread 1: 2.5 is at 0.5, and 100 is held at 4.
    scaled = standardise(np.array([[2.5, 7.0], [100.0, 9.0]]), like)
    assert scaled.tolist() == [[0.5, 0.0], [4.0, 0.0]]
