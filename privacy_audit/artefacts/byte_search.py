"""Search of bytes for many short strings at once.

Every position's first eight bytes are looked up in a table of the strings'
beginnings, a whole chunk in one step; what remains is compared byte by byte.
The cost hardly depends on the number of strings. Strings shorter than that
have tables of their own, which are used where there are no numbers.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHANCE_LENGTH = 8
"""Among numbers or compressed bytes, shorter strings are found by chance and not looked for."""

_CHUNK_BYTES = 2**24
_TABLE_BITS = 22
_CONTEXT_BYTES = 32
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_WIDTHS = (8, 4, 3)
_LATIN_CAPITALS = bytes(code for code in range(0xC0, 0xDF) if code != 0xD7)
_FOLD = bytes.maketrans(
    bytes(range(0x41, 0x5B)) + _LATIN_CAPITALS,
    bytes(range(0x61, 0x7B)) + bytes(code + 0x20 for code in _LATIN_CAPITALS),
)
_ALPHANUMERIC = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD = re.compile(rb"[A-Za-z]+")
_DECIMAL_BEFORE = re.compile(rb"(?<![\d.])\d*\.$")
_DECIMAL_AFTER = re.compile(rb"\.\d+(?![\d.])")


@dataclasses.dataclass(frozen=True)
class Form:
    """One way in which an entry may be written.

    Attributes:
        folded: its bytes, letters folded to lower case.
        entry: number of the entry.
        characters: its length in characters.
        step: bytes a character takes at least: 1, or 2 in UTF-16.
    """

    folded: bytes = dataclasses.field(repr=False)
    entry: int
    characters: int
    step: int


@dataclasses.dataclass(frozen=True)
class Hit:
    """A form found at a byte offset."""

    offset: int
    entry: int


@dataclasses.dataclass(frozen=True)
class FormTable:
    """Forms, ordered by their first bytes.

    Attributes:
        by_beginning: (width, first bytes as a number) -> forms.
        keys: width 3, 4 or 8 -> the sorted first bytes as numbers.
        marks: width -> table of 2**22 truth values by the hash of the first bytes.
        longest: bytes of the longest form.
    """

    by_beginning: Mapping[tuple[int, int], tuple[Form, ...]] = dataclasses.field(repr=False)
    keys: Mapping[int, NDArray[np.uint64]] = dataclasses.field(repr=False)
    marks: Mapping[int, NDArray[np.bool_]] = dataclasses.field(repr=False)
    longest: int


def fold(data: bytes) -> bytes:
    """Fold ASCII and Latin-1 capitals to small letters, byte by byte."""
    return data.translate(_FOLD)


def make_table(forms: Iterable[Form]) -> FormTable:
    """Prepare forms for searching.

    Args:
        forms: of at least three bytes each.
    """
    by_beginning: dict[tuple[int, int], list[Form]] = {}
    longest = 0
    for form in forms:
        width = next(width for width in _WIDTHS if width <= len(form.folded))
        key = int.from_bytes(form.folded[:width], "little")
        by_beginning.setdefault((width, key), []).append(form)
        longest = max(longest, len(form.folded))
    keys = {}
    marks = {}
    for width in sorted({width for width, _ in by_beginning}):
        keys[width] = np.array(
            sorted(key for other, key in by_beginning if other == width), dtype=np.uint64
        )
        marks[width] = np.zeros(2**_TABLE_BITS, dtype=np.bool_)
        marks[width][_hashed(keys[width])] = True
    frozen = {key: tuple(found) for key, found in by_beginning.items()}
    return FormTable(frozen, keys, marks, longest)


def search_file(path: Path, table: FormTable, dense: Sequence[tuple[int, int]]) -> list[Hit]:
    """Find the first place of each entry in a file.

    Args:
        path: any file; read in chunks of 16 MiB.
        table: what to look for.
        dense: byte ranges in which forms below `CHANCE_LENGTH` characters are not looked for.

    Returns:
        At most one hit an entry, in the order of offsets.

    Raises:
        OSError: the file cannot be read.
    """
    first: dict[int, Hit] = {}
    for start, data, begin, end in _chunks(path, table.longest + _CONTEXT_BYTES):
        for hit in _search_chunk(data, table, [(low - start, high - start) for low, high in dense]):
            if begin <= hit.offset < end and hit.entry not in first:
                first[hit.entry] = Hit(start + hit.offset, hit.entry)
    return sorted(first.values(), key=lambda hit: (hit.offset, hit.entry))


def search_bytes(data: bytes, table: FormTable, dense: Sequence[tuple[int, int]] = ()) -> list[Hit]:
    """Find the first place of each entry in bytes; see `search_file`."""
    first: dict[int, Hit] = {}
    for hit in _search_chunk(data, table, dense):
        first.setdefault(hit.entry, hit)
    return sorted(first.values(), key=lambda hit: (hit.offset, hit.entry))


def _chunks(path: Path, margin: int) -> Iterator[tuple[int, bytes, int, int]]:
    """Give (offset of the chunk, its bytes, first and last place within it that is its own)."""
    start = 0
    data = b""
    own = 0
    with path.open("rb") as stream:
        while True:
            new = stream.read(_CHUNK_BYTES)
            data += new
            if not new:
                yield start, data, own, len(data)
                return
            end = max(own, len(data) - margin)
            yield start, data, own, end
            kept = max(0, end - _CONTEXT_BYTES)
            own = end - kept
            start += kept
            data = data[kept:]


def _search_chunk(data: bytes, table: FormTable, dense: Sequence[tuple[int, int]]) -> Iterator[Hit]:
    folded = fold(data)
    for width in table.keys:
        # What begins with fewer than eight bytes has fewer than eight characters.
        stretches = [(0, len(data))] if width == _WIDTHS[0] else _outside(dense, len(data))
        for start, end in stretches:
            for position in _candidates(folded[start:end], table, width):
                place = start + position
                key = int.from_bytes(folded[place : place + width], "little")
                for form in table.by_beginning[width, key]:
                    if folded.startswith(form.folded, place) and _counts(data, place, form, dense):
                        yield Hit(place, form.entry)


def _outside(dense: Sequence[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    position = 0
    for low, high in [*sorted(dense), (size, size)]:
        if min(low, size) > position:
            yield position, min(low, size)
        position = max(position, high)


def _candidates(folded: bytes, table: FormTable, width: int) -> list[int]:
    """Give the sorted positions whose first bytes begin some form."""
    # Zero bytes behind let the last positions be read as whole numbers, too.
    values = np.frombuffer(folded + bytes(8), dtype=np.uint8)
    step = 8 if width == 8 else 4
    keys = table.keys[width]
    found = []
    for offset in range(step):
        count = (len(values) - offset) // step
        beginnings = values[offset : offset + step * count].view(f"<u{step}")
        if width == 3:
            beginnings = beginnings & np.uint32(0xFFFFFF)
        marked = np.flatnonzero(table.marks[width][_hashed(beginnings)])
        place = np.minimum(np.searchsorted(keys, beginnings[marked]), len(keys) - 1)
        exact = marked[keys[place] == beginnings[marked]]
        found.append(exact * step + offset)
    positions = np.sort(np.concatenate(found))
    return [int(position) for position in positions if position + width <= len(folded)]


def _hashed(beginnings: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.uint64]:
    product = beginnings.astype(np.uint64, copy=False) * _MULTIPLIER
    return product >> np.uint64(64 - _TABLE_BITS)


def _counts(data: bytes, position: int, form: Form, dense: Sequence[tuple[int, int]]) -> bool:
    """Whether a match is more than letters that happen to stand beside each other."""
    end = position + len(form.folded)
    if form.characters < CHANCE_LENGTH:
        if any(low <= position < high for low, high in dense):
            return False
        words = _WORD.findall(data[position : end : form.step])
        if not all(word.islower() or word.isupper() or word.istitle() for word in words):
            return False
    if not _has_boundaries(data, position, end, form.step):
        return False
    return form.step != 1 or not _is_within_decimal(data, position, end, form.characters)


def _has_boundaries(data: bytes, position: int, end: int, step: int) -> bool:
    # UTF-16 in either byte order: a neighbouring letter is a byte pair with a zero.
    before = data[max(0, position - step) : position]
    after = data[end : end + step]
    return not (_is_letter(before) or _is_letter(after))


def _is_letter(character: bytes) -> bool:
    if len(character) == 2:
        if 0 not in character:
            return False
        character = bytes([max(character)])
    return bool(character) and character[0] in _ALPHANUMERIC


def _is_within_decimal(data: bytes, position: int, end: int, characters: int) -> bool:
    """Whether digits are the whole or the fraction of a decimal number; nine are too many."""
    if characters > 9 or not data[position:end].isdigit():
        return False
    before = data[max(0, position - _CONTEXT_BYTES) : position]
    after = data[end : end + _CONTEXT_BYTES]
    return bool(_DECIMAL_BEFORE.search(before) or _DECIMAL_AFTER.match(after))
