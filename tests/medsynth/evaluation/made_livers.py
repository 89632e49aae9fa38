"""Made-up livers with lesions, for the tests of what survives a translation."""

import numpy as np
from numpy.typing import NDArray

from medsynth.evaluation.fidelity import TranslatedScan
from medsynth.evaluation.organs import organ_table

SHAPE = (16, 56, 56)
SPACING_MM = (4.0, 2.5, 2.5)
ORGANS = organ_table({1: "liver", 2: "lesion", 3: "bone"})
NOISE_HU = 8.0


def ball(place: tuple[int, int, int], radius_mm: float) -> NDArray[np.bool_]:
    """Mark a ball around a voxel."""
    at = np.indices(SHAPE).T - np.array(place)
    inside = ((at * np.array(SPACING_MM)) ** 2).sum(axis=-1) <= radius_mm**2
    return np.asarray(inside.T, dtype=np.bool_)


def noise(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, NOISE_HU, SHAPE)


def liver_labels(lesion: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Give a liver that fills most of the slice, and a lesion."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[:, 4:52, 4:52] = 1
    labels[lesion] = 2
    return labels


def liver_hu(
    lesion: NDArray[np.bool_], *, liver: float, contrast: float, seed: int = 0
) -> NDArray[np.float32]:
    """Give a liver in fat with a lesion of some contrast, and noise."""
    hu = np.full(SHAPE, -90.0)
    hu[:, 4:52, 4:52] = liver
    hu[lesion] += contrast
    return (hu + noise(seed)).astype(np.float32)


def liver_scan(
    synthetic_hu: NDArray[np.float32],
    lesion: NDArray[np.bool_],
    *,
    truth_contrast: float | None = -20.0,
) -> TranslatedScan:
    """Give a scan whose lesion is 45 HU below an enhanced liver of 110 HU."""
    return TranslatedScan(
        patient="p",
        input_hu=liver_hu(lesion, liver=110, contrast=-45),
        synthetic_hu=synthetic_hu,
        labels=liver_labels(lesion),
        truth_hu=(
            None if truth_contrast is None else liver_hu(lesion, liver=55, contrast=truth_contrast)
        ),
        spacing_slice_row_column_mm=SPACING_MM,
    )
