import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from medsynth.deidentify.codestream_text import has_text_in_pixels
from medsynth.deidentify.screening import ObjectReason, quarantine_reason
from tests.medsynth.deidentify.canaries import plain_slice


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


def test_bytes_that_look_like_a_comment_behind_the_header_are_pixels() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8).tobytes()
    stream = b"\xff\xd8" + _segment(0xDA, b"\0" * 6) + noise + _segment(0xFE, b"not a comment")
    assert not has_text_in_pixels(encapsulate([stream]))


def test_a_table_of_offsets_holds_no_more_than_the_one_frame() -> None:
    frame = b"\xff\xd8\xff\xd9"
    item = b"\xfe\xff\x00\xe0"
    for table, is_text in ((b"", False), (b"\0\0\0\0", False), (b"Jane Doe", True)):
        without_table = encapsulate([frame], has_bot=False)[8:]
        pixels = item + len(table).to_bytes(4, "little") + table + without_table
        assert has_text_in_pixels(pixels) is is_text
