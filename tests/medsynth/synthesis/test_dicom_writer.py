import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medsynth.errors import ImageError
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.synthesis.dicom_writer import new_uid, write_dicom_series

SECRET = b"a secret of the test"


def example_volume() -> Volume:
    voxels = np.random.default_rng(3).integers(-1024, 3072, (3, 16, 24)).astype(np.int16)
    affine = axial_affine((2.5, 0.7832031, 0.9), first_voxel_ras_mm=(123.4, -77.7, 1512.25))
    return Volume(voxels, affine)


def write_example(
    folder: Path, volume: Volume | None = None, *, name: str = "SYN-0011aabbcc"
) -> list[pydicom.FileDataset]:
    write_dicom_series(
        folder,
        volume or example_volume(),
        name=name,
        uid_secret=SECRET,
        description="SYNTHETIC NON-CONTRAST",
        weights_sha256="ab" * 32,
    )
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def test_hounsfield_units_read_back_exactly(tmp_path: Path) -> None:
    volume = example_volume()
    instances = write_example(tmp_path / "series", volume)
    read_back = np.stack([x.pixel_array.astype(np.int32) - 1024 for x in instances])
    assert np.array_equal(read_back, volume.voxels_hu)
    assert {(x.RescaleSlope, x.RescaleIntercept) for x in instances} == {(1, -1024)}


def test_values_beyond_twelve_bits_are_clipped(tmp_path: Path) -> None:
    voxels = np.array([[[-3000.0, -1024.4, 3071.4, 9000.0]]], dtype=np.float32)
    instances = write_example(tmp_path / "series", Volume(voxels, axial_affine((1, 1, 1))))
    assert instances[0].pixel_array.tolist() == [[0, 0, 4095, 4095]]


def test_grid_keeps_the_spacing_and_loses_the_place(tmp_path: Path) -> None:
    instances = write_example(tmp_path / "series")
    assert [x.ImagePositionPatient for x in instances] == [[0, 0, 0], [0, 0, 2.5], [0, 0, 5]]
    assert instances[0].PixelSpacing == [0.7832031, 0.9]
    assert instances[0].SliceThickness == 2.5
    assert b"1512" not in (tmp_path / "series" / "0001.dcm").read_bytes()


def test_objects_say_that_they_are_synthetic_and_carry_nothing_of_a_patient(
    tmp_path: Path,
) -> None:
    instance = write_example(tmp_path / "series")[1]
    assert instance.SyntheticData == "YES"
    assert instance.ImageType == ["DERIVED", "SECONDARY", "AXIAL"]
    assert (instance.PatientID, str(instance.PatientName)) == ("SYN-0011aabbcc", "SYN-0011aabbcc")
    assert instance.PatientIdentityRemoved == "YES"
    assert instance.LongitudinalTemporalInformationModified == "REMOVED"
    assert not any(element.keyword.startswith("Contrast") for element in instance)
    assert "SourceImageSequence" not in instance
    assert "ReferencedImageSequence" not in instance
    dates = [x.value for x in instance.iterall() if x.VR in {"DA", "TM", "DT"}]
    assert not any(dates)


def test_uids_repeat_with_the_secret_and_differ_without_it(tmp_path: Path) -> None:
    first = write_example(tmp_path / "first")
    again = write_example(tmp_path / "again")
    other = write_example(tmp_path / "other", name="SYN-ffffffffff")
    assert [x.SOPInstanceUID for x in first] == [x.SOPInstanceUID for x in again]
    assert len({x.SOPInstanceUID for x in [*first, *other]}) == 6
    assert len({x.SeriesInstanceUID for x in first}) == 1
    assert new_uid(b"other", "SYN-0011aabbcc", "series") != first[0].SeriesInstanceUID
    assert new_uid(SECRET, "SYN-0011aabbcc", "series") == first[0].SeriesInstanceUID


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    write_example(tmp_path / "first")
    write_example(tmp_path / "again")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_volume_that_is_not_axial_is_refused(tmp_path: Path) -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    with pytest.raises(ImageError, match="direction cosines"):
        write_example(tmp_path / "series", Volume(np.zeros((2, 4, 4), np.int16), affine))
    assert not (tmp_path / "series").exists()


def test_a_name_longer_than_its_field_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="17 characters"):
        write_example(tmp_path / "series", name="x" * 17)


def test_the_validator_finds_no_error(tmp_path: Path) -> None:
    validator = shutil.which("dciodvfy", path=str(Path(sys.executable).parent)) or shutil.which(
        "dciodvfy"
    )
    if validator is None:
        pytest.skip("dciodvfy is not installed")
    write_example(tmp_path / "series")
    for path in sorted((tmp_path / "series").iterdir()):
        run = subprocess.run([validator, str(path)], capture_output=True, text=True, check=False)
        assert run.returncode == 0
        assert "Error" not in run.stderr + run.stdout
