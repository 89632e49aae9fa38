"""The list of names, numbers and dates that must not be found, and the ways to write each."""

import contextlib
import dataclasses
import datetime
import hashlib
import html.entities
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.artefacts.byte_search import Form, FormTable, fold, make_table

_SHORTEST_ENTRY = 3
_LONGEST_ENTRY = 256
_SEPARATORS = (" ", "^", ", ", ",", "_", "-", ".", "")
_PLAIN_LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
_YEAR_FIRST = re.compile(r"(\d{4})([-/._]?)(\d{1,2})\2(\d{1,2})")
_DAY_FIRST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_MONTHS = (
    ("January", "Januar"),
    ("February", "Februar"),
    ("March", "März"),
    ("April",),
    ("May", "Mai"),
    ("June", "Juni"),
    ("July", "Juli"),
    ("August",),
    ("September",),
    ("October", "Oktober"),
    ("November",),
    ("December", "Dezember"),
)


@dataclasses.dataclass(frozen=True)
class PrivateList:
    """Names, numbers and dates to look for.

    Attributes:
        entries: (line in the list, text).
    """

    entries: tuple[tuple[int, str], ...] = dataclasses.field(repr=False)


def read_private_list(path: Path) -> PrivateList:
    """Read names, numbers and dates, one a line, in UTF-8 or Latin-1; empty lines are skipped.

    A name may be written "Jane Doe", "Doe, Jane" or "DOE^JANE". A date is
    recognised as YYYYMMDD, YYYY-MM-DD or DD.MM.YYYY and looked for in all
    usual forms.

    Args:
        path: the list. It is never copied into a report.

    Raises:
        AuditError: the list cannot be read or is empty, or an entry is shorter than 3
            or longer than 256 characters.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AuditError(
            f"Private list {path} cannot be read ({type(error).__name__}). Expected a text file. "
            "Check the path."
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    entries = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    entries = [(number, entry) for number, entry in entries if entry]
    for number, entry in entries:
        if not _SHORTEST_ENTRY <= len(entry) <= _LONGEST_ENTRY:
            raise AuditError(
                f"Line {number} of private list {path.name} has {len(entry)} characters. Expected "
                f"{_SHORTEST_ENTRY} to {_LONGEST_ENTRY}; fewer are found everywhere by chance. "
                "Remove or complete the line."
            )
    if not entries:
        raise AuditError(
            f"Private list {path.name} is empty. Expected one name, number or date a line. Fill "
            "it or leave the option out."
        )
    return PrivateList(tuple(entries))


def table_of(texts: Sequence[str]) -> FormTable:
    """Prepare a search for all ways to write the texts.

    Args:
        texts: names, numbers or dates of at least 3 characters; hits name them by index.
    """
    return make_table(form for entry, text in enumerate(texts) for form in _forms_of(entry, text))


def spellings_of(text: str) -> tuple[str, ...]:
    """Give the ways to write an entry, letter case aside, each once."""
    day = _as_date(text)
    if day is not None:
        return tuple(dict.fromkeys([text, *_date_spellings(day)]))
    return tuple(dict.fromkeys([text, *_name_spellings(text)]))


def _forms_of(entry: int, text: str) -> Iterator[Form]:
    seen: set[bytes] = set()
    for spelling in spellings_of(text):
        for written in _lettered(spelling):
            for encoded, step in _encoded(written):
                folded = fold(encoded)
                if len(folded) >= _SHORTEST_ENTRY and folded not in seen:
                    seen.add(folded)
                    yield Form(folded, entry, len(written), step)
    for digest in _digests(text):
        yield Form(digest.encode("ascii"), entry, len(digest), 1)


def _name_spellings(text: str) -> Iterator[str]:
    parts = [part for part in re.split(r"[\s,^]+", text) if part]
    if len(parts) < 2:
        return
    orders = (parts, parts[::-1], [*parts[1:], parts[0]], [parts[-1], *parts[:-1]])
    for order in orders:
        for separator in _SEPARATORS:
            yield separator.join(order)
    # "Doe, Jane Ann" is the family name before the given ones.
    yield parts[0] + "^" + " ".join(parts[1:])
    yield parts[-1] + "^" + " ".join(parts[:-1])
    yield parts[0] + ", " + " ".join(parts[1:])
    yield parts[-1] + ", " + " ".join(parts[:-1])


def _as_date(text: str) -> datetime.date | None:
    year_first = _YEAR_FIRST.fullmatch(text)
    day_first = _DAY_FIRST.fullmatch(text)
    try:
        if year_first:
            return datetime.date(int(year_first[1]), int(year_first[3]), int(year_first[4]))
        if day_first:
            return datetime.date(int(day_first[4]), int(day_first[3]), int(day_first[1]))
    except ValueError:
        return None
    return None


def _date_spellings(day: datetime.date) -> Iterator[str]:
    year, month, of_month = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    for separator in ("", "-", "/", ".", "_"):
        yield separator.join((year, month, of_month))
    for separator in ("", "-", "/", ".", "_"):
        yield separator.join((of_month, month, year))
    yield f"{month}/{of_month}/{year}"
    yield f"{day.day}.{day.month}.{year}"
    yield f"{day.month}/{day.day}/{year}"
    yield f"{of_month}.{month}.{year[2:]}"
    for name in _MONTHS[day.month - 1]:
        for word in dict.fromkeys((name, name[:3])):
            yield f"{day.day} {word} {year}"
            yield f"{of_month}-{word}-{year}"
            yield f"{day.day}. {word} {year}"
            yield f"{word} {day.day}, {year}"


def _lettered(text: str) -> Iterable[str]:
    """Give the ways to write letters beyond ASCII; ASCII letters are folded later."""
    if text.isascii():
        return (text,)
    plain = "".join(_PLAIN_LETTERS.get(letter, letter) for letter in text)
    bare = "".join(
        letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
    )
    written = [text, text.lower(), text.upper(), text.title(), plain, bare]
    written += [unicodedata.normalize("NFD", form) for form in (text, text.lower(), text.upper())]
    for form in (text, text.lower(), text.upper()):
        written.append(json.dumps(form)[1:-1])
        written.append("".join(_as_entity(letter) for letter in form))
    return dict.fromkeys(written)


def _as_entity(letter: str) -> str:
    name = html.entities.codepoint2name.get(ord(letter))
    return letter if letter.isascii() or name is None else f"&{name};"


def _encoded(text: str) -> Iterator[tuple[bytes, int]]:
    yield text.encode("utf-8"), 1
    with contextlib.suppress(UnicodeEncodeError):
        yield text.encode("latin-1"), 1
    yield text.encode("utf-16-le"), 2
    yield text.encode("utf-16-be"), 2


def _digests(text: str) -> Iterator[str]:
    """A number's plain hash can be undone by trying all numbers: it is the number."""
    for written in dict.fromkeys((text, text.lower(), text.upper())):
        data = written.encode("utf-8")
        yield hashlib.md5(data, usedforsecurity=False).hexdigest()
        yield hashlib.sha1(data, usedforsecurity=False).hexdigest()
        yield hashlib.sha256(data).hexdigest()
