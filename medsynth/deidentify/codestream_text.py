"""Text in the headers of compressed pixels, where no attribute rule reaches.

JPEG, JPEG-LS and JPEG 2000 streams may carry comments and segments of
applications. Pixels are passed on byte for byte, so an object whose stream says
more than which program encoded it has to be set aside.

Source: ISO/IEC 10918-1 section B.2.4, ISO/IEC 15444-1 section A.9.2.
"""

import re
import struct
from collections.abc import Iterator

from pydicom.encaps import generate_fragments

_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f"
_START_OF_SCAN, _END = 0xDA, 0xD9
_START_OF_TILE, _START_OF_DATA = 0x90, 0x93
_JPEG_COMMENT, _JPEG_2000_COMMENT = 0xFE, 0x64
_FIRST_APPLICATION, _LAST_APPLICATION = 0xE0, 0xEF
# JPEG-LS has two of the markers that JPEG reserves for extensions.
_EXTENSIONS = frozenset(range(0xF0, 0xFE)) - {0xF7, 0xF8}
# Coded pixels hold 0xFF only before smaller numbers, and before restarts.
_JPEG_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
# Stands for bytes where there should be none.
_NO_MARKER = 0
_RUN_LENGTH_HEADER = "<16I"
_BYTES_OF_RUN_LENGTH_HEADER = 64
# What encoders call themselves.
_ENCODER = re.compile(
    rb"(?:Created by |Creator: )?(?:GDCM/)?(?:Kakadu|OpenJPEG|JasPer|CharLS|OpenJPH)"
    rb"[- ]?(?:[Vv]ersion )?v?s?[\d.]{0,12}"
)
# Kakadu's table of what each quality layer costs.
_LAYERS = re.compile(
    rb"Kdu-Layer-Info: log_2\{Delta-D\(squared-error\)/Delta-L\(bytes\)\}, L\(bytes\)"
    rb"(?:\n *-?\d{1,3}\.\d, +\d\.\de[+-]\d\d)*"
)
# Segments of fixed layout: their beginning, and their length without room for anything else.
_APPLICATIONS = ((b"JFIF\x00", 14), (b"Adobe", 12), (b"SPIFF\x00", 30))
_BYTES_OF_AN_OFFSET = 4
# Colour transforms and ends of directories.
_LONGEST_NAMELESS = 6


def has_text_in_pixels(pixels: bytes) -> bool:
    """Tell whether the encapsulated pixels of one frame carry more than a frame.

    That is a comment that is not the name of an encoder, wherever it stands,
    bytes behind the end of the picture, a table of offsets that says more than
    where the one frame begins, or a stream that is none of JPEG, JPEG-LS,
    JPEG 2000 and run lengths: what it holds is not known.

    Args:
        pixels: Pixel Data (7FE0,0010), encapsulated.
    """
    _offsets, *fragments = generate_fragments(pixels)
    stream = b"".join(fragments)
    if stream[:2] == _JPEG_START:
        parts = _jpeg_parts(stream)
    elif stream[:2] == _JPEG_2000_START:
        parts = _jpeg_2000_parts(stream)
    else:
        return _has_other_offsets(pixels) or not _is_run_length(stream)
    return _has_other_offsets(pixels) or any(not _is_harmless(*part) for part in parts)


def _has_other_offsets(pixels: bytes) -> bool:
    length = int.from_bytes(pixels[4:8], "little")
    return pixels[8 : 8 + length].strip(b"\x00") != b"" or length > _BYTES_OF_AN_OFFSET


def _is_run_length(stream: bytes) -> bool:
    if len(stream) < _BYTES_OF_RUN_LENGTH_HEADER:
        return False
    number, *offsets = struct.unpack_from(_RUN_LENGTH_HEADER, stream)
    used, unused = offsets[:number], offsets[number:]
    is_ordered = used == sorted(used) and used[:1] == [_BYTES_OF_RUN_LENGTH_HEADER]
    return is_ordered and not any(unused) and used[-1] < len(stream)


def _jpeg_parts(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Give each marker that can bring text, and what stands where there should be nothing."""
    place, marker = 2, _NO_MARKER
    while (found := _JPEG_MARKER.search(stream, place)) is not None:
        if marker != _START_OF_SCAN:
            # Fill bytes may stand before a marker.
            yield _NO_MARKER, stream[place : found.start()].strip(b"\xff")
        place, marker = found.start(), stream[found.start() + 1]
        if marker == _END:
            yield _END, stream[place + 2 :]
            return
        length = int.from_bytes(stream[place + 2 : place + 4], "big")
        is_application = _FIRST_APPLICATION <= marker <= _LAST_APPLICATION
        if is_application or marker == _JPEG_COMMENT or marker in _EXTENSIONS:
            yield marker, stream[place + 4 : place + 2 + length]
        place += 2 + length
    if marker != _START_OF_SCAN:
        yield _NO_MARKER, stream[place:]


def _jpeg_2000_parts(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Give each comment, and what stands where there should be nothing."""
    place, end_of_tile = 2, len(stream)
    while place + 2 <= len(stream):
        marker = stream[place + 1]
        if stream[place] != 0xFF or end_of_tile <= place:
            yield _NO_MARKER, stream[place:]
            return
        if marker == _END:
            yield _END, stream[place + 2 :]
            return
        if marker == _START_OF_DATA:
            place, end_of_tile = end_of_tile, len(stream)
            continue
        length = int.from_bytes(stream[place + 2 : place + 4], "big")
        if marker == _START_OF_TILE:
            end_of_tile = _end_of_tile(stream, place)
        if marker == _JPEG_2000_COMMENT:
            yield marker, stream[place + 4 : place + 2 + length]
        place += 2 + length


def _end_of_tile(stream: bytes, start: int) -> int:
    length = int.from_bytes(stream[start + 6 : start + 10], "big")
    # Zero: up to the end of the picture.
    return start + length if length else stream.rfind(bytes((0xFF, _END))) % (len(stream) + 1)


def _is_harmless(marker: int, content: bytes) -> bool:
    if marker in (_NO_MARKER, _END):
        return content.strip(b"\x00\xff") == b""
    if _FIRST_APPLICATION <= marker <= _LAST_APPLICATION:
        return len(content) <= _LONGEST_NAMELESS or any(
            content.startswith(name) and len(content) <= length for name, length in _APPLICATIONS
        )
    # Two bytes in JPEG 2000 say whether text follows.
    text = content[2:] if marker == _JPEG_2000_COMMENT else content
    text = text.rstrip(b"\x00 \n")
    return _ENCODER.fullmatch(text) is not None or _LAYERS.fullmatch(text) is not None
