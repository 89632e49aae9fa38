from pathlib import Path

import nibabel
import numpy as np
import pytest

from medsynth.errors import ImageError
from medsynth.imaging.nifti import (
    read_labels,
    read_middle_slice,
    read_volume,
    write_labels,
    write_volume,
)
from medsynth.imaging.volume import Volume, axial_affine
from tests.medsynth.imaging import hostile_files

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


def test_more_voxels_than_fit_are_refused_before_they_are_inflated(tmp_path: Path) -> None:
    (tmp_path / "v.nii.gz").write_bytes(hostile_files.nifti_bomb(0.5))
    with pytest.raises(ImageError, match=r"shape \(2500, 2500, 800\)"):
        read_volume(tmp_path / "v.nii.gz")


def test_no_more_is_inflated_than_the_header_declares(tmp_path: Path) -> None:
    (tmp_path / "v.nii.gz").write_bytes(hostile_files.nifti_bomb(0.5, shape=(4, 3, 2)))
    assert read_volume(tmp_path / "v.nii.gz").voxels_hu.shape == (2, 3, 4)


def _header_with(path: Path, field: str, value: float) -> Path:
    image = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.int16), np.eye(4))
    nibabel.save(image, path)
    content = bytearray(path.read_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]))
    header[field] = value
    path.write_bytes(header.binaryblock + content[348:])
    return path


def test_values_far_behind_the_header_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="at byte 8388608"):
        read_volume(_header_with(tmp_path / "v.nii", "vox_offset", 2**23))


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    # 128 stands for three bytes of red, green and blue.
    with pytest.raises(ImageError, match="of type"):
        read_volume(_header_with(tmp_path / "v.nii", "datatype", 128))


def test_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = _header_with(tmp_path / "v.nii", "vox_offset", 352)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ImageError, match="EOFError"):
        read_volume(path)


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f4", ">i4", "|u1"])
def test_every_kind_of_file_reads_as_nibabel_reads_it(
    tmp_path: Path, name: str, kind: type[nibabel.Nifti1Image], dtype: str
) -> None:
    values = np.arange(24).reshape(4, 3, 2).astype(dtype)
    header = kind.header_class(endianness=">" if dtype.startswith(">") else "<")
    image = kind(values, np.diag([-3.0, 2.0, 5.0, 1.0]), header)
    image.set_data_dtype(np.dtype(dtype))
    nibabel.save(image, tmp_path / name)
    expected = nibabel.load(tmp_path / name)
    read = read_volume(tmp_path / name)
    assert np.array_equal(read.voxels_hu.T, np.asanyarray(expected.dataobj))
    assert np.array_equal(read.affine, expected.affine)


def test_scaled_values_read_as_nibabel_reads_them(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.linspace(-7.5, 99.25, 24).reshape(4, 3, 2), np.eye(4))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "v.nii.gz")
    expected = np.asanyarray(nibabel.load(tmp_path / "v.nii.gz").dataobj)
    assert np.array_equal(
        read_volume(tmp_path / "v.nii.gz").voxels_hu.T, expected.astype(np.float32)
    )


def test_middle_slice_is_that_of_the_volume(tmp_path: Path) -> None:
    voxels = np.arange(60, dtype=np.int16).reshape(5, 3, 4)
    write_volume(tmp_path / "v.nii.gz", Volume(voxels, _AFFINE))
    middle, spacing_mm = read_middle_slice(tmp_path / "v.nii.gz")
    assert np.array_equal(middle, voxels[2])
    assert spacing_mm == (5.0, 2.0, 3.0)


def test_middle_slice_needs_no_sound_end(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (9, 64, 64)).astype(np.int16)
    write_volume(tmp_path / "v.nii.gz", Volume(voxels, _AFFINE))
    content = (tmp_path / "v.nii.gz").read_bytes()
    (tmp_path / "v.nii.gz").write_bytes(content[: len(content) * 3 // 4])
    assert np.array_equal(read_middle_slice(tmp_path / "v.nii.gz")[0], voxels[4])
