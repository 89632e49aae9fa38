import numpy as np
import pytest

from medsynth.cohort.phase import Phase
from medsynth.cohort.phase_pixels import coarse_slices, pixel_phase
from medsynth.cohort.phase_weights import PhaseModel, read_phase_model
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan

ABDOMEN = PhantomOptions(slices=8, slice_mm=18.0)
CHEST = PhantomOptions(slices=8, slice_mm=30.0, region=BodyRegion.CHEST)


@pytest.fixture(scope="module")
def model() -> PhaseModel:
    return read_phase_model()


@pytest.fixture(scope="module")
def abdomen() -> PhantomScan:
    return render_scan(1, 0, ABDOMEN, "contrast")


@pytest.mark.parametrize("options", [ABDOMEN, CHEST], ids=["abdomen", "chest"])
@pytest.mark.parametrize("index", range(4))
def test_a_made_up_patient_is_told_apart_with_and_without_contrast(
    model: PhaseModel, options: PhantomOptions, index: int
) -> None:
    scan = render_scan(11, index, options, "contrast")
    assert scan.truth is not None
    assert pixel_phase(scan.volume, model).phase == Phase.CONTRAST
    assert pixel_phase(scan.truth, model).phase == Phase.NONCONTRAST


def test_contrast_shows_as_more_enhanced_and_less_plain_area(
    model: PhaseModel, abdomen: PhantomScan
) -> None:
    assert abdomen.truth is not None
    enhanced, plain = pixel_phase(abdomen.volume, model), pixel_phase(abdomen.truth, model)
    assert enhanced.enhanced_cm2 is not None
    assert enhanced.plain_cm2 is not None
    assert plain.enhanced_cm2 is not None
    assert plain.plain_cm2 is not None
    assert enhanced.enhanced_cm2 > 5 * plain.enhanced_cm2
    assert plain.plain_cm2 > 5 * enhanced.plain_cm2


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_patient_on_the_side_or_belly_is_judged_alike(
    model: PhaseModel, abdomen: PhantomScan, turns: int
) -> None:
    assert abdomen.truth is not None
    for volume, phase in ((abdomen.volume, Phase.CONTRAST), (abdomen.truth, Phase.NONCONTRAST)):
        turned = volume.with_voxels(np.rot90(volume.voxels_hu, turns, axes=(1, 2)).copy())
        assert pixel_phase(turned, model).phase == phase


def test_a_finer_grid_gives_the_same_verdict(model: PhaseModel, abdomen: PhantomScan) -> None:
    assert abdomen.truth is not None
    for volume, phase in ((abdomen.volume, Phase.CONTRAST), (abdomen.truth, Phase.NONCONTRAST)):
        twice = volume.voxels_hu.repeat(2, axis=1).repeat(2, axis=2)
        fine = Volume(twice, axial_affine((18.0, 1.4, 1.4)))
        assert pixel_phase(fine, model).phase == phase


def test_padding_below_air_changes_nothing(model: PhaseModel, abdomen: PhantomScan) -> None:
    voxels_hu = abdomen.volume.voxels_hu.copy()
    voxels_hu[voxels_hu <= -1000] = -3024
    padded = pixel_phase(abdomen.volume.with_voxels(voxels_hu), model)
    assert padded.confidence == pytest.approx(pixel_phase(abdomen.volume, model).confidence)


def test_slices_without_blood_or_organs_do_not_turn_a_verdict(
    model: PhaseModel, abdomen: PhantomScan
) -> None:
    assert abdomen.truth is not None
    for volume, phase in ((abdomen.volume, Phase.CONTRAST), (abdomen.truth, Phase.NONCONTRAST)):
        air = np.full_like(volume.voxels_hu, -1000)
        longer = Volume(np.concatenate([volume.voxels_hu, air]), volume.affine)
        alone, diluted = pixel_phase(volume, model), pixel_phase(longer, model)
        assert diluted.phase == phase
        assert diluted.confidence == pytest.approx(alone.confidence, abs=0.05)


def test_oral_contrast_alone_is_not_taken_for_contrast(
    model: PhaseModel, abdomen: PhantomScan
) -> None:
    assert abdomen.truth is not None
    voxels_hu = abdomen.truth.voxels_hu.copy()
    # Stomach and bowel filled to 300 HU, walls and gas left as they are.
    is_content = np.isin(abdomen.labels, (8, 9)) & (voxels_hu > -100)
    assert is_content.mean() > 0.01
    voxels_hu[is_content] = 300
    assert pixel_phase(abdomen.truth.with_voxels(voxels_hu), model).phase != Phase.CONTRAST


def test_a_volume_without_soft_tissue_is_unknown(model: PhaseModel) -> None:
    air = Volume(np.full((6, 64, 64), -1000, dtype=np.int16), axial_affine((5.0, 2.5, 2.5)))
    verdict = pixel_phase(air, model)
    assert verdict.phase == Phase.UNKNOWN
    assert verdict.plain_cm2 is not None
    assert verdict.plain_cm2 < 2


def test_thin_slices_are_averaged_to_slabs_of_five_millimetres() -> None:
    thin = Volume(np.zeros((20, 64, 64), dtype=np.int16), axial_affine((1.0, 3.0, 3.0)))
    # 20 slices of 1 mm are 4 slabs of 5 mm.
    assert coarse_slices(thin).shape == (4, 160, 160)


def test_the_table_is_removed(abdomen: PhantomScan) -> None:
    slices_hu = coarse_slices(abdomen.volume)
    # The table lies in the lowest rows; the body ends well above them.
    assert (slices_hu[:, 145:] == -1000).all()
