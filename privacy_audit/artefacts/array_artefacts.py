"""What npy files tell beside their numbers; npz files are zip files of them."""

import math
import tokenize
from pathlib import Path

import numpy as np

from privacy_audit.artefacts.findings import Finding, Inspection, Words
from privacy_audit.artefacts.names import inspect_name
from privacy_audit.artefacts.text_artefacts import findings_of_text
from privacy_audit.artefacts.unpacking import UNPACKING_ERRORS
from privacy_audit.artefacts.wording import is_made_up, unknown_words

ARRAY_ERRORS = (*UNPACKING_ERRORS, SyntaxError, TypeError, tokenize.TokenError)
"""What the reading of broken npy headers raises."""

_LONGEST_HEADER = 10_000
_MOST_TEXT_BYTES = 2**24


def inspect_npy(file: str, place: str, path: Path) -> Inspection:
    """Inspect the header of an npy file, its texts and what follows its numbers.

    Args:
        file: as in `Finding`.
        place: as in `Finding`.
        path: the file.

    Raises:
        ARRAY_ERRORS: the header is broken.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream, max_header_size=_LONGEST_HEADER)
        start = stream.tell()
        stream.seek(0)
        header = stream.read(start)
    if dtype.hasobject:
        return Inspection((Finding(file, f"{place}array", "pickled_object"),))
    findings = []
    end = start + math.prod(int(extent) for extent in shape) * dtype.itemsize
    if end < size:
        findings.append(Finding(file, f"{place}byte {end}", "extra_bytes"))
    elif end > size:
        findings.append(Finding(file, f"{place}array", "not_readable"))
    if b"#" in header or header.rstrip(b" \n")[-1:] != b"}":
        findings.append(Finding(file, f"{place}npy header", "extra_bytes"))
    named = _inspect_fields(file, f"{place}field name", dtype)
    texts = _inspect_texts(file, f"{place}array of texts", path, start, dtype)
    return Inspection(
        (*findings, *named.findings, *texts.findings),
        (*named.words, *texts.words),
        dense=() if dtype.kind in "SU" else ((start, size),),
    )


def _inspect_fields(file: str, place: str, dtype: np.dtype[np.void]) -> Inspection:
    findings: list[Finding] = []
    words: list[Words] = []
    for name in dtype.names or ():
        found = inspect_name(file, place, name, is_counted=False)
        findings += found.findings
        words += found.words
    return Inspection(tuple(findings), tuple(words))


def _inspect_texts(
    file: str, place: str, path: Path, start: int, dtype: np.dtype[np.void]
) -> Inspection:
    """Look at an array of texts as at a list of names."""
    if dtype.kind not in "SU" or dtype.itemsize == 0:
        return Inspection()
    with path.open("rb") as stream:
        stream.seek(start)
        content = stream.read(_MOST_TEXT_BYTES // dtype.itemsize * dtype.itemsize)
    content = content[: len(content) // dtype.itemsize * dtype.itemsize]
    entries = [
        entry.decode("latin-1") if isinstance(entry, bytes) else str(entry)
        for entry in np.frombuffer(content, dtype=dtype).tolist()
    ]
    text = "\n".join(entries)
    unknown = tuple(
        word for entry in entries if not is_made_up(entry) for word in unknown_words(entry)
    )
    return Inspection(
        findings=tuple(findings_of_text(file, f"{place}, ", text)),
        words=(Words(file, place, file, tuple(dict.fromkeys(unknown))),) if unknown else (),
    )
