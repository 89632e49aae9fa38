import numpy as np
import pytest

from medsynth.imaging.orientation import labels_to_axial, largest_corner_distance_mm, to_axial
from medsynth.imaging.volume import Volume, axial_affine


def example_volume() -> Volume:
    voxels_hu = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    return Volume(voxels_hu, axial_affine((5.0, 2.0, 3.0), (10.0, 20.0, 30.0)))


def test_an_axial_volume_stays_as_it_is() -> None:
    turned = to_axial(example_volume())
    assert np.array_equal(turned.voxels_hu, example_volume().voxels_hu)
    assert np.array_equal(turned.affine, example_volume().affine)


def test_a_volume_stored_from_head_to_feet_is_turned_and_keeps_its_place() -> None:
    upright = example_volume()
    affine = upright.affine.copy()
    affine[:3, 2] = [0.0, 0.0, -5.0]
    # The first stored slice is the upper one: 30 mm + one step of 5 mm.
    affine[2, 3] = 35.0
    turned = to_axial(Volume(upright.voxels_hu[::-1].copy(), affine))
    assert np.array_equal(turned.voxels_hu, upright.voxels_hu)
    assert np.allclose(turned.affine, upright.affine)


def test_a_coronal_stack_becomes_axial() -> None:
    upright = example_volume()
    # Stored as (rows, slices, columns): NIfTI index (column, slice, row).
    affine = upright.affine[:, [0, 2, 1, 3]]
    turned = to_axial(Volume(upright.voxels_hu.transpose(1, 0, 2).copy(), affine))
    assert np.array_equal(turned.voxels_hu, upright.voxels_hu)
    assert np.allclose(turned.affine, upright.affine)


def test_a_ras_nifti_is_flipped_in_plane() -> None:
    upright = example_volume()
    affine = np.diag([3.0, 2.0, 5.0, 1.0])
    # Columns: 10 - 3 * 3 mm; rows: 20 - 2 * 2 mm.
    affine[:3, 3] = [1.0, 16.0, 30.0]
    labels, turned_affine = labels_to_axial(
        upright.voxels_hu[:, ::-1, ::-1].astype(np.uint8), affine
    )
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, upright.voxels_hu)
    assert np.allclose(turned_affine, upright.affine)


def test_corner_distance_of_a_shifted_grid_is_the_shift() -> None:
    affine = example_volume().affine
    shifted = affine.copy()
    shifted[:3, 3] += [3.0, 4.0, 0.0]
    # 3-4-5 triangle
    assert largest_corner_distance_mm(affine, shifted, (2, 3, 4)) == pytest.approx(5.0)


def test_corner_distance_grows_with_the_grid_for_another_spacing() -> None:
    affine, other = axial_affine((5.0, 2.0, 3.0)), axial_affine((5.0, 2.0, 3.01))
    # The last of 101 columns is 100 steps of 0.01 mm off.
    assert largest_corner_distance_mm(affine, other, (2, 3, 101)) == pytest.approx(1.0)
