"""Dates, paths, addresses, identifiers and tell-tale field names in texts."""

import base64
import binascii
import datetime
import re
from collections.abc import Iterator

from pydicom.uid import RE_VALID_UID

from privacy_audit.artefacts.findings import Finding, Inspection

_LONGEST_TEXT = 2**26
_MOST_EMBEDDED = 256
_GENERATOR_ROOTS = (
    "2.25.",
    "1.2.840.10008.",
    # Roots under which pydicom, highdicom and GDCM draw identifiers at random.
    "1.2.826.0.1.3680043.8.498.",
    "1.2.826.0.1.3680043.10.511.3.",
    "1.2.826.0.1.3680043.2.1125.",
)
_UID = re.compile(r"(?<![\w.])[0-2](?:\.(?:0|[1-9]\d*)){4,}(?![\w.]*\w)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PATH = re.compile(
    r"(?<![\w./:<~-])/(?:home|Users|mnt|media|data|work|var|tmp|root|opt|srv|export|scratch|gpfs"
    r"|lustre|nfs|net|pfs|projects?|storage|archive|raid|cluster|hpc|volumes?)/[\w.@-]+"
    r"|(?<![\w])[A-Za-z]:\\{1,2}[\w .-]+\\"
    r"|(?<![\w\\])\\{2,4}[\w.-]+\\{1,2}[\w.$-]+"
    r"|file://\S"
    r"|(?<=[\"'])/(?:[\w.@-]+/)+[\w.@-]+(?=[\"'])",
    re.IGNORECASE,
)
_DATES = (
    (
        re.compile(r"(?<![\w.])(\d{4})(\d{2})(\d{2})(?:[Tt ]?\d{6}(?:\.\d+)?)?(?![\w]|\.\d)"),
        1,
        2,
        3,
    ),
    (re.compile(r"(?<![\w.-])(\d{4})([-/._])(\d{1,2})\2(\d{1,2})(?![\d]|[-.]\d)"), 1, 3, 4),
    (re.compile(r"(?<![\w./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\w]|[./-]\d)"), 4, 3, 1),
    (re.compile(r"(?<![\w./-])(\d{1,2})(/)(\d{1,2})\2(\d{4})(?![\w]|[./-]\d)"), 4, 1, 3),
)
_WRITTEN_DATE = re.compile(
    r"(?<!\w)(?:\d{1,2}\.? |\d{1,2}-)"
    r"(?:jan|feb|m[aä]r|apr|ma[yi]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*[ -]\d{4}(?!\d)"
    r"|(?<!\w)(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2},? \d{4}(?!\d)",
    re.IGNORECASE,
)
# When a program ran is no date of a patient, where it stands in a field that says so.
_PROCESS_TIME = re.compile(
    r"\"(?:created|finished|started|written|generated|ended|updated)(?:_at|_on)?\"\s*:\s*"
    r"\"\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?\""
)
_PERSONAL_FIELD = re.compile(
    r"(?:^|[\"',;\t|])\s*(?:patients?[_ ]?s?[_ ]?(?:full[_ ]?)?name|patientname|full[_ ]?name"
    r"|last[_ ]?name|first[_ ]?name|surname|birth[_ ]?date|birthdate|date[_ ]?of[_ ]?birth|dob|mrn"
    r"|ssn|social[_ ]?security[_ ]?number|accession(?:[_ ]?number)?|phone(?:[_ ]?number)?"
    r"|telephone|street|home[_ ]?address|physician(?:[_ ]?name)?|insurance(?:[_ ]?number)?)"
    r"\s*(?=[\"']\s*:\s*[\"'\d\[{]|[,;\t|]|[\"'][,;\t]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_EMBEDDED = re.compile(r"data:[\w.+/-]*(?:;[\w=-]+)*;base64,([A-Za-z0-9+/=]{16,})")
_PRINTABLE_RUN = re.compile(rb"[\x20-\x7e\t]{6,4096}")


def find_patterns(text: str) -> list[tuple[int, str]]:
    """Find dates, paths, e-mail addresses, identifiers and personal fields.

    Args:
        text: any text.

    Returns:
        (offset in characters, kind as in `findings.KINDS`), in order.
    """
    masked = _PROCESS_TIME.sub(lambda match: " " * len(match[0]), text)
    found = [(offset, "date_or_time") for offset in _dates(masked)]
    found += [(match.start(), "email") for match in _EMAIL.finditer(text)]
    found += [(match.start(), "path") for match in _PATH.finditer(text)]
    found += [(match.start(), "field_name") for match in _PERSONAL_FIELD.finditer(text)]
    for match in _UID.finditer(text):
        if len(match[0]) > 18 and not is_generated_uid(match[0]):
            found.append((match.start(), "uid"))
    return sorted(found)


def is_generated_uid(uid: str) -> bool:
    """Whether an identifier is the standard's, or under a root whose numbers are random."""
    return uid.startswith(_GENERATOR_ROOTS) and re.fullmatch(RE_VALID_UID, uid) is not None


def inspect_text(file: str, place: str, text: str) -> Inspection:
    """Inspect a text file; each kind of pattern is told at its first place.

    Args:
        file: as in `Finding`.
        place: as in `Finding`; offsets in characters are put behind it.
        text: its content.
    """
    if len(text) > _LONGEST_TEXT:
        return Inspection(findings=(Finding(file, f"{place}too long a text", "not_readable"),))
    pictures = [match[1] for match in _EMBEDDED.finditer(text)][:_MOST_EMBEDDED]
    without = _EMBEDDED.sub("", text)
    return Inspection(
        findings=tuple(findings_of_text(file, place, without)),
        embedded=tuple(
            (f"{place}embedded file {number} > ", content)
            for number, content in enumerate(map(_decoded, pictures), start=1)
        ),
    )


def findings_of_text(file: str, place: str, text: str) -> Iterator[Finding]:
    """Give one finding for each kind of pattern, at its first place."""
    seen: set[str] = set()
    for offset, kind in find_patterns(text):
        if kind not in seen:
            seen.add(kind)
            line = text.count("\n", 0, offset) + 1
            yield Finding(file, f"{place}line {line}", kind)


def printable_runs(data: bytes) -> Iterator[tuple[int, str]]:
    """Give the runs of at least six printable ASCII characters in bytes, with their offsets."""
    for match in _PRINTABLE_RUN.finditer(data):
        yield match.start(), match[0].decode("ascii")


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content)
    except (binascii.Error, ValueError):
        return content.encode("ascii")


def _dates(text: str) -> Iterator[int]:
    for pattern, year, month, day in _DATES:
        for match in pattern.finditer(text):
            if _is_day(int(match[year]), int(match[month]), int(match[day])):
                yield match.start()
    for match in _WRITTEN_DATE.finditer(text):
        yield match.start()


def _is_day(year: int, month: int, day: int) -> bool:
    if not 1880 <= year <= 2100:
        return False
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True
