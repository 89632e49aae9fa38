"""One file of a release, inspected to the bottom of what is packed in it."""

import dataclasses
import itertools
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pydicom.config

from privacy_audit.artefacts.archive_artefacts import inspect_gzip, inspect_tar, inspect_zip
from privacy_audit.artefacts.array_artefacts import ARRAY_ERRORS, inspect_npy
from privacy_audit.artefacts.burned_in_text import FEWEST_MARKS, longest_row_of_marks
from privacy_audit.artefacts.dicom_artefacts import READING_ERRORS, inspect_dicom
from privacy_audit.artefacts.findings import Finding, Grid, Inspection, Part, Words, not_readable
from privacy_audit.artefacts.formats import format_of
from privacy_audit.artefacts.lookup import Lookup, findings_in_numbers, findings_of_lookup
from privacy_audit.artefacts.nifti_artefacts import inspect_nifti
from privacy_audit.artefacts.picture_artefacts import (
    PICTURE_ERRORS,
    inspect_jpeg,
    inspect_png,
    inspect_tiff,
)
from privacy_audit.artefacts.picture_planes import planes_of
from privacy_audit.artefacts.text_artefacts import findings_of_text, inspect_text, printable_runs
from privacy_audit.artefacts.unpacking import (
    UNPACKING_ERRORS,
    Allowance,
    Bounds,
    unpack_gzip,
    unpack_stream,
    unpack_tar,
    unpack_zip,
)
from privacy_audit.artefacts.weights_artefacts import (
    WEIGHTS_ERRORS,
    inspect_pickle,
    inspect_safetensors,
)

_ERRORS = (
    *ARRAY_ERRORS,
    *PICTURE_ERRORS,
    *READING_ERRORS,
    *UNPACKING_ERRORS,
    *WEIGHTS_ERRORS,
    struct.error,
)
_PICTURE_KINDS = frozenset({"dicom", "nifti", "npy", "png", "tiff", "jpeg"})
# Pixels are decoded only where the structure was found to be whole and bounded.
_UNSAFE_KINDS = frozenset({"not_readable", "pickled_object"})
_LONGEST_UNKNOWN = 2**28
_READERS: Mapping[str, Callable[[str, str, Path], Inspection]] = {
    "dicom": inspect_dicom,
    "nifti": inspect_nifti,
    "npy": inspect_npy,
    "png": inspect_png,
    "tiff": inspect_tiff,
    "jpeg": inspect_jpeg,
    "safetensors": inspect_safetensors,
    "pickle": inspect_pickle,
    "zip": inspect_zip,
    "tar": inspect_tar,
}


@dataclasses.dataclass(frozen=True)
class Tools:
    """What the inspection of one file and all that is in it shares.

    Attributes:
        lookup: what is searched for in every byte.
        bounds: how far archives are unpacked.
        allowance: bytes that are left for unpacking.
        scratch: a folder for unpacked content.
    """

    lookup: Lookup
    bounds: Bounds
    allowance: Allowance
    scratch: Path


@dataclasses.dataclass(frozen=True)
class Inspected:
    """All that was found in one file.

    Attributes:
        findings: sorted, each once.
        words: free texts for the folder to decide on.
        grids: the geometry of the images in it.
        inspected_bytes: packed and unpacked bytes that were searched.
    """

    findings: tuple[Finding, ...]
    words: tuple[Words, ...]
    grids: tuple[Grid, ...]
    inspected_bytes: int


def inspect_file(
    shown: str, path: Path, lookup: Lookup, bounds: Bounds, scratch: Path
) -> Inspected:
    """Inspect a file and everything packed in it.

    A file that cannot be read, or that unpacks beyond its bounds, is a finding.

    Args:
        shown: the name under which findings tell of it.
        path: the file.
        lookup: what to search for in every byte.
        bounds: how far archives are unpacked.
        scratch: a folder for what is unpacked; nothing stays in it.
    """
    tools = Tools(lookup, bounds, Allowance(bounds.unpacked_bytes), scratch)
    # The decoders' warnings may quote a header.
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        parts = list(_inspect(shown, Part("", path, path.name), tools, 0))
    findings = {finding for _, part in parts for finding in part.findings}
    return Inspected(
        tuple(sorted(findings)),
        tuple(itertools.chain.from_iterable(part.words for _, part in parts)),
        tuple(itertools.chain.from_iterable(part.grids for _, part in parts)),
        sum(size for size, _ in parts),
    )


def _inspect(shown: str, part: Part, tools: Tools, depth: int) -> Iterator[tuple[int, Inspection]]:
    """Give the size and inspection of a file and of everything in it."""
    try:
        size = part.path.stat().st_size
        kind = format_of(part.path, part.name)
        own = _read(shown, part, kind)
        # Only what is told is kept: what was pulled out of many members may be large.
        yield size, Inspection(own.findings, own.words, own.grids)
        found = findings_of_lookup(shown, part, own, tools.lookup)
        yield 0, Inspection(findings=tuple(found))
        if not any(finding.kind in _UNSAFE_KINDS for finding in own.findings):
            pixels = _findings_of_planes(shown, part, kind, tools)
            yield 0, Inspection(findings=tuple(pixels))
        yield from _inspect_embedded(shown, own, tools, depth)
        yield from _inspect_packed(shown, part, kind, tools, depth)
    except _ERRORS:
        yield 0, not_readable(shown, f"{part.place}content")


def _read(shown: str, part: Part, kind: str) -> Inspection:
    """Let the format's reader inspect a file; what it cannot read cannot be cleared."""
    try:
        if kind in _READERS:
            return _READERS[kind](shown, part.place, part.path)
        return _inspect_other(shown, part, kind)
    except _ERRORS:
        return not_readable(shown, f"{part.place}content")


def _inspect_other(shown: str, part: Part, kind: str) -> Inspection:
    if kind == "text" and part.path.stat().st_size > _LONGEST_UNKNOWN:
        return not_readable(shown, f"{part.place}too long a text")
    if kind == "text":
        return inspect_text(shown, part.place, _decoded(part.path.read_bytes()))
    if kind == "gzip":
        header = inspect_gzip(shown, part.place, part.path, part.name)
        return dataclasses.replace(header, dense=((0, part.path.stat().st_size),))
    if kind in {"bz2", "xz"}:
        return Inspection(dense=((0, part.path.stat().st_size),))
    return Inspection() if kind == "empty" else _inspect_unknown(shown, part, kind)


def _inspect_unknown(shown: str, part: Part, kind: str) -> Inspection:
    """Look at the strings of a file of no known format, or of bare numbers."""
    size = part.path.stat().st_size
    findings = []
    if kind == "unknown" or size > _LONGEST_UNKNOWN:
        findings.append(Finding(shown, f"{part.place}format", "not_readable"))
    if size <= _LONGEST_UNKNOWN:
        for offset, run in printable_runs(part.path.read_bytes()):
            findings += findings_of_text(shown, f"{part.place}byte {offset}, ", run)
    return Inspection(findings=tuple(findings), dense=((0, size),))


def _findings_of_planes(shown: str, part: Part, kind: str, tools: Tools) -> Iterator[Finding]:
    """Look for letters in the pixels, and for the list's entries among 8-bit values."""
    if kind not in _PICTURE_KINDS:
        return
    for number, plane in enumerate(planes_of(part.path, kind), start=1):
        where = f"{part.place}pixels of plane {number}"
        if longest_row_of_marks(plane) >= FEWEST_MARKS:
            yield Finding(shown, where, "burned_in_text")
        if plane.dtype.itemsize == 1:
            yield from findings_in_numbers(shown, f"{where}, ", plane.tobytes(), tools.lookup)


def _inspect_embedded(
    shown: str, own: Inspection, tools: Tools, depth: int
) -> Iterator[tuple[int, Inspection]]:
    for number, (place, content) in enumerate(own.embedded, start=1):
        tools.allowance.take(len(content))
        path = tools.scratch / f"embedded_{depth}_{number}"
        path.write_bytes(content)
        yield from _inspect_deeper(shown, Part(place, path, ""), tools, depth)
        path.unlink()


def _inspect_packed(
    shown: str, part: Part, kind: str, tools: Tools, depth: int
) -> Iterator[tuple[int, Inspection]]:
    folder = tools.scratch / f"level_{depth}"
    if kind in {"gzip", "bz2", "xz"}:
        folder.mkdir(exist_ok=True)
        yield from _inspect_stream(shown, part, kind, tools, depth)
    elif kind in {"zip", "tar"}:
        folder.mkdir(exist_ok=True)
        unpack = unpack_zip if kind == "zip" else unpack_tar
        for member in unpack(part.path, folder, tools.bounds, tools.allowance):
            inner = dataclasses.replace(member, place=f"{part.place}{member.place}")
            yield from _inspect_deeper(shown, inner, tools, depth)


def _inspect_stream(
    shown: str, part: Part, kind: str, tools: Tools, depth: int
) -> Iterator[tuple[int, Inspection]]:
    unpacked = tools.scratch / f"level_{depth}" / "unpacked"
    try:
        if kind != "gzip":
            unpack_stream(part.path, unpacked, tools.allowance, kind=kind)
        elif unpack_gzip(part.path, unpacked, tools.allowance):
            finding = Finding(shown, f"{part.place}behind the gzip data", "extra_bytes")
            yield 0, Inspection(findings=(finding,))
        name = part.name.rsplit(".", 1)[0]
        inner = Part(f"{part.place}unpacked > ", unpacked, name)
        yield from _inspect_deeper(shown, inner, tools, depth)
    finally:
        unpacked.unlink(missing_ok=True)


def _inspect_deeper(
    shown: str, part: Part, tools: Tools, depth: int
) -> Iterator[tuple[int, Inspection]]:
    if depth >= tools.bounds.depth:
        yield 0, not_readable(shown, f"{part.place}nested too deeply")
    else:
        yield from _inspect(shown, part, tools, depth + 1)


def _decoded(content: bytes) -> str:
    for encoding in ("utf-16", "utf-8-sig", "latin-1"):
        is_marked = content[:2] in {b"\xff\xfe", b"\xfe\xff"}
        if encoding == "utf-16" and not is_marked:
            continue
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")
