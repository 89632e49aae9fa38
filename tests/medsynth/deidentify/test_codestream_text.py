import numpy as np
import pytest
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from medsynth.deidentify.codestream_text import has_text_in_pixels
from medsynth.deidentify.screening import ObjectReason, quarantine_reason
from tests.medsynth.deidentify.canaries import plain_slice

_LAYERS = (
    b"Kdu-Layer-Info: log_2{Delta-D(squared-error)/Delta-L(bytes)}, L(bytes)\n"
    b"-180.3,  1.5e+05\n  -9.7,  1.1e+05\n"
)


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def _jpeg(*segments: bytes) -> bytes:
    scan = _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
    return bytes(encapsulate([b"\xff\xd8" + b"".join(segments) + scan + b"\x12\x34\xff\xd9"]))


def _jpeg_2000(*segments: bytes) -> bytes:
    size = _segment(0x51, b"\0" * 38)
    return bytes(encapsulate([b"\xff\x4f" + size + b"".join(segments) + b"\xff\x90\x00\x0a"]))


@pytest.mark.parametrize(
    "pixels",
    [
        _jpeg(),
        _jpeg(_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), _segment(0xEE, b"Adobe\0d\0\0\0\0\0")),
        _jpeg(_segment(0xE8, b"\0\0\0\1\xff\xd8")),
        _jpeg_2000(_segment(0x64, b"\0\1Kakadu-v7.3.3")),
        _jpeg_2000(_segment(0x64, b"\0\1Kakadu-vs7.10.7"), _segment(0x64, b"\0\1" + _LAYERS)),
        _jpeg_2000(_segment(0x64, b"\0\1Created by GDCM/OpenJPEG version 2.3.0")),
        _jpeg_2000(_segment(0x64, b"\0\1Creator: JasPer Version 1.701.0")),
    ],
)
def test_names_of_encoders_are_no_text(pixels: bytes) -> None:
    assert not has_text_in_pixels(pixels)


@pytest.mark.parametrize(
    "pixels",
    [
        _jpeg(_segment(0xFE, b"Quillfeather, born 1962")),
        _jpeg(b"\xff" + _segment(0xFE, b"Quillfeather")),
        _jpeg(_segment(0xE1, b"Exif\0\0Quillfeather")),
        _jpeg(_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0Quillfeather")),
        _jpeg_2000(_segment(0x64, b"\0\1Kakadu-v7.3.3 of Quillfeather")),
        _jpeg_2000(_segment(0x64, b"\0\1" + _LAYERS + b"Quillfeather\n")),
        _jpeg_2000(_segment(0x64, b"\0\0\x51\x75\x69\x6c\x6c")),
    ],
)
def test_other_text_is_told(pixels: bytes) -> None:
    assert has_text_in_pixels(pixels)


def test_an_object_with_text_in_its_pixels_is_set_aside() -> None:
    dataset = plain_slice()
    dataset.PixelData = _jpeg_2000(_segment(0x64, b"\0\1Quillfeather"))
    reason = quarantine_reason(dataset, JPEG2000Lossless)
    assert reason is ObjectReason.TEXT_IN_PIXEL_STREAM


def _encoded_noise(syntax: UID, seed: int) -> bytes:
    dataset = plain_slice()
    dataset.Rows = dataset.Columns = 64
    dataset.BitsStored, dataset.HighBit = 16, 15
    noise = np.random.default_rng(seed).integers(0, 2**16, (64, 64), dtype="<u2")
    dataset.compress(syntax, noise)
    return bytes(dataset.PixelData)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
def test_noise_of_real_encoders_is_no_text(syntax: UID) -> None:
    for seed in range(10):
        assert not has_text_in_pixels(_encoded_noise(syntax, seed))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_bytes_behind_the_picture_are_told(syntax: UID) -> None:
    _, stream = generate_fragments(_encoded_noise(syntax, 0))
    assert has_text_in_pixels(encapsulate([stream + b"Quillfeather"]))
    fragment = b"\xfe\xff\x00\xe0\x0c\0\0\0Quillfeather"
    assert has_text_in_pixels(encapsulate([stream]) + fragment)


def test_a_comment_between_scans_is_told() -> None:
    scan = _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"
    for between, is_text in ((b"", False), (_segment(0xFE, b"Quillfeather"), True)):
        stream = b"\xff\xd8" + scan + between + scan + b"\xff\xd9"
        assert has_text_in_pixels(encapsulate([stream])) is is_text


def test_bytes_between_the_segments_of_a_header_are_told() -> None:
    stream = b"\xff\xd8Quillfeather" + _segment(0xDA, b"\0" * 6) + b"\x12\xff\xd9"
    assert has_text_in_pixels(encapsulate([stream]))


@pytest.mark.parametrize("length", [0, 34])
def test_a_comment_in_the_header_of_a_tile_is_told(length: int) -> None:
    tile = _segment(0x90, b"\0\0" + length.to_bytes(4, "big") + b"\0\1")
    comment, data = _segment(0x64, b"\0\1Quillfeather"), b"\xff\x93\xff\x64"
    assert len(tile + comment + data) == 34
    start = b"\xff\x4f" + _segment(0x51, b"\0" * 38)
    assert has_text_in_pixels(encapsulate([start + tile + comment + data + b"\xff\xd9"]))
    plain = _segment(0x90, b"\0\0" + (16 if length else 0).to_bytes(4, "big") + b"\0\1")
    assert not has_text_in_pixels(encapsulate([start + plain + data + b"\xff\xd9"]))


@pytest.mark.parametrize(
    "stream", [b"\0\0\0\x0cjP  \r\n\x87\n" + b"Quillfeather" * 9, b"\xff\x0aQuillfeather", b"\0\0"]
)
def test_a_stream_that_cannot_be_read_is_taken_for_text(stream: bytes) -> None:
    assert has_text_in_pixels(encapsulate([stream]))


def test_a_table_of_offsets_holds_no_more_than_the_one_frame() -> None:
    frame = b"\xff\xd8\xff\xd9"
    item = b"\xfe\xff\x00\xe0"
    for table, is_text in ((b"", False), (b"\0\0\0\0", False), (b"Jane Doe", True)):
        without_table = encapsulate([frame], has_bot=False)[8:]
        pixels = item + len(table).to_bytes(4, "little") + table + without_table
        assert has_text_in_pixels(pixels) is is_text
