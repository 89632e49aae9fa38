from pathlib import Path

import nibabel
import numpy as np
import pytest

from medsynth.errors import ImageError
from medsynth.imaging.nifti import read_labels, read_volume, write_labels, write_volume
from medsynth.imaging.volume import Volume, axial_affine

_AFFINE = axial_affine((5.0, 2.0, 3.0), (10.0, 20.0, 30.0))


def test_volume_comes_back_as_written(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    write_volume(tmp_path / "v.nii.gz", Volume(voxels, _AFFINE))
    read = read_volume(tmp_path / "v.nii.gz")
    assert np.array_equal(read.voxels_hu, voxels)
    assert np.array_equal(read.affine, _AFFINE)


def test_others_find_columns_first_and_nothing_but_the_grid(tmp_path: Path) -> None:
    voxels = np.zeros((2, 3, 4), dtype=np.int16)
    voxels[1, 0, 3] = 7
    write_volume(tmp_path / "v.nii.gz", Volume(voxels, _AFFINE))
    image = nibabel.load(tmp_path / "v.nii.gz")
    assert np.asanyarray(image.dataobj)[3, 0, 1] == 7
    assert bytes(image.header["descrip"]).strip(b"\0") == b""


def test_equal_volumes_give_equal_bytes_under_any_name(tmp_path: Path) -> None:
    volume = Volume(np.ones((2, 2, 2), dtype=np.int16), _AFFINE)
    write_volume(tmp_path / "one.nii.gz", volume)
    write_volume(tmp_path / "other.nii.gz", volume)
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "other.nii.gz").read_bytes()


def test_labels_come_back_as_written(tmp_path: Path) -> None:
    labels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    write_labels(tmp_path / "l.nii.gz", labels, _AFFINE)
    assert np.array_equal(read_labels(tmp_path / "l.nii.gz")[0], labels)


def test_values_that_are_no_labels_are_refused(tmp_path: Path) -> None:
    write_volume(tmp_path / "v.nii.gz", Volume(np.full((1, 1, 1), -5, np.int16), _AFFINE))
    with pytest.raises(ImageError, match="0 to 255"):
        read_labels(tmp_path / "v.nii.gz")


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x1f\x8b\x08cut"])
def test_damaged_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.nii.gz").write_bytes(content)
    with pytest.raises(ImageError, match=r"v\.nii\.gz"):
        read_volume(tmp_path / "v.nii.gz")


def test_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is not there"):
        read_volume(tmp_path / "none.nii.gz")


def test_four_dimensions_are_refused(tmp_path: Path) -> None:
    nibabel.save(
        nibabel.Nifti1Image(np.zeros((2, 2, 2, 2), np.int16), np.eye(4)), tmp_path / "v.nii"
    )
    with pytest.raises(ImageError, match="three dimensions"):
        read_volume(tmp_path / "v.nii")
