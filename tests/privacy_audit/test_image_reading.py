from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from medsynth.errors import AuditError
from privacy_audit.image_reading import group_dicom_series, read_pixels

_RAMP = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def _write_dicom(
    path: Path, stored: NDArray[np.uint16], *, height_mm: float, photometric: str = "MONOCHROME2"
) -> None:
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{int(height_mm) + 1}"
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"1.2.3.{int(height_mm) + 1}"
    dataset.SeriesInstanceUID = "1.2.3"
    dataset.PatientName = "Planted^Name"
    dataset.ImagePositionPatient = [0, 0, height_mm]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -10
    dataset.PixelData = stored.tobytes()
    dataset.save_as(path, enforce_file_format=True)


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


def test_dicom_series_is_stacked_along_the_patient_in_hounsfield(tmp_path: Path) -> None:
    for name, height in (("x", 8), ("y", 0), ("z", 4)):
        _write_dicom(tmp_path / name, np.array([[height, 50]], np.uint16), height_mm=height)
    series = group_dicom_series(sorted(tmp_path.iterdir()))
    assert [path.name for path in series[0]] == ["y", "z", "x"]
    pixels = read_pixels("s", series[0])
    # Stored 0, 4, 8 with slope 2 and intercept -10.
    assert pixels.values[:, 0, 0].tolist() == [-10.0, -2.0, 6.0]
    assert pixels.slice_gap_mm == 4.0


def test_monochrome1_is_turned_to_bright_is_high(tmp_path: Path) -> None:
    _write_dicom(tmp_path / "a", np.array([[0, 9]], np.uint16), height_mm=0)
    _write_dicom(
        tmp_path / "b", np.array([[0, 9]], np.uint16), height_mm=0, photometric="MONOCHROME1"
    )
    plain = read_pixels("a", [tmp_path / "a"]).values
    assert np.array_equal(read_pixels("b", [tmp_path / "b"]).values, -plain)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0.0, np.nan]]), "not finite"),
        (np.full((4, 4), 7.0), "constant"),
        (np.zeros((2, 2, 2, 2)), "has shape"),
        (np.array([["a", "b"]]), "Expected real numbers"),
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


def test_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(AuditError, match="cannot be read"):
        read_pixels("a.npy", [tmp_path / "a.npy"])
