"""A look at a file's structure before any DICOM library sees it.

One pass forward, in constant memory and in time linear in the file: no value
longer than a few bytes is kept, nothing is decoded and nothing recurses.
What it lets through can still be damaged; it cannot be large, deep or endless.
"""

import dataclasses
import stat
import zlib
from pathlib import Path
from typing import BinaryIO

from medsynth.imaging.bounded_stream import FileStream, InflatedStream, InflatedTooFarError
from medsynth.imaging.element_walk import ElementWalk, WalkLimits
from medsynth.imaging.file_reason import FileReason, RefusedError

_MEDIA_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_DEFLATED_SYNTAX = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN_SYNTAX = "1.2.840.10008.1.2.2"
_TRANSFER_SYNTAX_TAG = 0x00020010
_MEDIA_CLASS_TAG = 0x00020002
_PREAMBLE_BYTES = 128
_LONG_LENGTH_VRS = frozenset({b"OB", b"OW", b"UN", b"SQ", b"UT"})
_LONGEST_META_BYTES = 2**20
# Groups 0002 and 0008 begin a file without preamble, in either byte order.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


@dataclasses.dataclass(frozen=True)
class GuardLimits:
    """How large a file may be and become.

    Attributes:
        file_bytes: length of the file.
        inflated_bytes: what a deflated file may hold beside its pixels.
        inflated_pixel_bytes: pixels of a deflated file.
        walk: limits of what is met in the file.
    """

    file_bytes: int = 2**31
    inflated_bytes: int = 2**26
    inflated_pixel_bytes: int = 2**28
    walk: WalkLimits = dataclasses.field(default_factory=WalkLimits)


@dataclasses.dataclass(frozen=True)
class GuardVerdict:
    """What the look at one file came to.

    Attributes:
        reason: readable, or why the file must not be opened by a library.
        series_uid: Series Instance UID if the look came that far, else empty.
    """

    reason: FileReason
    series_uid: str = dataclasses.field(repr=False)


def check_file(path: Path, limits: GuardLimits) -> GuardVerdict:
    """Tell whether a file is DICOM whose structure is bounded.

    Args:
        path: any file; links must have been resolved.
        limits: how large the file may be.

    Returns:
        The verdict. Pixel data cut off at the end of the file is let through:
        the series that misses them must be refused by name.
    """
    walk = ElementWalk(limits.walk)
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return GuardVerdict(FileReason.NOT_REGULAR_FILE, "")
        with path.open("rb") as file:
            _check_content(file, status.st_size, limits, walk)
    except RefusedError as refusal:
        return GuardVerdict(refusal.reason, walk.series_uid)
    except InflatedTooFarError:
        return GuardVerdict(FileReason.DECOMPRESSION_BOMB, walk.series_uid)
    except (OSError, zlib.error):
        return GuardVerdict(FileReason.UNREADABLE, walk.series_uid)
    return GuardVerdict(FileReason.READABLE, walk.series_uid)


def _check_content(file: BinaryIO, size: int, limits: GuardLimits, walk: ElementWalk) -> None:
    start = _first_element(file.read(_PREAMBLE_BYTES + 4))
    if size > limits.file_bytes:
        raise RefusedError(FileReason.TOO_LARGE)
    meta, start = _read_meta(file, start=start, size=size)
    if meta.get(_MEDIA_CLASS_TAG) == _MEDIA_DIRECTORY_CLASS:
        raise RefusedError(FileReason.MEDIA_DIRECTORY)
    syntax = meta.get(_TRANSFER_SYNTAX_TAG, "")
    if syntax == _DEFLATED_SYNTAX:
        _check_deflated(file, start, limits, walk)
        return
    first = _peek(file, start)
    # Big endian without a transfer syntax shows as a group number that is far too large.
    is_swapped = not syntax and int.from_bytes(first[:2], "little") >= 0x0400
    walk.run(
        FileStream(file, start=start, size=size),
        size=size,
        is_big_endian=is_swapped or syntax == _BIG_ENDIAN_SYNTAX,
        is_implicit=_is_implicit(first),
    )


def _check_deflated(file: BinaryIO, start: int, limits: GuardLimits, walk: ElementWalk) -> None:
    first = InflatedStream(file, start=start, allowed_bytes=limits.inflated_bytes).read(8)
    stream = InflatedStream(file, start=start, allowed_bytes=limits.inflated_bytes)

    def allow_pixels(pixel_bytes: int) -> None:
        if pixel_bytes > limits.inflated_pixel_bytes:
            raise RefusedError(FileReason.DECOMPRESSION_BOMB)
        stream.allow(pixel_bytes)

    walk.run(
        stream,
        size=None,
        is_big_endian=False,
        is_implicit=_is_implicit(first),
        on_pixels=allow_pixels,
    )
    # A library inflates all there is, also behind the last element.
    while stream.skip(2**20):
        pass


def _first_element(beginning: bytes) -> int:
    """Give where the first element begins."""
    if beginning[_PREAMBLE_BYTES:] == b"DICM":
        return _PREAMBLE_BYTES + 4
    if beginning[:2] in _FIRST_GROUPS:
        return 0
    raise RefusedError(FileReason.NOT_DICOM)


def _read_meta(file: BinaryIO, *, start: int, size: int) -> tuple[dict[int, str], int]:
    """Read the elements of group 0002 and give where the data set begins."""
    found: dict[int, str] = {}
    stream = FileStream(file, start=start, size=size)
    while True:
        begins = stream.position
        head = stream.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            return found, begins
        length = int.from_bytes(head[6:8], "little")
        if head[4:6] in _LONG_LENGTH_VRS:
            length = int.from_bytes(stream.read(4), "little")
        if length > _LONGEST_META_BYTES or begins - start > _LONGEST_META_BYTES:
            raise RefusedError(FileReason.TOO_LARGE)
        value = stream.read(min(length, 64))
        found[0x00020000 | int.from_bytes(head[2:4], "little")] = _as_uid(value)
        if not stream.skip(length - len(value)):
            raise RefusedError(FileReason.LENGTH_BEYOND_FILE)


def _peek(file: BinaryIO, start: int) -> bytes:
    file.seek(start)
    return file.read(8)


def _is_implicit(first: bytes) -> bool:
    """Tell whether the first element names no VR; what the file says of itself may be wrong."""
    return not all(0x40 < letter < 0x5B for letter in first[4:6])


def _as_uid(value: bytes) -> str:
    """Give the text of a UID as it stands in a file, without its padding."""
    return value.decode("ascii", "replace").strip(" \0")
