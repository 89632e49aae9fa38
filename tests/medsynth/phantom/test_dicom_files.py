import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medsynth.phantom.dicom_files import series_dataset, write_axial_series, write_scout_series
from medsynth.phantom.headers import draw_identity, draw_series, draw_study, scout_series
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan
from medsynth.phantom.scanner import outside_circle

OPTIONS = PhantomOptions(matrix=48, slices=6, spacing_mm=7.5, slice_mm=12.0, sites=4)


def _write(folder: Path, index: int) -> PhantomScan:
    scan = render_scan(1, index, OPTIONS, "contrast")
    identity = draw_identity(1, scan.patient)
    study = draw_study(1, scan.patient, scan.site, identity)
    series = draw_series(1, scan.patient, scan.site, "contrast")
    base = series_dataset(scan.patient, identity, scan.site, study, series)
    (folder / "axial").mkdir()
    write_axial_series(folder / "axial", scan.volume, base=base, series=series, site=scan.site)
    scout = scout_series(1, scan.patient, scan.site)
    base = series_dataset(scan.patient, identity, scan.site, study, scout)
    (folder / "scout").mkdir()
    write_scout_series(folder / "scout", scan.volume, base=base, series=scout, site=scan.site)
    return scan


def _read(folder: Path) -> list[pydicom.Dataset]:
    images = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    return sorted(images, key=lambda image: float(image.ImagePositionPatient[2]))


@pytest.mark.parametrize("index", range(4))
def test_files_hold_the_volume_at_its_place(tmp_path: Path, index: int) -> None:
    scan = _write(tmp_path, index)
    images = _read(tmp_path / "axial")
    stored = np.stack([image.pixel_array.astype(np.int32) for image in images])
    volume_hu = stored + int(images[0].RescaleIntercept)
    inside = ~outside_circle(48)
    assert np.array_equal(volume_hu[:, inside], scan.volume.voxels_hu[:, inside])
    for number, image in enumerate(images):
        # DICOM's x and y run against NIfTI's; first centre 23.5 * 7.5 = 176.25 mm out.
        x_mm, y_mm, z_mm = (float(value) for value in image.ImagePositionPatient)
        assert (x_mm, y_mm) == (-176.25, -176.25)
        assert z_mm == pytest.approx(scan.volume.affine[2, 3] + 12 * number)
        assert [float(value) for value in image.PixelSpacing] == [7.5, 7.5]
        assert float(image.SpacingBetweenSlices) == 12.0
        assert float(image.SliceThickness) == pytest.approx(12 * scan.site.thickness_ratio)
        assert image.InstanceNumber == 6 - number


def test_the_padded_site_stores_its_padding_outside_the_circle(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    image = _read(tmp_path / "axial")[0]
    assert image.PixelPaddingValue == -2000
    assert (image.pixel_array[outside_circle(48)] == -2000).all()


def test_file_names_of_the_scrambled_site_hide_the_order(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    paths = sorted((tmp_path / "axial").iterdir())
    numbers = [int(pydicom.dcmread(path).InstanceNumber) for path in paths]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    assert numbers not in ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])


def test_a_scout_is_one_coronal_localizer(tmp_path: Path) -> None:
    _write(tmp_path, 0)
    (image,) = _read(tmp_path / "scout")
    assert image.ImageType[2] == "LOCALIZER"
    assert [float(value) for value in image.ImageOrientationPatient] == [1, 0, 0, 0, 0, -1]


@pytest.mark.parametrize("index", range(4))
def test_files_pass_the_standards_checker(tmp_path: Path, index: int) -> None:
    beside_python = Path(sys.executable).with_name("dciodvfy")
    program = str(beside_python) if beside_python.exists() else shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy (package dicom3tools) is not installed")
    _write(tmp_path, index)
    for folder in ("axial", "scout"):
        path = sorted((tmp_path / folder).iterdir())[0]
        checked = subprocess.run(
            [program, str(path)], capture_output=True, text=True, errors="replace", check=False
        )
        report = checked.stdout + checked.stderr
        assert "Error" not in report, report
