"""The search of every byte for private entries and for traces of real images."""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from privacy_audit.artefacts.byte_search import FormTable, Hit, search_bytes, search_file
from privacy_audit.artefacts.findings import Finding, Inspection, Part
from privacy_audit.artefacts.private_list import PrivateList, table_of
from privacy_audit.artefacts.real_traces import RealTraces

_UID = re.compile(rb"(?<![\d.])[0-2](?:\.\d{1,39}){2,}")
_LONGEST_UID_SEARCH = 2**26
_MOST_DENSE = 10_000


@dataclasses.dataclass(frozen=True)
class Lookup:
    """What to look for in every byte.

    Attributes:
        table: all forms of all entries; None where there are no entries.
        labels: for each entry, (kind of finding, words that name it without repeating it).
        uids: unique identifiers of real images.
    """

    table: FormTable | None = dataclasses.field(repr=False)
    labels: tuple[tuple[str, str], ...]
    uids: frozenset[bytes] = dataclasses.field(repr=False)


def make_lookup(private: PrivateList | None, real: RealTraces | None) -> Lookup:
    """Prepare the search for private entries and for what real headers hold."""
    texts: list[str] = []
    labels: list[tuple[str, str]] = []
    for line, text in () if private is None else private.entries:
        texts.append(text)
        labels.append(("private_entry", f"line {line} of the private list"))
    known = set(texts)
    for text in () if real is None else real.texts:
        if text not in known:
            texts.append(text)
            labels.append(("real_trace", "a real image's header or name"))
    uids = frozenset() if real is None else frozenset(uid.encode() for uid in real.uids)
    return Lookup(table_of(texts) if texts else None, tuple(labels), uids)


def findings_of_lookup(
    shown: str, part: Part, own: Inspection, lookup: Lookup
) -> Iterator[Finding]:
    """Search a file and the texts that its reader pulled out of it.

    Raises:
        OSError: the file cannot be read.
    """
    dense = own.dense[:_MOST_DENSE] if len(own.dense) <= _MOST_DENSE else ((0, 2**62),)
    if lookup.table is not None:
        hits = search_file(part.path, lookup.table, dense)
        yield from _as_findings(shown, part.place, hits, lookup)
        for place, content in own.texts:
            yield from _as_findings(shown, place, search_bytes(content, lookup.table), lookup)
        for place, content in own.numbers:
            yield from findings_in_numbers(shown, place, content, lookup)
    if lookup.uids:
        for offset, content in _outside(part, dense):
            yield from _findings_of_uids(shown, part.place, offset, content, lookup)
        for place, content in own.texts:
            yield from _findings_of_uids(shown, place, 0, content, lookup)


def findings_in_numbers(
    shown: str, place: str, content: bytes, lookup: Lookup
) -> Iterator[Finding]:
    """Search bytes among which short entries are found by chance and not looked for."""
    if lookup.table is not None:
        hits = search_bytes(content, lookup.table, dense=((0, len(content)),))
        yield from _as_findings(shown, place, hits, lookup)


def findings_in_text(shown: str, place: str, text: str, lookup: Lookup) -> Iterator[Finding]:
    """Search a text that is no file, as a file's name."""
    content = text.encode("utf-8", "surrogateescape")
    if lookup.table is not None:
        for hit in search_bytes(content, lookup.table):
            kind, label = lookup.labels[hit.entry]
            yield Finding(shown, f"{place} ({label})", kind)
    yield from _findings_of_uids(shown, place, 0, content, lookup)


def _as_findings(shown: str, place: str, hits: Sequence[Hit], lookup: Lookup) -> Iterator[Finding]:
    for hit in hits:
        kind, label = lookup.labels[hit.entry]
        yield Finding(shown, f"{place}byte {hit.offset} ({label})", kind)


def _findings_of_uids(
    shown: str, place: str, start: int, content: bytes, lookup: Lookup
) -> Iterator[Finding]:
    for match in _UID.finditer(content):
        if match[0] in lookup.uids:
            yield Finding(shown, f"{place}byte {start + match.start()}", "real_uid")


def _outside(part: Part, dense: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Give the stretches of a file that are no numbers, with their offsets."""
    size = part.path.stat().st_size
    position = 0
    with part.path.open("rb") as stream:
        for low, high in [*sorted(dense), (size, size)]:
            if low > position:
                stream.seek(position)
                yield position, stream.read(min(low - position, _LONGEST_UID_SEARCH))
            position = max(position, high)
