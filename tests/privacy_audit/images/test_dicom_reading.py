import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGLSLossless, RLELossless

from medsynth.errors import AuditError
from privacy_audit.images.dicom_reading import group_dicom_series, is_dicom
from privacy_audit.images.image_reading import Pixels, read_pixels
from tests.privacy_audit.dicom_files import PLANTED_NAME, make_dicom, write_dicom

_ONE_ROW = np.array([[0, 9]], np.uint16)


def _read(*paths: Path) -> Pixels:
    return read_pixels("image", paths)


def test_series_is_stacked_along_the_patient_in_hounsfield(tmp_path: Path) -> None:
    for name, height in (("x", 8), ("y", 0), ("z", 4)):
        stored = np.array([[height, 50]], np.uint16)
        write_dicom(tmp_path / name, stored, ImagePositionPatient=[0, 0, height])
    series, _ = group_dicom_series(sorted(tmp_path.iterdir()))
    assert [path.name for path in series[0].paths] == ["y", "z", "x"]
    pixels = _read(*series[0].paths)
    # Stored 0, 4, 8 with slope 2 and intercept -10.
    assert pixels.values[:, 0, 0].tolist() == [-10.0, -2.0, 6.0]
    assert pixels.slice_gap_mm == 4.0


def test_instance_numbers_are_no_millimetres(tmp_path: Path) -> None:
    for number in (1, 2):
        write_dicom(tmp_path / str(number), _ONE_ROW * number, InstanceNumber=number)
    series, _ = group_dicom_series([tmp_path / "2", tmp_path / "1"])
    pixels = _read(*series[0].paths)
    assert pixels.values[:, 0, 1].tolist() == [8.0, 26.0]
    assert pixels.slice_gap_mm is None


def test_patients_and_series_are_parted_and_unknown_series_stand_alone(tmp_path: Path) -> None:
    planned = {
        "a": ("p1", "1.1"),
        "b": ("p2", "1.1"),
        "c": ("p1", "1.1"),
        "d": ("", ""),
        "e": ("", ""),
    }
    for name, (patient, series_uid) in planned.items():
        write_dicom(tmp_path / name, _ONE_ROW, PatientID=patient, SeriesInstanceUID=series_uid)
    series, _ = group_dicom_series(sorted(tmp_path.iterdir()))
    assert [[path.name for path in one.paths] for one in series] == [
        ["a", "c"],
        ["b"],
        ["d"],
        ["e"],
    ]
    assert [bool(one.patient_key) for one in series] == [True, True, False, False]


def test_keys_of_patients_are_not_shown(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", _ONE_ROW, PatientID="MRN-7731", IssuerOfPatientID="Clinic-X")
    series, _ = group_dicom_series([tmp_path / "a"])
    assert "7731" not in repr(series)
    assert "Clinic" not in repr(series)


def test_objects_without_a_scan_are_passed_over_and_counted(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", _ONE_ROW)
    write_dicom(tmp_path / "b", _ONE_ROW, Modality="SEG")
    report = Path(get_testdata_file("reportsi.dcm", download=False))
    directory = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests/DICOMDIR"
    series, passed_over = group_dicom_series([tmp_path / "a", tmp_path / "b", report, directory])
    assert [one.paths for one in series] == [(tmp_path / "a",)]
    assert passed_over == 3


def test_white_at_zero_is_turned_within_the_stored_range(tmp_path: Path) -> None:
    elements = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    unit = {"RescaleSlope": 1, "RescaleIntercept": 0}
    write_dicom(tmp_path / "a", _ONE_ROW, **elements, **unit)
    # 12 bits: 4095 - 0 and 4095 - 9.
    assert _read(tmp_path / "a").values.tolist() == [[[4095.0, 4086.0]]]


def test_hounsfield_units_are_not_turned_however_they_are_displayed(tmp_path: Path) -> None:
    white = {"PhotometricInterpretation": "MONOCHROME1"}
    write_dicom(tmp_path / "a", _ONE_ROW, **white)
    write_dicom(tmp_path / "b", _ONE_ROW, **white, RescaleType="HU")
    for name in ("a", "b"):
        assert _read(tmp_path / name).values.tolist() == [[[-10.0, 8.0]]]


def test_frames_have_their_own_place_and_rescale(tmp_path: Path) -> None:
    dataset = make_dicom(np.array([[[1, 2]], [[1, 3]]], np.uint16))
    dataset.PerFrameFunctionalGroupsSequence = []
    for height, slope in ((6.0, 1), (1.0, 10)):
        frame, place, rescale = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = [0, 0, height]
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = slope, 0, "HU"
        frame.PlanePositionSequence = [place]
        frame.PixelValueTransformationSequence = [rescale]
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    dataset.save_as(tmp_path / "a", enforce_file_format=True)
    pixels = _read(tmp_path / "a")
    # The second frame lies lower, so it comes first, ten times as bright.
    assert pixels.values.tolist() == [[[10.0, 30.0]], [[1.0, 2.0]]]
    assert pixels.slice_gap_mm == 5.0


def test_sagittal_series_gives_the_same_volume_as_an_axial_one(tmp_path: Path) -> None:
    volume = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    spacing = {"head": 5.0, "back": 3.0, "left": 2.0}
    for index, plane in enumerate(volume):
        write_dicom(
            tmp_path / "axial" / str(index),
            plane,
            ImagePositionPatient=[0, 0, spacing["head"] * index],
            PixelSpacing=[spacing["back"], spacing["left"]],
        )
    # Rows run from head to foot, columns to the back, slices from left to right.
    for index in range(4):
        write_dicom(
            tmp_path / "sagittal" / str(index),
            np.ascontiguousarray(volume[::-1, :, index]),
            ImagePositionPatient=[spacing["left"] * index, 0, 0],
            ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
            PixelSpacing=[spacing["head"], spacing["back"]],
        )
    axial, sagittal = (
        _read(*group_dicom_series(sorted((tmp_path / name).iterdir()))[0][0].paths)
        for name in ("axial", "sagittal")
    )
    assert np.array_equal(axial.values, volume * 2.0 - 10.0)
    assert np.array_equal(axial.values, sagittal.values)
    assert (axial.slice_gap_mm, sagittal.slice_gap_mm) == (5.0, 5.0)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_file_has_the_values_of_the_plain_one(tmp_path: Path, syntax: str) -> None:
    stored = np.random.default_rng(0).integers(0, 4000, (32, 24)).astype(np.uint16)
    dataset = make_dicom(stored)
    dataset.compress(syntax)
    dataset.save_as(tmp_path / "a", enforce_file_format=True)
    assert np.array_equal(_read(tmp_path / "a").values[0], stored * 2.0 - 10.0)


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
    ],
)
def test_every_encoding_of_a_known_file_gives_the_same_values(name: str) -> None:
    plain, other = (
        _read(Path(get_testdata_file(file, download=False))) for file in ("MR_small.dcm", name)
    )
    assert np.array_equal(plain.values, other.values)


def test_file_without_meta_information_is_read(tmp_path: Path) -> None:
    stored = np.array([[3, 4]], np.uint16)
    write_dicom(tmp_path / "a", stored)
    dataset = pydicom.dcmread(tmp_path / "a")
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.preamble = None
    dataset.save_as(tmp_path / "b", implicit_vr=False, little_endian=True)
    assert (tmp_path / "b").read_bytes()[128:132] != b"DICM"
    assert is_dicom(tmp_path / "b")
    assert np.array_equal(_read(tmp_path / "b").values, _read(tmp_path / "a").values)


def test_colours_are_refused_and_equal_ones_are_grey(tmp_path: Path) -> None:
    grey = np.array([[1, 200, 3], [4, 5, 6]], np.uint8)
    for name, colours in (
        ("grey", np.stack([grey] * 3, axis=-1)),
        ("red", np.stack([grey, grey // 2, grey], axis=-1)),
    ):
        dataset = make_dicom(_ONE_ROW, Modality="OT")
        del dataset.RescaleSlope, dataset.RescaleIntercept
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 2, 3, 3
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PlanarConfiguration = 7, 0
        dataset.PhotometricInterpretation = "RGB"
        dataset.PixelData = colours.tobytes()
        dataset.save_as(tmp_path / name, enforce_file_format=True)
    assert np.array_equal(_read(tmp_path / "grey").values, [grey])
    with pytest.raises(AuditError, match="colour picture"):
        _read(tmp_path / "red")


def test_slices_of_two_sizes_are_refused(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", _ONE_ROW)
    write_dicom(tmp_path / "b", _ONE_ROW.T.copy())
    with pytest.raises(AuditError, match="slices of different sizes"):
        _read(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize(
    "elements",
    [
        {"Rows": 60000, "Columns": 60000},
        {"NumberOfFrames": 10**9},
        {"Rows": 2},
        {"PixelData": b""},
    ],
)
def test_file_whose_header_promises_too_much_is_one_message_without_its_text(
    tmp_path: Path, elements: dict[str, object]
) -> None:
    dataset = make_dicom(_ONE_ROW, PatientID="MRN-7731")
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(tmp_path / "a", enforce_file_format=True)
    with pytest.raises(AuditError) as caught:
        _read(tmp_path / "a")
    assert "MRN" not in str(caught.value)
    assert PLANTED_NAME not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.98])
def test_file_that_is_cut_off_is_an_image_of_its_own_that_cannot_be_read(
    tmp_path: Path, share: float
) -> None:
    stored = np.random.default_rng(0).integers(0, 4000, (32, 24)).astype(np.uint16)
    write_dicom(tmp_path / "a.dcm", stored)
    whole = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(whole[: int(len(whole) * share)])
    series, passed_over = group_dicom_series([tmp_path / "a.dcm"])
    assert passed_over == 0
    with pytest.raises(AuditError, match="cannot be read"):
        _read(*series[0].paths)


def test_damaged_run_lengths_are_one_message_or_values_and_never_the_end(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 4000, (32, 24)).astype(np.uint16)
    dataset = make_dicom(stored)
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "a", enforce_file_format=True)
    whole = (tmp_path / "a").read_bytes()
    refused = 0
    # A run's length becomes one value, or 128: the segment is then too short, or too long.
    for length in (0, 129):
        for place in range(len(whole) - 1400, len(whole) - 16, 5):
            damaged = bytearray(whole)
            damaged[place] = length
            (tmp_path / "a").write_bytes(damaged)
            try:
                assert _read(tmp_path / "a").values.shape == (1, 32, 24)
            except AuditError:
                refused += 1
    assert refused > 0


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
@pytest.mark.parametrize("image", ["CT1", "CT2"])
def test_real_slice_has_equal_values_in_every_lossless_encoding(image: str) -> None:
    folder = Path(os.environ["MEDSYNTH_REAL_CT"]) / "ingest_faults" / "wg04_transfer_syntaxes"
    plain = _read(folder / f"{image}_UNC").values
    for encoding in ("J2KR", "JLSL", "JPLL", "RLE"):
        assert np.array_equal(_read(folder / f"{image}_{encoding}").values, plain)
