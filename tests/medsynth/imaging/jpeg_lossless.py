"""The smallest writer of JPEG lossless (process 14, selection value 1), for tests.

Each pixel is predicted by its left neighbour, a row's first by the one above, and the
very first by half the range. The difference is written as its number of bits, in a
code of five bits, and the bits themselves.

Source: ITU-T T.81, sections F.1.2.1.1 (bits of a difference) and H (lossless mode).
"""

import struct

import numpy as np
from numpy.typing import NDArray

_CATEGORIES = 17
_CODE_LENGTH = 5


def jpeg_lossless(stored: NDArray[np.uint16]) -> bytes:
    """Give a JPEG lossless stream of 16-bit values of shape (rows, columns)."""
    rows, columns = stored.shape
    codes = bytes([_CATEGORIES if length == _CODE_LENGTH else 0 for length in range(1, 17)])
    table = b"\x00" + codes + bytes(range(_CATEGORIES))
    frame = struct.pack(">BHHB3B", 16, rows, columns, 1, 1, 0x11, 0)
    scan = bytes([1, 1, 0, 1, 0, 0])
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xC4, table),
            _segment(0xC3, frame),
            _segment(0xDA, scan),
            _entropy_coded(stored.astype(np.int64)),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _entropy_coded(stored: NDArray[np.int64]) -> bytes:
    predicted = np.empty_like(stored)
    predicted[:, 1:] = stored[:, :-1]
    predicted[1:, 0] = stored[:-1, 0]
    predicted[0, 0] = 2**15
    # Differences count modulo 2**16, from -32767 to 32768.
    differences = (stored - predicted + 32767) % 2**16 - 32767
    bits = "".join(_coded(int(difference)) for difference in differences.ravel())
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    # A byte that looks like a marker is followed by zero.
    return packed.replace(b"\xff", b"\xff\x00")


def _coded(difference: int) -> str:
    category = abs(difference).bit_length()
    code = f"{category:0{_CODE_LENGTH}b}"
    if category in (0, 16):
        return code
    value = difference if difference > 0 else difference + 2**category - 1
    return code + f"{value:0{category}b}"
