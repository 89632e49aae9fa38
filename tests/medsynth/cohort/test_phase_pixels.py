import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.cohort.phase import Phase
from medsynth.cohort.phase_pixels import phase_of_share, pixel_phase
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import render_scan


def abdomen(blood_hu: float, *, spacing_mm: float = 2.5, slices: int = 8) -> Volume:
    """An ellipse of muscle (55 HU) with a round vessel of 25 mm and a liver of 100 mm."""
    size = round(320 / spacing_mm)
    rows, columns = np.mgrid[:size, :size] * spacing_mm - 160
    slice_hu: NDArray[np.float32] = np.full((size, size), -1000, dtype=np.float32)
    slice_hu[(rows / 110) ** 2 + (columns / 140) ** 2 < 1] = 55
    slice_hu[np.hypot(rows, columns + 70) < 50] = 60 + 0.4 * (blood_hu - 40)
    slice_hu[np.hypot(rows - 30, columns) < 12.5] = blood_hu
    noise = np.random.default_rng(3).normal(0, 15, (slices, size, size))
    voxels_hu = (slice_hu + noise).astype(np.int16)
    return Volume(voxels_hu, axial_affine((5.0, spacing_mm, spacing_mm)))


def with_vertebra(volume: Volume) -> Volume:
    """Adds a ring of cortical bone around uneven marrow."""
    size = volume.voxels_hu.shape[1]
    rows, columns = np.mgrid[:size, :size] * 2.5 - 160
    distance = np.hypot(rows - 70, columns)
    marrow = np.random.default_rng(4).normal(180, 120, volume.voxels_hu.shape)
    voxels_hu = np.where(distance < 18, marrow, volume.voxels_hu)
    voxels_hu[:, (distance >= 18) & (distance < 22)] = 700
    return volume.with_voxels(voxels_hu.astype(np.int16))


def test_bright_vessel_and_liver_are_contrast() -> None:
    assert pixel_phase(abdomen(180)).phase == Phase.CONTRAST


def test_even_grey_tissue_is_noncontrast() -> None:
    verdict = pixel_phase(abdomen(40))
    assert (verdict.phase, verdict.confidence) == (Phase.NONCONTRAST, 1.0)


def test_bone_is_not_taken_for_contrast() -> None:
    assert pixel_phase(with_vertebra(abdomen(40))).phase == Phase.NONCONTRAST


def test_a_finer_grid_gives_the_same_verdict() -> None:
    assert pixel_phase(abdomen(180, spacing_mm=1.0)).phase == Phase.CONTRAST
    assert pixel_phase(abdomen(40, spacing_mm=1.0)).phase == Phase.NONCONTRAST


def test_a_volume_without_soft_tissue_is_unknown() -> None:
    air = Volume(np.full((6, 64, 64), -1000, dtype=np.int16), axial_affine((5.0, 2.5, 2.5)))
    verdict = pixel_phase(air)
    assert (verdict.phase, verdict.confidence, verdict.bright_share) == (Phase.UNKNOWN, 0.0, None)


@pytest.mark.parametrize(
    ("share", "phase", "confidence"),
    [
        (0.0, Phase.NONCONTRAST, 1.0),
        (0.02, Phase.NONCONTRAST, 1.0),
        # 0.021 of the 0.035 from doubt to sure.
        (0.034, Phase.NONCONTRAST, 0.6),
        (0.055, Phase.UNKNOWN, 0.0),
        # 0.013 of the 0.065 from doubt to sure.
        (0.068, Phase.UNKNOWN, 0.2),
        # 0.039 of the same 0.065.
        (0.094, Phase.CONTRAST, 0.6),
        (0.5, Phase.CONTRAST, 1.0),
    ],
)
def test_confidence_grows_with_the_distance_from_doubt(
    share: float, phase: Phase, confidence: float
) -> None:
    verdict = phase_of_share(share)
    assert verdict.phase == phase
    assert verdict.confidence == pytest.approx(confidence)


def test_a_made_up_patient_is_told_apart_with_and_without_contrast() -> None:
    scan = render_scan(1, 0, PhantomOptions(slices=12), "contrast")
    assert scan.truth is not None
    assert pixel_phase(scan.volume).phase == Phase.CONTRAST
    assert pixel_phase(scan.truth).phase == Phase.NONCONTRAST
