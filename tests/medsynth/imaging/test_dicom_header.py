import gc
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medsynth.imaging.dicom_header import ImageKind, InstanceHeader, read_header
from tests.medsynth.imaging.dicom_examples import (
    PATIENT_ID,
    SERIES_UID,
    STUDY_UID,
    example_slice,
    write_slices,
)


def header_of(folder: Path, dataset: Any) -> InstanceHeader:
    header = read_header(write_slices(folder, [dataset])[0])
    assert header is not None
    return header


@pytest.mark.parametrize(
    "content", [b"", b"DICM", b"%PDF-1.7 ...", bytes(200), b"\x08\x00" + bytes(3)]
)
def test_a_file_that_is_not_dicom_has_no_identity(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "beside.bin"
    path.write_bytes(content)
    header = read_header(path)
    assert header is None or header.series_identity == ""


def test_header_gives_identity_geometry_and_rescale(tmp_path: Path) -> None:
    header = header_of(tmp_path, example_slice(2))
    assert header.kind is ImageKind.CT_IMAGE
    assert (header.series_identity, header.patient_identity) == (SERIES_UID, PATIENT_ID)
    assert header.geometry is not None
    assert (header.geometry.rows, header.geometry.columns) == (16, 20)
    assert header.geometry.position_mm == (-30.0, -20.0, 110.0)
    assert header.geometry.spacing_row_column_mm == (2.0, 3.0)
    assert (header.slope, header.intercept) == (1.0, -1024.0)


def test_study_uid_stands_for_a_missing_patient_id(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.PatientID = ""
    assert header_of(tmp_path, dataset).patient_identity == STUDY_UID


@pytest.mark.parametrize("written", ["MRN-4711-XYZ", "mrn-4711-xyz", " Mrn-4711 -xyz "])
def test_a_patient_is_one_however_the_number_was_typed(tmp_path: Path, written: str) -> None:
    dataset = example_slice(0)
    dataset.PatientID = written
    assert header_of(tmp_path, dataset).patient_identity == PATIENT_ID


def test_study_and_frame_of_reference_stand_for_a_missing_series_uid(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.SeriesInstanceUID = ""
    dataset.FrameOfReferenceUID = "1.2.3"
    assert header_of(tmp_path, dataset).series_identity == f"{STUDY_UID} 1.2.3"


def test_ct_modality_stands_for_a_missing_class(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.SOPClassUID = ""
    assert header_of(tmp_path, dataset).kind is ImageKind.CT_IMAGE


def test_several_frames_make_a_multi_frame_image(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.NumberOfFrames = 2
    assert header_of(tmp_path, dataset).kind is ImageKind.MULTI_FRAME_CT


def test_padding_written_with_the_wrong_sign_is_read_as_negative(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.PixelRepresentation = 1
    dataset.add_new("PixelPaddingValue", "US", 63536)
    # 63536 - 65536
    assert header_of(tmp_path, dataset).padding == -2000


def test_padding_written_as_negative_for_unsigned_values_is_read_as_positive(
    tmp_path: Path,
) -> None:
    dataset = example_slice(0)
    dataset.add_new("PixelPaddingValue", "SS", -2000)
    # 65536 - 2000
    assert header_of(tmp_path, dataset).padding == 63536


@pytest.mark.parametrize(
    ("keyword", "written", "seconds"),
    [
        # 10 * 3600 + 15 * 60 + 30.25
        ("ContentTime", "101530.25", 36930.25),
        ("AcquisitionTime", "1015", 36900.0),
        ("ContentTime", "10:15:30", 36930.0),
        ("ContentTime", "noon", None),
    ],
)
def test_time_is_read_as_seconds_of_the_day(
    tmp_path: Path, keyword: str, written: str, seconds: float | None
) -> None:
    dataset = example_slice(0)
    dataset.add_new(keyword, "LO", written)
    assert header_of(tmp_path, dataset).seconds == seconds


def test_a_header_takes_less_than_two_kilobytes(tmp_path: Path) -> None:
    headers = [
        read_header(path)
        for path in write_slices(tmp_path, [example_slice(number) for number in range(50)])
    ]
    packed = pickle.dumps(headers)
    gc.collect()
    tracemalloc.start()
    try:
        copies = [pickle.loads(packed) for _ in range(4)]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / (50 * len(copies)) < 2000


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [2, 0, 0, 0, 2, 0]),
        ("ImagePositionPatient", [0, 0, 1e9]),
        ("PixelSpacing", [0, 1]),
        ("Rows", 0),
        ("Rows", 65535),
    ],
)
def test_implausible_geometry_counts_as_missing(
    tmp_path: Path, keyword: str, value: object
) -> None:
    dataset = example_slice(0)
    setattr(dataset, keyword, value)
    assert header_of(tmp_path, dataset).geometry is None


def test_agent_is_read_from_the_code_sequence_too(tmp_path: Path) -> None:
    dataset = example_slice(0)
    item = Dataset()
    item.CodeMeaning = "Iohexol"
    dataset.ContrastBolusAgentSequence = Sequence([item])
    assert header_of(tmp_path, dataset).contrast.agent == "Iohexol"


def test_text_longer_than_any_sound_element_is_cut(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.add_new("SeriesDescription", "LT", "KM " * 1000)
    assert len(header_of(tmp_path, dataset).contrast.series_description) == 256


def test_nothing_of_the_patient_is_shown_by_repr(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.SeriesDescription = "Quillfeather"
    shown = repr(header_of(tmp_path, dataset))
    assert not any(text in shown for text in (PATIENT_ID, SERIES_UID, STUDY_UID, "Quillfeather"))


def test_a_damaged_file_never_raises(tmp_path: Path) -> None:
    content = bytearray(write_slices(tmp_path, [example_slice(0)])[0].read_bytes())
    generator = np.random.default_rng(5)
    path = tmp_path / "damaged.dcm"
    for _ in range(100):
        damaged = bytearray(content)
        for position in generator.integers(132, len(content) - 640, size=8):
            damaged[position] = int(generator.integers(256))
        path.write_bytes(damaged)
        header = read_header(path)
        assert header is None or isinstance(header, InstanceHeader)
