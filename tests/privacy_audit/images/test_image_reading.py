from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from medsynth.errors import AuditError
from privacy_audit.images.image_reading import read_pixels

_RAMP = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_nifti_is_turned_to_head_back_and_left(tmp_path: Path) -> None:
    # File axes (column, row, slice) run to right, front and head; 5 mm between slices.
    image = nibabel.Nifti1Image(_RAMP.transpose(2, 1, 0), np.diag([2.0, 3.0, 5.0, 1.0]))
    nibabel.save(image, tmp_path / "a.nii.gz")
    pixels = read_pixels("a", [tmp_path / "a.nii.gz"])
    assert np.array_equal(pixels.values, _RAMP[:, ::-1, ::-1])
    assert pixels.slice_gap_mm == pytest.approx(5.0)


def test_nifti_stored_sagittally_gives_the_same_volume(tmp_path: Path) -> None:
    plain = np.diag([-2.0, -3.0, 5.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(_RAMP.transpose(2, 1, 0), plain), tmp_path / "a.nii")
    turned = nibabel.Nifti1Image(_RAMP.transpose(1, 0, 2), plain[:, [1, 2, 0, 3]])
    nibabel.save(turned, tmp_path / "b.nii")
    first = read_pixels("a", [tmp_path / "a.nii"])
    second = read_pixels("b", [tmp_path / "b.nii"])
    assert np.array_equal(first.values, second.values)
    assert second.slice_gap_mm == pytest.approx(5.0)


def test_picture_of_sixteen_bits_keeps_its_values(tmp_path: Path) -> None:
    values = np.array([[0, 40000], [7, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_pixels("a", [tmp_path / "a.png"]).values[0].tolist() == values.tolist()


def test_colour_picture_is_refused(tmp_path: Path) -> None:
    colours = np.zeros((4, 4, 3), dtype=np.uint8)
    colours[0, 0] = 255, 0, 0
    Image.fromarray(colours).save(tmp_path / "a.png")
    with pytest.raises(AuditError, match="colour picture"):
        read_pixels("a", [tmp_path / "a.png"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0.0, np.nan]]), "not finite"),
        (np.full((4, 4), 7.0), "constant"),
        (np.zeros((2, 2, 2, 2)), "has shape"),
        (np.array([["a", "b"]]), "Expected real numbers"),
        (np.array([[1 + 2j, 3]]), "Expected real numbers"),
        (np.array([[0.0, np.inf]]), "not finite"),
        (np.array([[0.0, 1e300]]), "not finite"),
        (np.zeros((0, 4)), "has shape"),
        (np.arange(1024).reshape(16, 16, 4), "colour picture"),
    ],
)
def test_unusable_values_are_named(
    tmp_path: Path, values: NDArray[np.generic], message: str
) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(AuditError, match=message):
        read_pixels("a.npy", [tmp_path / "a.npy"])


def test_archive_with_two_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", first=_RAMP, second=_RAMP)
    with pytest.raises(AuditError, match="holds 2 arrays"):
        read_pixels("a.npz", [tmp_path / "a.npz"])


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.npy", "a.npz", "a.png", "a.tif", "a.dcm"])
def test_broken_file_is_one_message_without_its_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"Planted^Name" * 20)
    with pytest.raises(AuditError, match=r"cannot be read") as caught:
        read_pixels(name, [tmp_path / name])
    assert "Planted" not in str(caught.value)


def test_array_header_that_cannot_be_parsed_is_one_message(tmp_path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 4
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(AuditError, match="cannot be read"):
        read_pixels("a.npy", [tmp_path / "a.npy"])


def test_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    for name in ("a.npy", "b.npz"):
        with pytest.raises(AuditError, match="holds"):
            read_pixels(name, [tmp_path / name])


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.npy", "a.npz", "a.png", "a.tif"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_file_that_is_cut_off_is_one_message(tmp_path: Path, name: str, share: float) -> None:
    values = np.random.default_rng(0).integers(0, 60000, (40, 50)).astype(np.uint16)
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, values)
    elif name.endswith(".npz"):
        np.savez(path, values)
    elif ".nii" in name:
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    else:
        Image.fromarray(values).save(path)
    whole = path.read_bytes()
    assert read_pixels(name, [path]).values.shape[0] == 1
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(AuditError, match="cannot be read"):
        read_pixels(name, [path])


@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 4, 1), (1, 1, 3, 4), (3, 4)])
def test_axes_of_length_one_are_no_slices(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "a.npz", _RAMP[0].reshape(shape))
    assert np.array_equal(read_pixels("a", [tmp_path / "a.npz"]).values, _RAMP[:1])


def test_four_dimensional_nifti_with_one_volume_is_that_volume(tmp_path: Path) -> None:
    stored = _RAMP.transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), tmp_path / "a.nii")
    nibabel.save(nibabel.Nifti1Image(stored[..., np.newaxis], np.eye(4)), tmp_path / "b.nii")
    two = np.stack([stored, stored], axis=-1)
    nibabel.save(nibabel.Nifti1Image(two, np.eye(4)), tmp_path / "c.nii")
    first = read_pixels("a", [tmp_path / "a.nii"])
    assert np.array_equal(first.values, read_pixels("b", [tmp_path / "b.nii"]).values)
    with pytest.raises(AuditError, match="one volume or one slice"):
        read_pixels("c", [tmp_path / "c.nii"])


def test_nifti_of_one_slice_is_a_picture(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(_RAMP[0].T, np.eye(4)), tmp_path / "a.nii")
    assert read_pixels("a", [tmp_path / "a.nii"]).values.shape == (1, 3, 4)


def test_nifti_without_directions_is_refused(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(_RAMP, np.eye(4))
    image.set_sform(np.zeros((4, 4)), code=1)
    image.set_qform(None, code=0)
    nibabel.save(image, tmp_path / "a.nii")
    with pytest.raises(AuditError, match="cannot be read"):
        read_pixels("a", [tmp_path / "a.nii"])


def test_declared_size_is_checked_before_memory_is_taken(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((30000, 30000, 1))
    (tmp_path / "a.nii").write_bytes(header.binaryblock + b"\0" * 400)
    with (tmp_path / "b.npy").open("wb") as stream:
        description = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 2**40)}
        np.lib.format.write_array_header_1_0(stream, description)
    for name in ("a.nii", "b.npy"):
        with pytest.raises(AuditError, match="Expected at most 536870912 values"):
            read_pixels(name, [tmp_path / name])
