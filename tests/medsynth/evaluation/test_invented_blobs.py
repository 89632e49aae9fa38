"""Blobs that only the translation shows."""

import dataclasses

import numpy as np
import pytest

from medsynth.evaluation.invented_blobs import InventedBlob, find_invented, has_searched_organ
from medsynth.evaluation.organs import organ_table
from tests.medsynth.evaluation.made_livers import (
    ORGANS,
    SPACING_MM,
    ball,
    liver_hu,
    liver_scan,
    noise,
)

LESION = ball((8, 16, 16), 8.0)
BLOB = ball((8, 36, 36), 9.0)
PLAIN = liver_hu(LESION, liver=55, contrast=-20)


def found(synthetic: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[InventedBlob]:
    return list(find_invented(liver_scan(synthetic, LESION), ORGANS))


def test_the_truth_invents_nothing() -> None:
    assert found(PLAIN) == []


def test_other_noise_of_the_same_strength_is_no_invention() -> None:
    assert found(liver_hu(LESION, liver=55, contrast=-20, seed=9)) == []


def test_twice_the_noise_is_no_invention() -> None:
    assert found((PLAIN + 1.5 * noise(4)).astype(np.float32)) == []


@pytest.mark.parametrize("contrast", [-30.0, 30.0])
def test_a_planted_blob_is_found_where_it_is(contrast: float) -> None:
    blobs = found((PLAIN + contrast * BLOB).astype(np.float32))
    assert len(blobs) == 1
    assert blobs[0].organ == "liver"
    off_mm = (np.array(blobs[0].place) - (8, 36, 36)) * np.array(SPACING_MM)
    assert np.linalg.norm(off_mm) < 9.0
    assert blobs[0].contrast_hu == pytest.approx(contrast, rel=0.4)


def test_a_slow_change_of_brightness_is_no_blob() -> None:
    slope = np.linspace(-25, 25, PLAIN.shape[2], dtype=np.float32)
    assert found(PLAIN + slope) == []


def test_what_the_input_shows_is_left_over_and_not_invented() -> None:
    scan = liver_scan((PLAIN + 30 * BLOB).astype(np.float32), LESION)
    shown = dataclasses.replace(scan, input_hu=(scan.input_hu + 60 * BLOB).astype(np.float32))
    assert find_invented(shown, ORGANS) == ()


def test_a_bright_spot_made_dark_is_invented() -> None:
    scan = liver_scan((PLAIN - 30 * BLOB).astype(np.float32), LESION)
    shown = dataclasses.replace(scan, input_hu=(scan.input_hu + 60 * BLOB).astype(np.float32))
    assert len(find_invented(shown, ORGANS)) == 1


def test_a_labelled_lesion_is_no_invention() -> None:
    # The translation makes the lesion far too dark; that is judged elsewhere.
    assert found(liver_hu(LESION, liver=55, contrast=-70)) == []


def test_without_truth_the_input_tells_what_was_there() -> None:
    scan = liver_scan(PLAIN, LESION, truth_contrast=None)
    planted = dataclasses.replace(scan, synthetic_hu=(PLAIN + 30 * BLOB).astype(np.float32))
    assert find_invented(scan, ORGANS) == ()
    assert len(find_invented(planted, ORGANS)) == 1


def test_only_liver_spleen_and_kidney_are_searched() -> None:
    scan = liver_scan(PLAIN, LESION)
    assert has_searched_organ(scan, ORGANS)
    assert not has_searched_organ(scan, organ_table({1: "stomach", 2: "lesion"}))
