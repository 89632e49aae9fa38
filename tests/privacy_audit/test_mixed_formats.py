"""One body in every format: what differs in the files must not differ on the audit's grid."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from scipy import ndimage

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import read_image_set
from tests.privacy_audit.dicom_files import write_dicom

Body = Callable[..., NDArray[np.float32]]
_HOUNSFIELD = {"RescaleSlope": 1, "RescaleIntercept": -1024}


def _grey(scan: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip((scan[0] + 1000) / 1400 * 255, 0, 255), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, body: Body) -> Path:
    """Write one body as numbers, pictures and scans of several sizes and bit depths."""
    scan = body(3)
    np.save(tmp_path / "float.npy", scan)
    np.savez_compressed(tmp_path / "double.npz", body(3, size=144).astype(np.float64))
    Image.fromarray(_grey(scan)).save(tmp_path / "eight.png")
    Image.fromarray(_grey(scan).astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    Image.fromarray(body(3, size=200)[0]).save(tmp_path / "float.tif")
    white = TiffImagePlugin.ImageFileDirectory_v2()
    white[262] = 0
    turned = 65535 - _grey(scan).astype(np.uint16) * 257
    Image.fromarray(turned).save(tmp_path / "white.tif", tiffinfo=white)
    towards_left_and_back = np.diag([-1.0, -1.0, 5.0, 1.0])
    stored = np.rint(scan[0].T[:, :, np.newaxis]).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(stored, towards_left_and_back), tmp_path / "scan.nii.gz")
    write_dicom(tmp_path / "ct.dcm", np.rint(scan[0] + 1024).astype(np.uint16), **_HOUNSFIELD)
    capture = {
        "Modality": "OT",
        "SeriesInstanceUID": "1.2.9",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.3",
    }
    plain = {"RescaleSlope": 1, "RescaleIntercept": 0, "PhotometricInterpretation": "MONOCHROME1"}
    bits = {"BitsStored": 8, "HighBit": 7}
    negative = 255 - _grey(scan).astype(np.uint16)
    write_dicom(tmp_path / "negative.dcm", negative, **capture, **plain, **bits)
    return tmp_path


def test_body_lies_alike_on_the_grid_whatever_the_format(folder: Path) -> None:
    images = read_image_set(folder).images
    grids = {
        image.name: fit_body_grid(read_pixels(image.name, image.paths), image.name)
        for image in images
    }
    assert len(grids) == 9
    first = grids["float.npy"]
    inside = ndimage.binary_erosion(first.body, iterations=3, structure=np.ones((1, 3, 3)))
    for name, grid in grids.items():
        overlap = (first.body & grid.body).sum() / (first.body | grid.body).sum()
        likeness = np.corrcoef(first.values[inside], grid.values[inside])[0, 1]
        assert (name, overlap > 0.94, likeness > 0.95) == (name, True, True), (overlap, likeness)
