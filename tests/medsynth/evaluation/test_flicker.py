import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.evaluation.fidelity import TranslatedScan
from medsynth.evaluation.flicker import flicker_hu, measure_flicker
from medsynth.evaluation.organs import organ_table

_ORGANS = organ_table({1: "liver", 2: "bone"})


def _scan(
    synthetic_hu: NDArray[np.float32], truth_hu: NDArray[np.float32] | None = None
) -> TranslatedScan:
    labels = np.zeros(synthetic_hu.shape, dtype=np.uint8)
    labels[:, 2:-2, 2:-2] = 1
    labels[:, :2] = 2
    return TranslatedScan("p1", _noise(), synthetic_hu, labels, truth_hu, (5.0, 3.0, 3.0))


def _noise() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(50, 10, (6, 24, 24)).astype(np.float32)


def test_flicker_is_the_mean_jump_between_slices() -> None:
    values = np.array([0, 4, 2], dtype=np.int16)[:, None, None] * np.ones((1, 10, 10), np.int16)
    # 100 jumps of 4 and 100 of 2.
    assert flicker_hu(values, np.ones(values.shape, dtype=np.bool_)) == 3.0


def test_flicker_of_a_few_voxels_is_not_measured() -> None:
    mask = np.zeros((2, 10, 10), dtype=np.bool_)
    mask[:, :9, :] = True
    assert flicker_hu(np.zeros((2, 10, 10), dtype=np.int16), mask) is None


def test_a_translation_as_even_as_the_truth_has_ratio_one() -> None:
    measured = list(measure_flicker(_scan(_noise() - 30, _noise()), _ORGANS))
    assert [(m.region, m.quantity) for m in measured] == [("liver", "flicker_ratio")]
    assert measured[0].value == pytest.approx(1.0, abs=1e-6)


def test_slices_that_are_darkened_in_turn_raise_the_ratio() -> None:
    stripes = np.where(np.arange(6) % 2 == 0, 20, 0)[:, None, None].astype(np.float32)
    measured = list(measure_flicker(_scan(_noise() - stripes, _noise()), _ORGANS))
    assert measured[0].value > 1.5


def test_a_smeared_translation_lowers_the_ratio() -> None:
    smeared = np.broadcast_to(_noise().mean(axis=0), (6, 24, 24)).astype(np.float32)
    measured = list(measure_flicker(_scan(smeared, _noise()), _ORGANS))
    assert measured[0].value == 0.0


def test_without_truth_the_scan_before_translation_is_the_measure() -> None:
    measured = list(measure_flicker(_scan(_noise() - 30), _ORGANS))
    assert measured[0].value == pytest.approx(1.0, abs=1e-6)


def test_the_margin_of_an_organ_does_not_count() -> None:
    edges = _noise()
    edges[::2, 2] += 500
    measured = list(measure_flicker(_scan(edges, _noise()), _ORGANS))
    assert measured[0].value == pytest.approx(1.0, abs=1e-6)


def test_a_scan_without_labels_has_no_flicker_measured() -> None:
    scan = TranslatedScan("p1", _noise(), _noise(), None, None, (5.0, 3.0, 3.0))
    assert list(measure_flicker(scan, _ORGANS)) == []
