"""Checks on pixel data before a decoder, written in C and believing what it reads, is called.

A codestream carries its own number of rows and columns. Decoders allocate by
these; they must be what the header says, and what the header says is bounded.
"""

import dataclasses
import struct
from collections.abc import Iterator
from typing import Any

from pydicom.encaps import generate_fragments
from pydicom.uid import (
    HTJ2K,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from medsynth.errors import ImageError

_NATIVE_SYNTAXES = frozenset(
    {
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    }
)
_JPEG_SYNTAXES = frozenset((*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes))
_JPEG_2000_SYNTAXES = frozenset((*JPEG2000TransferSyntaxes, HTJ2K, HTJ2KLosslessRPCL))
_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
_JP2_BOX = b"\x00\x00\x00\x0cjP  "
# SOF0 to SOF15 without DHT, JPG and DAC, which lie between them; SOF55 is JPEG-LS.
_FRAME_MARKERS = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}
_SCAN_MARKERS = frozenset({0xD9, 0xDA})
_MOST_MARKERS = 1000
# A JP2 file's boxes ahead of its codestream are short.
_LONGEST_BOXES = 2**16
_MOST_TILES = 65_535
_RLE_HEADER_BYTES = 64
_RLE_LARGEST_RATIO = 64


@dataclasses.dataclass(frozen=True)
class PixelLimits:
    """How large decoded pixels may be.

    Attributes:
        matrix: rows, and columns.
        decoded_bytes: all frames of a file.
    """

    matrix: int = 4096
    decoded_bytes: int = 2**30


@dataclasses.dataclass(frozen=True)
class PixelShape:
    """What the header says of the pixels.

    Attributes:
        rows: rows of a frame.
        columns: columns of a frame.
        samples: values of a pixel.
        frames: number of frames.
        sample_bytes: bytes of a decoded value.
    """

    rows: int
    columns: int
    samples: int
    frames: int
    sample_bytes: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one decoded frame."""
        return self.rows * self.columns * self.samples * self.sample_bytes


def check_pixels(dataset: Any, limits: PixelLimits) -> None:
    """Make sure that decoding a data set's pixels is bounded by what its header says.

    Args:
        dataset: a pydicom data set with its pixel data and transfer syntax.
        limits: how large the pixels may be.

    Raises:
        ImageError: the pixels are missing, too large, of a codec that is not read,
            or a codestream has other dimensions than the header.
    """
    shape = _header_shape(dataset)
    if max(shape.rows, shape.columns) > limits.matrix:
        raise ImageError(
            f"CT slice has {shape.rows} rows and {shape.columns} columns. Expected at most "
            f"{limits.matrix}. Exclude the series."
        )
    if shape.frame_bytes * shape.frames > limits.decoded_bytes:
        raise ImageError(
            f"CT file decodes to {shape.frame_bytes * shape.frames} bytes. Expected at most "
            f"{limits.decoded_bytes}. Exclude the series."
        )
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax not in _NATIVE_SYNTAXES:
        _check_codestreams(dataset.PixelData, syntax, shape)


def _header_shape(dataset: Any) -> PixelShape:
    try:
        return PixelShape(
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples=int(dataset.get("SamplesPerPixel") or 1),
            frames=int(dataset.get("NumberOfFrames") or 1),
            sample_bytes=-(-int(dataset.BitsAllocated) // 8),
        )
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise ImageError(
            "CT file does not say how many pixels it has. Expected Rows (0028,0010), Columns "
            "(0028,0011) and Bits Allocated (0028,0100). Exclude the series."
        ) from None


def _check_codestreams(pixel_data: bytes, syntax: str, shape: PixelShape) -> None:
    found = 0
    for fragment in _codestreams(pixel_data, shape):
        if syntax == RLELossless:
            _check_run_lengths(fragment, shape)
            found += 1
        elif syntax in _JPEG_SYNTAXES and fragment[:2] == _JPEG_START:
            _check_equal(_jpeg_shape(fragment), shape)
            found += 1
        elif syntax in _JPEG_2000_SYNTAXES:
            start = _jpeg_2000_start(fragment)
            if start is not None:
                _check_equal(_jpeg_2000_shape(fragment[start:]), shape)
                found += 1
    # Of several fragments of a frame the first alone begins as a codestream does.
    if found != shape.frames:
        raise ImageError(
            f"CT file has {found} codestreams of a known codec. Expected one for each of "
            f"{shape.frames} frames. Exclude the series."
        )


def _codestreams(pixel_data: bytes, shape: PixelShape) -> Iterator[bytes]:
    # Some write a run-length frame in several fragments, which the standard forbids.
    if shape.frames == 1:
        yield b"".join(_fragments(pixel_data))
    else:
        yield from _fragments(pixel_data)


def _fragments(pixel_data: bytes) -> Iterator[bytes]:
    try:
        offset_table_bytes = 8 + struct.unpack("<L", pixel_data[4:8])[0]
        yield from generate_fragments(pixel_data[offset_table_bytes:])
    except (struct.error, ValueError, EOFError):
        raise _damaged() from None


def _check_equal(found: tuple[int, int, int, int], shape: PixelShape) -> None:
    rows, columns, samples, bits = found
    if (rows, columns, samples) != (shape.rows, shape.columns, shape.samples):
        raise ImageError(
            f"A codestream has {rows} rows, {columns} columns and {samples} samples. Expected the "
            f"header's {shape.rows}, {shape.columns} and {shape.samples}. Exclude the series."
        )
    if bits > 8 * shape.sample_bytes:
        raise ImageError(
            f"A codestream has values of {bits} bits. Expected at most the header's "
            f"{8 * shape.sample_bytes}. Exclude the series."
        )


def _jpeg_shape(codestream: bytes) -> tuple[int, int, int, int]:
    """Give rows, columns, samples and bits of a JPEG or JPEG-LS codestream (ISO 10918-1, B.2.2)."""
    position = 2
    for _ in range(_MOST_MARKERS):
        head = codestream[position : position + 4]
        if len(head) < 4 or head[0] != 0xFF or head[1] in _SCAN_MARKERS:
            break
        if head[1] in _FRAME_MARKERS:
            frame = codestream[position + 4 : position + 10]
            if len(frame) < 6:
                break
            bits, rows, columns, samples = struct.unpack(">BHHB", frame)
            return rows, columns, samples, bits
        # Fill bytes may stand before a marker.
        length = struct.unpack(">H", head[2:4])[0]
        position += 1 if head[1] == 0xFF else 2 + length
    raise _damaged()


def _jpeg_2000_start(fragment: bytes) -> int | None:
    if fragment.startswith(_JPEG_2000_START):
        return 0
    if fragment.startswith(_JP2_BOX):
        start = fragment.find(_JPEG_2000_START, 0, _LONGEST_BOXES)
        return None if start < 0 else start
    return None


def _jpeg_2000_shape(codestream: bytes) -> tuple[int, int, int, int]:
    """Give rows, columns, samples and bits of a JPEG 2000 codestream (ISO 15444-1, A.5.1)."""
    try:
        values = struct.unpack(">HHLLLLLLLLH", codestream[4:42])
    except struct.error:
        raise _damaged() from None
    _, _, right, bottom, left, top, tile_columns, tile_rows, _, _, samples = values
    rows, columns = bottom - top, right - left
    components = codestream[42 : 42 + 3 * samples]
    if min(rows, columns, tile_rows, tile_columns, samples, len(components)) < 1:
        raise _damaged()
    # Each tile costs a decoder memory, also one that holds a single pixel.
    if -(-right // tile_columns) * -(-bottom // tile_rows) > _MOST_TILES:
        raise _damaged()
    return rows, columns, samples, max((depth & 0x7F) + 1 for depth in components[::3])


def _check_run_lengths(fragment: bytes, shape: PixelShape) -> None:
    """Make sure that a run-length frame can hold the frame and little more (PS3.5, annex G)."""
    if len(fragment) < _RLE_HEADER_BYTES:
        raise _damaged()
    count, *offsets = struct.unpack("<16L", fragment[:_RLE_HEADER_BYTES])
    if count != shape.samples * shape.sample_bytes or count > 15:
        raise _damaged()
    ends = [*offsets[1:count], len(fragment)]
    values = shape.rows * shape.columns
    for start, end in zip(offsets[:count], ends, strict=True):
        segment_bytes = end - start
        is_within = _RLE_HEADER_BYTES <= start <= end <= len(fragment)
        # Two bytes make at most 128 values; a byte in vain for each of them is already too many.
        if not is_within or not values <= segment_bytes * _RLE_LARGEST_RATIO:
            raise _damaged()
        if segment_bytes > 2 * values + _RLE_HEADER_BYTES:
            raise _damaged()


def _damaged() -> ImageError:
    return ImageError(
        "A codestream is cut off or damaged. Expected a whole frame of the codec that the header "
        "names. Exclude the series."
    )
