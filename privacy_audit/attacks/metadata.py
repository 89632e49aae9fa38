"""Is a patient or a site named anywhere beside the pixels, or in letters within them?

Every file of a release is inspected, images or not, with all that is packed
in it. Any hit fails. Findings tell where and of what kind, never what: they
may be shown to people who must not see it.
"""

import dataclasses
import multiprocessing
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.artefacts.findings import Finding, Grid, Words
from privacy_audit.artefacts.geometry import find_copied_grids
from privacy_audit.artefacts.inspect_file import Inspected, inspect_file
from privacy_audit.artefacts.lookup import Lookup, findings_in_text, make_lookup
from privacy_audit.artefacts.names import inspect_name, is_counter, shown_names
from privacy_audit.artefacts.private_list import PrivateList, read_private_list
from privacy_audit.artefacts.real_traces import RealTraces, read_real_traces
from privacy_audit.artefacts.unpacking import Bounds
from privacy_audit.statistics import clopper_pearson
from privacy_audit.verdict import APPLIES_TO, CheckResult

__all__ = ["Finding", "PrivateList", "check_metadata", "read_private_list"]

SHARED_WORD = 5
"""A word that this many patients or files share singles out none of them."""

_NAME_PLACE = "name"


@dataclasses.dataclass(frozen=True)
class _Task:
    """What the inspection of each file needs.

    Attributes:
        folder: the release.
        shown: path -> how findings may name it.
        lookup: what is searched for in every byte.
        bounds: how far archives are unpacked.
    """

    folder: Path
    shown: Mapping[str, str]
    lookup: Lookup
    bounds: Bounds


@dataclasses.dataclass(frozen=True)
class _Release:
    """All that was found in a folder, file by file.

    Attributes:
        findings: of files and their names.
        words: free texts for the folder to decide on.
        grids: the geometry of the images.
        inspected_bytes: packed and unpacked bytes that were searched.
    """

    findings: tuple[Finding, ...]
    words: tuple[Words, ...]
    grids: tuple[Grid, ...]
    inspected_bytes: int


def check_metadata(
    folder: Path,
    real: Sequence[Path],
    private: PrivateList | None,
    *,
    bounds: Bounds | None = None,
    processes: int = 1,
) -> tuple[CheckResult, list[Finding]]:
    """Inspect every file of a release for traces of real patients and sites.

    Args:
        folder: what is to be released: all files, hidden ones and those that are no images too.
        real: folders with real images (train, source, holdout), whose identifiers, names,
            dates and exact grids are looked for; may be empty.
        private: names, numbers and dates to look for in every byte; None where there is no list.
        bounds: how far archives are unpacked; None for the usual bounds.
        processes: how many files are inspected at the same time; changes no result.

    Returns:
        The check, "fail" on any hit, and the findings, sorted. The statistic is the share
        of files with a finding; n is the number of files.

    Raises:
        AuditError: the folder is missing or holds no file.
    """
    paths = _files(folder)
    traces = read_real_traces(real) if real else None
    lookup = make_lookup(private, traces)
    suspicious = _suspicious_parts(paths, lookup)
    shown = shown_names(tuple(paths), frozenset(suspicious))
    named = [
        Finding(shown[path], place, kind)
        for path in paths
        for part in Path(path).parts
        for place, kind in suspicious.get(part, ())
    ]
    task = _Task(folder, shown, lookup, bounds or Bounds())
    release = _inspect_all(task, paths, processes)
    findings = set(named) | set(release.findings) | set(_unshared_words(release.words))
    findings |= set(find_copied_grids(release.grids, () if traces is None else traces.grids))
    ordered = sorted(findings)
    return _result(ordered, release, traces, private, len(paths)), ordered


def _files(folder: Path) -> list[str]:
    """List all files and links below a folder, with "/", sorted."""
    if not folder.is_dir():
        raise AuditError(
            f"Folder {folder} is not there. Expected the folder to be released. Check the path."
        )
    paths = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
    if not paths:
        raise AuditError(
            f"Folder {folder} holds no file. Expected what is to be released. Check the path."
        )
    return paths


def _suspicious_parts(paths: Sequence[str], lookup: Lookup) -> dict[str, set[tuple[str, str]]]:
    """Give the parts of paths that may name somebody, each with (place, kind)."""
    parts = {part for path in paths for part in Path(path).parts}
    counted = sum(is_counter(part) for part in parts) >= SHARED_WORD
    words: list[Words] = []
    found: dict[str, set[tuple[str, str]]] = {}
    for part in sorted(parts):
        named = inspect_name("", _NAME_PLACE, part, is_counted=counted and is_counter(part))
        words += named.words
        hits = [*named.findings, *findings_in_text("", _NAME_PLACE, part, lookup)]
        for finding in hits:
            found.setdefault(part, set()).add((finding.place, finding.kind))
    alone = _words_of_few(words)
    for entry in words:
        if alone.intersection(entry.unknown):
            found.setdefault(entry.unit, set()).add((_NAME_PLACE, entry.kind))
    return found


def _inspect_all(task: _Task, paths: Sequence[str], processes: int) -> _Release:
    if processes == 1:
        return _inspect_some(task, paths)
    shares = [paths[start::processes] for start in range(processes)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        parts = list(pool.map(_inspect_some, [task] * processes, shares))
    # Words and grids are counted, findings sorted: the order of the shares does not matter.
    return _Release(
        tuple(finding for part in parts for finding in part.findings),
        tuple(words for part in parts for words in part.words),
        tuple(sorted((grid for part in parts for grid in part.grids), key=lambda grid: grid.file)),
        sum(part.inspected_bytes for part in parts),
    )


def _inspect_some(task: _Task, paths: Sequence[str]) -> _Release:
    inspected: list[Inspected] = []
    links: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="audit_") as scratch:
        for name in paths:
            path = task.folder / name
            shown = task.shown[name]
            if path.is_symlink() or not path.is_file():
                # What a link points at is not released; that it points there may be.
                kind = "link" if path.is_symlink() else "not_readable"
                links.append(Finding(shown, "folder entry", kind))
            else:
                found = inspect_file(shown, path, task.lookup, task.bounds, Path(scratch))
                inspected.append(found)
    return _Release(
        (*links, *(finding for file in inspected for finding in file.findings)),
        tuple(words for file in inspected for words in file.words),
        tuple(grid for file in inspected for grid in file.grids),
        sum(file.inspected_bytes for file in inspected),
    )


def _unshared_words(words: Sequence[Words]) -> Iterable[Finding]:
    alone = _words_of_few(words)
    for entry in words:
        if alone.intersection(entry.unknown):
            yield Finding(entry.file, entry.place, entry.kind)


def _words_of_few(words: Sequence[Words]) -> frozenset[str]:
    """Give the unknown words that fewer than `SHARED_WORD` patients or files share."""
    units: dict[str, set[str]] = {}
    for entry in words:
        for word in entry.unknown:
            units.setdefault(word, set()).add(entry.unit)
    return frozenset(word for word, sharing in units.items() if len(sharing) < SHARED_WORD)


def _result(
    findings: Sequence[Finding],
    release: _Release,
    traces: RealTraces | None,
    private: PrivateList | None,
    files: int,
) -> CheckResult:
    hit = len({finding.file for finding in findings})
    kinds = [finding.kind for finding in findings]
    details: dict[str, float | int | str | list[float] | None] = {
        f"found_{kind}": kinds.count(kind) for kind in sorted(set(kinds))
    }
    details["inspected_bytes"] = release.inspected_bytes
    details["private_entries"] = 0 if private is None else len(private.entries)
    details["real_grids"] = 0 if traces is None else len(traces.grids)
    details["real_files_unread"] = 0 if traces is None else traces.unread
    return CheckResult(
        verdict="fail" if findings else "pass",
        statistic=hit / files,
        ci=clopper_pearson(hit, files),
        threshold=0.0,
        n=files,
        explanation=_explanation(findings, hit, files, private, traces),
        smallest_leak=(
            "One name, number or date of the private list in one byte range of one file would "
            "have been seen; of what is on no list, one attribute, field or file name."
            if private is not None
            else "One attribute, field, file name or block of metadata would have been seen; a "
            "name within a sentence of a text file would not, as no private list was given."
        ),
        applies_to=APPLIES_TO["metadata"],
        details=details,
    )


def _explanation(
    findings: Sequence[Finding],
    hit: int,
    files: int,
    private: PrivateList | None,
    traces: RealTraces | None,
) -> str:
    entries = 0 if private is None else len(private.entries)
    grids = 0 if traces is None else len({grid.unit for grid in traces.grids})
    kinds = sorted({finding.kind for finding in findings})
    told = f": {', '.join(kinds)}" if kinds else ""
    return (
        f"{hit} of {files} files hold {len(findings)} traces that a synthetic image has no use "
        f"for{told}. Every byte was searched for {entries} private entries, and grids were held "
        f"against {grids} real images."
    )
