import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medsynth.errors import ImageError
from medsynth.imaging.dicom_values import silent_pydicom
from medsynth.imaging.pixel_guard import PixelLimits, check_pixels
from tests.medsynth.imaging import hostile_files
from tests.medsynth.imaging.dicom_examples import example_slice, set_stored, stored_values

LIMITS = PixelLimits()


def _slice(syntax: str | None = None) -> Any:
    dataset = example_slice(0)
    set_stored(dataset, np.tile(stored_values(), (4, 4)))
    if syntax is not None:
        dataset.compress(syntax, generate_instance_uid=False)
    return dataset


def _encapsulated(syntax: str, *fragments: bytes) -> Any:
    dataset = _slice()
    dataset.PixelData = encapsulate(list(fragments))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    return dataset


@pytest.mark.parametrize("syntax", [None, JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_sound_pixels_pass(syntax: str | None) -> None:
    check_pixels(_slice(syntax), LIMITS)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_codestream_of_another_matrix_is_refused(syntax: str) -> None:
    dataset = _slice(syntax)
    dataset.Rows += 1
    with pytest.raises(ImageError, match="64 rows, 80 columns and 1 samples"):
        check_pixels(dataset, LIMITS)


def test_codestream_of_more_bits_is_refused() -> None:
    dataset = _slice(JPEG2000Lossless)
    dataset.BitsAllocated = 8
    with pytest.raises(ImageError, match="values of 16 bits"):
        check_pixels(dataset, LIMITS)


def test_lossless_jpeg_is_measured_behind_its_tables() -> None:
    quantisation = struct.pack(">BBH", 0xFF, 0xDB, 67) + bytes(65)
    frame = struct.pack(">BBHBHHB", 0xFF, 0xC3, 11, 16, 64, 80, 1) + b"\x01\x11\x00"
    check_pixels(_encapsulated(JPEGLosslessSV1, b"\xff\xd8" + quantisation + frame), LIMITS)
    wrong = frame.replace(struct.pack(">HH", 64, 80), struct.pack(">HH", 65500, 65500))
    with pytest.raises(ImageError, match="65500 rows"):
        check_pixels(_encapsulated(JPEGLosslessSV1, b"\xff\xd8" + quantisation + wrong), LIMITS)


def test_codestream_of_two_billion_rows_is_refused() -> None:
    with silent_pydicom():
        dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(hostile_files.jpeg_2000_bomb()))
    with pytest.raises(ImageError, match="2147483648 rows"):
        check_pixels(dataset, LIMITS)


def test_codestream_of_countless_tiles_is_refused() -> None:
    dataset = _slice(JPEG2000Lossless)
    start = dataset.PixelData.index(b"\xff\x4f\xff\x51")
    # Tile width and height follow the size and the offset of the image: one pixel a tile.
    content = bytearray(dataset.PixelData)
    content[start + 24 : start + 32] = struct.pack(">LL", 1, 1)
    dataset.PixelData = bytes(content)
    dataset.Rows, dataset.Columns = 64, 80
    check_pixels(dataset, LIMITS)
    struct.pack_into(">LL", content, start + 8, 4000, 4000)
    dataset.PixelData = bytes(content)
    dataset.Rows = dataset.Columns = 4000
    with pytest.raises(ImageError, match="damaged"):
        check_pixels(dataset, LIMITS)


@pytest.mark.parametrize(
    "fragment",
    [
        b"\0\0",
        struct.pack("<16L", 2, 64, 65, *[0] * 13) + b"\x81\x00" * 2,
        struct.pack("<16L", 2, 64, 2**31, *[0] * 13) + b"\x81\x00" * 200,
        struct.pack("<16L", 15, *[64] * 15) + b"\x81\x00" * 200,
        struct.pack("<16L", 2, 64, 264, *[0] * 13) + bytes(30_000),
    ],
)
def test_run_lengths_that_cannot_make_the_frame_are_refused(fragment: bytes) -> None:
    with pytest.raises(ImageError, match="damaged"):
        check_pixels(_encapsulated(RLELossless, fragment), LIMITS)


def test_unknown_codec_and_missing_frames_are_refused() -> None:
    with pytest.raises(ImageError, match="0 codestreams"):
        check_pixels(_encapsulated(MPEG2MPML, b"\0\0\1\xb3" * 20), LIMITS)
    dataset = _slice(JPEGLSLossless)
    dataset.NumberOfFrames = 2
    with pytest.raises(ImageError, match="Expected one for each of 2 frames"):
        check_pixels(dataset, LIMITS)


def test_matrix_and_size_have_limits() -> None:
    dataset = _slice()
    with pytest.raises(ImageError, match="64 rows and 80 columns"):
        check_pixels(dataset, PixelLimits(matrix=79))
    with pytest.raises(ImageError, match="decodes to 10240 bytes"):
        check_pixels(dataset, PixelLimits(decoded_bytes=10_239))
    del dataset.Rows
    with pytest.raises(ImageError, match="Rows"):
        check_pixels(dataset, LIMITS)


def test_every_bundled_file_that_decodes_passes() -> None:
    folder = Path(str(get_testdata_file("CT_small.dcm"))).parent
    wrongly_refused = []
    with silent_pydicom():
        for path in sorted(folder.glob("*.dcm")):
            dataset = pydicom.dcmread(path, force=True)
            if "PixelData" not in dataset or "TransferSyntaxUID" not in dataset.file_meta:
                continue
            try:
                check_pixels(dataset, LIMITS)
            except ImageError:
                wrongly_refused.append(path.name)
    # These three do not decode.
    assert wrongly_refused == [
        "JPEG2000-embedded-sequence-delimiter.dcm",
        "badVR.dcm",
        "nested_priv_SQ.dcm",
    ]
