"""Going through a DICOM file's elements one after the other, within limits.

Lengths, nesting and the number of elements are checked; values are passed over,
but for the few numbers that say how large the decoded pixels would be.
"""

import dataclasses
import enum
import struct
from collections.abc import Callable
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

from medsynth.imaging.bounded_stream import ForwardStream
from medsynth.imaging.file_reason import FileReason, RefusedError

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DELIMITER_GROUP = 0xFFFE
_MEDIA_RECORDS_GROUP = 0x0004
_PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_SERIES_UID_TAG = 0x0020000E
_SAMPLES, _FRAMES, _ROWS, _COLUMNS, _BITS = (
    0x00280002,
    0x00280008,
    0x00280010,
    0x00280011,
    0x00280100,
)
_WANTED = frozenset({_SERIES_UID_TAG, _SAMPLES, _FRAMES, _ROWS, _COLUMNS, _BITS})
_LONG_LENGTH_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_LONGEST_VALUE_KEPT = 64


@dataclasses.dataclass(frozen=True)
class WalkLimits:
    """What may be met in a file.

    Attributes:
        depth: sequences within sequences.
        elements: elements and items in all.
        text_bytes: one value that a library would split or convert.
        bulk_bytes: one value of plain bytes, other than pixels.
        matrix: rows, and columns.
        decoded_bytes: all pixels of the file when decoded.
    """

    depth: int = 64
    elements: int = 300_000
    text_bytes: int = 2**20
    bulk_bytes: int = 2**26
    matrix: int = 4096
    decoded_bytes: int = 2**30


class _Kind(enum.Enum):
    DATASET = enum.auto()
    SEQUENCE = enum.auto()
    FRAGMENTS = enum.auto()


class _Container(NamedTuple):
    """Something that holds elements or items.

    Attributes:
        kind: what it holds.
        end: where it ends; None if a delimiter ends it.
        limit: the nearest end of it or of what it lies in; None if there is none.
    """

    kind: _Kind
    end: int | None
    limit: int | None


def _ignore(_: int) -> None:
    """Take note of nothing."""


class ElementWalk:
    """One pass over the elements of one file.

    Attributes:
        series_uid: Series Instance UID once it was met, else empty.
    """

    def __init__(self, limits: WalkLimits) -> None:
        """Make ready for one file.

        Args:
            limits: what may be met.
        """
        self.series_uid = ""
        self._limits = limits
        self._numbers = {_SAMPLES: 1, _FRAMES: 1, _ROWS: 0, _COLUMNS: 0, _BITS: 16}
        self._elements = 0
        self._depth = 0
        self._has_pixels = False

    def run(
        self,
        stream: ForwardStream,
        *,
        size: int | None,
        is_big_endian: bool,
        is_implicit: bool,
        on_pixels: Callable[[int], None] = _ignore,
    ) -> None:
        """Pass over all elements.

        Args:
            stream: stands at the first element of the data set.
            size: where the stream ends; None if it is not known.
            is_big_endian: byte order of the data set.
            is_implicit: whether elements do not name their VR.
            on_pixels: told how many bytes of native pixels come next, before they come.

        Raises:
            RefusedError: a limit is exceeded, or a length does not fit.
        """
        order = ">" if is_big_endian else "<"
        self._stream = stream
        self._is_implicit = is_implicit
        self._tag_and_length = struct.Struct(f"{order}HHL").unpack
        self._short_length = struct.Struct(f"{order}H").unpack
        self._long_length = struct.Struct(f"{order}L").unpack
        self._on_pixels = on_pixels
        self._containers = [_Container(_Kind.DATASET, size, size)]
        while self._step():
            pass
        self._check_pixels(is_encoded=False)

    def _step(self) -> bool:
        """Pass over one element, item or end of a container; tells whether there may be more."""
        container = self._containers[-1]
        if container.limit is not None and container.limit - self._stream.position < 8:
            return self._pass_end(container)
        head = self._stream.read(8)
        if len(head) < 8:
            return len(self._containers) > 1 and self._is_repaired()
        self._elements += 1
        if self._elements > self._limits.elements:
            raise RefusedError(FileReason.TOO_MANY_ELEMENTS)
        group, element, length = self._tag_and_length(head)
        if group == _DELIMITER_GROUP:
            return self._pass_delimiter(group << 16 | element, length)
        if container.kind is not _Kind.DATASET:
            return self._is_repaired()
        if group == _MEDIA_RECORDS_GROUP and len(self._containers) == 1:
            raise RefusedError(FileReason.MEDIA_DIRECTORY)
        return self._pass_element(group << 16 | element, head, length)

    def _pass_end(self, container: _Container) -> bool:
        """Leave a container of known length; a few bytes behind its last element harm nobody."""
        if container.end is None:
            return self._is_repaired()
        self._leave()
        return bool(self._containers) and self._stream.skip(
            max(0, container.end - self._stream.position)
        )

    def _pass_delimiter(self, tag: int, length: int) -> bool:
        kind = self._containers[-1].kind
        if tag == _ITEM and kind is _Kind.SEQUENCE:
            return self._enter(_Kind.DATASET, length)
        if tag == _ITEM and kind is _Kind.FRAGMENTS:
            return (self._fits(length) and self._stream.skip(length)) or self._is_repaired()
        if tag == _ITEM_END and kind is _Kind.DATASET:
            self._leave()
            return bool(self._containers)
        if tag == _SEQUENCE_END and kind is not _Kind.DATASET:
            self._leave()
            return True
        return self._is_repaired()

    def _pass_element(self, tag: int, head: bytes, length: int) -> bool:
        vr = head[4:6]
        # The same test as pydicom's: the two must see the same elements.
        if self._is_implicit or not b"AA" <= vr <= b"ZZ":
            vr = b""
        elif vr in _LONG_LENGTH_VRS:
            rest = self._stream.read(4)
            if len(rest) < 4:
                return self._is_repaired()
            (length,) = self._long_length(rest)
        else:
            (length,) = self._short_length(head[6:8])
        is_pixels = tag in _PIXEL_TAGS and len(self._containers) == 1
        if is_pixels:
            self._has_pixels = True
            self._check_pixels(is_encoded=length == _UNDEFINED)
        if self._is_sequence(tag, vr, length):
            return self._enter(_Kind.SEQUENCE, length)
        if length == _UNDEFINED:
            return self._enter(_Kind.FRAGMENTS, length)
        if not self._fits(length):
            # A library makes room for all that is announced before it reads what there is.
            if is_pixels and length > self._decoded_bytes() + 1:
                raise RefusedError(FileReason.LENGTH_BEYOND_FILE)
            return self._is_repaired()
        if is_pixels:
            self._on_pixels(min(length, self._decoded_bytes()))
        else:
            self._check_length(tag, vr, length)
        return self._pass_value(tag, length)

    def _pass_value(self, tag: int, length: int) -> bool:
        if tag in _WANTED and len(self._containers) == 1 and length <= _LONGEST_VALUE_KEPT:
            value = self._stream.read(length)
            self._take_note(tag, value)
            return len(value) == length or self._is_repaired()
        return self._stream.skip(length) or self._is_repaired()

    def _is_sequence(self, tag: int, vr: bytes, length: int) -> bool:
        if vr == b"SQ":
            return True
        if vr not in (b"", b"UN"):
            return False
        # Unknown VR of undefined length is a sequence, PS3.5 section 6.2.2; implicit VR likewise.
        if length == _UNDEFINED:
            return tag not in _PIXEL_TAGS
        # An item alone takes eight bytes; the dictionary is slow to answer.
        return length >= 8 and _dictionary_vr(tag) == "SQ"

    def _enter(self, kind: _Kind, length: int) -> bool:
        limit = self._containers[-1].limit
        end = None
        if length != _UNDEFINED:
            if not self._fits(length):
                return self._is_repaired()
            limit = end = self._stream.position + length
        if kind is _Kind.SEQUENCE:
            self._depth += 1
            if self._depth > self._limits.depth:
                raise RefusedError(FileReason.TOO_DEEP)
        self._containers.append(_Container(kind, end, limit))
        return True

    def _leave(self) -> None:
        if self._containers.pop().kind is _Kind.SEQUENCE:
            self._depth -= 1

    def _fits(self, length: int) -> bool:
        limit = self._containers[-1].limit
        return limit is None or self._stream.position + length <= limit

    def _is_repaired(self) -> bool:
        """Go on behind the outermost container of known length, as a library would.

        What cannot be passed over that way ends the walk: in silence behind the
        pixels, where nothing is missing but pixels, else with a refusal.
        """
        outermost = self._containers[1] if len(self._containers) > 1 else self._containers[0]
        is_inside = len(self._containers) > 1 and outermost.end is not None
        if is_inside and outermost.end is not None and self._stream.position <= outermost.end:
            while len(self._containers) > 1:
                self._leave()
            return self._stream.skip(outermost.end - self._stream.position)
        if not self._has_pixels:
            raise RefusedError(FileReason.LENGTH_BEYOND_FILE)
        return False

    def _check_length(self, tag: int, vr: bytes, length: int) -> None:
        if length <= self._limits.text_bytes:
            return
        name = vr.decode("latin-1") or _dictionary_vr(tag)
        is_bulk = name.startswith("O") or name in ("UN", "UT", "US or OW", "OB or OW")
        if not is_bulk or length > self._limits.bulk_bytes:
            raise RefusedError(FileReason.TOO_LARGE)

    def _take_note(self, tag: int, value: bytes) -> None:
        if tag == _SERIES_UID_TAG:
            self.series_uid = value.decode("ascii", "replace").strip(" \0")
        elif tag == _FRAMES:
            digits = value.decode("ascii", "replace").split("\\")[0].strip(" \0+")
            frames = int(digits) if digits.isdecimal() else 1
            self._numbers[tag] = max(self._numbers[tag], frames)
        elif len(value) >= 2:
            (number,) = self._short_length(value[:2])
            self._numbers[tag] = max(self._numbers[tag], number)

    def _decoded_bytes(self) -> int:
        numbers = self._numbers
        samples = numbers[_ROWS] * numbers[_COLUMNS] * numbers[_FRAMES] * numbers[_SAMPLES]
        return samples * -(-numbers[_BITS] // 8)

    def _check_pixels(self, *, is_encoded: bool) -> None:
        is_too_large = self._decoded_bytes() > self._limits.decoded_bytes
        if is_too_large and is_encoded:
            raise RefusedError(FileReason.DECOMPRESSION_BOMB)
        if is_too_large or max(self._numbers[_ROWS], self._numbers[_COLUMNS]) > self._limits.matrix:
            raise RefusedError(FileReason.TOO_LARGE)


def _dictionary_vr(tag: int) -> str:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"
