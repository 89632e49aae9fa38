"""What becomes of lesions."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.evaluation.lesions import LesionFate, LesionReading, is_lesion_name, read_lesions
from tests.medsynth.evaluation.made_livers import (
    ORGANS,
    ball,
    liver_hu,
    liver_scan,
)

LESION = ball((8, 28, 28), 11.0)


def read(
    synthetic_hu: NDArray[np.float32],
    *,
    truth_contrast: float | None = -20.0,
    lesion: NDArray[np.bool_] = LESION,
) -> LesionReading:
    """Give the reading of the one lesion."""
    readings = read_lesions(liver_scan(synthetic_hu, lesion, truth_contrast=truth_contrast), ORGANS)
    assert len(readings) == 1
    return readings[0]


def test_the_truth_itself_keeps_its_lesion() -> None:
    reading = read(liver_hu(LESION, liver=55, contrast=-20))
    assert reading.fate is LesionFate.KEPT
    assert reading.contrast_ratio == 1.0
    assert reading.volume_ratio == 1.0
    assert reading.organ == "liver"
    assert abs((reading.truth_contrast_hu or 0.0) + 20.0) < 3.0


def test_a_lesion_of_the_truths_contrast_under_other_noise_is_kept() -> None:
    other = liver_hu(LESION, liver=60, contrast=-20, seed=5)
    assert read(other).fate is LesionFate.KEPT


def test_a_lesion_that_is_filled_in_is_lost() -> None:
    assert read(liver_hu(LESION, liver=55, contrast=0)).fate is LesionFate.LOST


def test_a_lesion_that_is_smoothed_away_is_lost() -> None:
    smooth = ndimage.gaussian_filter(liver_hu(LESION, liver=55, contrast=-20), (3, 5, 5))
    assert read(smooth).fate is LesionFate.LOST


def test_a_lesion_that_turns_bright_is_lost() -> None:
    assert read(liver_hu(LESION, liver=55, contrast=20)).fate is LesionFate.LOST


def test_a_lesion_as_dark_as_in_the_enhanced_scan_is_lost() -> None:
    # -45 HU is more than twice the truth's -20.
    assert read(liver_hu(LESION, liver=55, contrast=-45)).fate is LesionFate.LOST


def test_a_lesion_that_shrinks_to_its_middle_is_lost() -> None:
    # Radius 6.5 instead of 11 mm: (6.5 / 11)^3 = 0.21 of the volume.
    middle = ball((8, 28, 28), 6.5)
    reading = read(liver_hu(middle, liver=55, contrast=-20))
    assert reading.fate is LesionFate.LOST
    assert reading.volume_ratio is not None
    assert reading.volume_ratio < 0.5


def test_a_lesion_that_the_truth_does_not_show_is_not_judged() -> None:
    erased = liver_hu(LESION, liver=55, contrast=0)
    assert read(erased, truth_contrast=-1.0).fate is LesionFate.UNDETECTABLE


def test_without_truth_a_lesion_is_read_but_not_judged() -> None:
    visible = read(liver_hu(LESION, liver=55, contrast=-20), truth_contrast=None)
    erased = read(liver_hu(LESION, liver=55, contrast=0), truth_contrast=None)
    assert visible.fate is LesionFate.NO_TRUTH
    assert visible.truth_contrast_hu is None
    assert (visible.is_visible_in_output, erased.is_visible_in_output) == (True, False)


def test_a_lesion_of_a_few_voxels_is_too_small() -> None:
    tiny = np.zeros(LESION.shape, dtype=np.bool_)
    tiny[8, 28, 26:29] = True
    assert read(liver_hu(tiny, liver=55, contrast=-20), lesion=tiny).fate is LesionFate.TOO_SMALL


def test_two_lesions_are_read_apart() -> None:
    second = ball((8, 40, 14), 8.0)
    kept_first = liver_hu(LESION, liver=55, contrast=-20)
    scan = liver_scan(kept_first, LESION | second)
    fates = sorted(reading.fate.value for reading in read_lesions(scan, ORGANS))
    assert fates == ["kept", "lost"]


def test_names_of_lesions_are_recognised() -> None:
    assert is_lesion_name("liver_tumor")
    assert is_lesion_name("Kidney cyst left")
    assert not is_lesion_name("liver")
