"""Text in the headers of compressed pixels, where no attribute rule reaches.

JPEG, JPEG-LS and JPEG 2000 streams may carry comments and segments of
applications. Pixels are passed on byte for byte, so an object whose stream says
more than which program encoded it has to be set aside.

Source: ISO/IEC 10918-1 section B.2.4, ISO/IEC 15444-1 section A.9.2.
"""

import re
from collections.abc import Iterator

from pydicom.encaps import generate_fragments

_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f"
_START_OF_SCAN, _START_OF_TILE = 0xDA, 0x90
_JPEG_COMMENT, _JPEG_2000_COMMENT = 0xFE, 0x64
_FIRST_APPLICATION, _LAST_APPLICATION = 0xE0, 0xEF
# What encoders call themselves.
_ENCODER = re.compile(
    rb"(?:Created by |Creator: )?(?:GDCM/)?(?:Kakadu|OpenJPEG|JasPer|CharLS|OpenJPH)"
    rb"[- ]?(?:[Vv]ersion )?v?[\d.]{0,12}"
)
# Segments of fixed layout: their beginning, and their length without room for anything else.
_APPLICATIONS = ((b"JFIF\x00", 14), (b"Adobe", 12), (b"SPIFF\x00", 30))
_BYTES_OF_AN_OFFSET = 4
# Colour transforms and ends of directories.
_LONGEST_NAMELESS = 6


def has_text_in_pixels(pixels: bytes) -> bool:
    """Tell whether the encapsulated pixels of one frame carry more than a frame.

    That is a comment that is not the name of an encoder, or a table of offsets
    that says more than where the one frame begins.

    Headers are read up to the first scan or tile.

    Args:
        pixels: Pixel Data (7FE0,0010), encapsulated.
    """
    return _has_other_offsets(pixels) or any(
        not _is_harmless(marker, content)
        for fragment in generate_fragments(pixels)
        for marker, content in _segments(fragment)
    )


def _has_other_offsets(pixels: bytes) -> bool:
    length = int.from_bytes(pixels[4:8], "little")
    return pixels[8 : 8 + length].strip(b"\x00") != b"" or length > _BYTES_OF_AN_OFFSET


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Give comments and segments of applications in the header of a stream."""
    is_jpeg = stream[:2] == _JPEG_START
    if not is_jpeg and stream[:2] != _JPEG_2000_START:
        return
    last = _START_OF_SCAN if is_jpeg else _START_OF_TILE
    place, marker = 2, 0
    while marker != last and place + 4 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker == 0xFF:
            # Fill bytes may stand before a marker.
            place += 1
            continue
        length = int.from_bytes(stream[place + 2 : place + 4], "big")
        if _is_comment(marker, is_jpeg=is_jpeg):
            yield marker, stream[place + 4 : place + 2 + length]
        place += 2 + length


def _is_comment(marker: int, *, is_jpeg: bool) -> bool:
    if is_jpeg:
        return marker == _JPEG_COMMENT or _FIRST_APPLICATION <= marker <= _LAST_APPLICATION
    return marker == _JPEG_2000_COMMENT


def _is_harmless(marker: int, content: bytes) -> bool:
    if _FIRST_APPLICATION <= marker <= _LAST_APPLICATION:
        return len(content) <= _LONGEST_NAMELESS or any(
            content.startswith(name) and len(content) <= length for name, length in _APPLICATIONS
        )
    # Two bytes in JPEG 2000 say whether text follows.
    text = content[2:] if marker == _JPEG_2000_COMMENT else content
    return _ENCODER.fullmatch(text.rstrip(b"\x00 \n")) is not None
