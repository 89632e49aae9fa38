"""What the names of files and folders tell."""

import re
from pathlib import PurePosixPath

from privacy_audit.artefacts.findings import Finding, Inspection, Words
from privacy_audit.artefacts.text_artefacts import find_patterns
from privacy_audit.artefacts.wording import is_long_number, is_made_up, unknown_words

_HASH_OR_UID = re.compile(
    r"[0-9a-f]{32,}|2\.25\.\d+|1\.2\.826\.0\.1\.3680043\.(?:8\.498|10\.511\.3)\.\d+"
)
_COUNTER = re.compile(r"[^\W\d]{0,12}\d{5,8}")
_ZERO_PADDED = re.compile(r"(?<!\d)0\d{4,7}(?!\d)")


def shown_names(paths: tuple[str, ...], suspicious: frozenset[str]) -> dict[str, str]:
    """Give each path as it may be shown: parts that may name somebody become their number.

    Args:
        paths: paths within the folder, with "/", sorted.
        suspicious: parts of paths that must not be repeated.
    """
    numbers = {part: f"[name {number}]" for number, part in enumerate(sorted(suspicious), start=1)}
    return {
        path: "/".join(numbers.get(part, part) for part in PurePosixPath(path).parts)
        for path in paths
    }


def inspect_name(file: str, place: str, part: str, *, is_counted: bool) -> Inspection:
    """Inspect one part of a path: a file's or a folder's name.

    Args:
        file: as in `Finding`.
        place: as in `Finding`.
        part: the name.
        is_counted: whether names of the same shape count up in the same folder, so that a
            long number is no record's.
    """
    stem = _without_hashes(part)
    kinds = {kind for _, kind in find_patterns(stem)}
    kinds |= {kind for _, kind in find_patterns(re.sub(r"[_\s]", " ", stem))}
    findings = [Finding(file, place, kind) for kind in sorted(kinds)]
    words: tuple[Words, ...] = ()
    if not is_made_up(stem):
        if is_long_number(stem) and not is_counted and "date_or_time" not in kinds:
            findings.append(Finding(file, place, "number"))
        unknown = tuple(word for word in unknown_words(stem) if not _is_code_or_number(word))
        words = (Words(file, place, part, unknown, "file_name"),) if unknown else ()
    return Inspection(findings=tuple(findings), words=words)


def is_counter(part: str) -> bool:
    """Whether a name is a word with a number of 5 to 8 digits, as counting programs give."""
    return _COUNTER.fullmatch(part.split(".", maxsplit=1)[0]) is not None


def _without_hashes(part: str) -> str:
    # Programs that count write zeros before; registries seldom do.
    return _ZERO_PADDED.sub("0", _HASH_OR_UID.sub(" ", part))


def _is_code_or_number(word: str) -> bool:
    return is_made_up(word) or word.isdigit()
