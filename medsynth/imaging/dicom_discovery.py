"""Finding the DICOM files among whatever lies in a folder, with a verdict for each file.

Only regular files that really lie below the folder are opened. What a file says
of other files, as a DICOMDIR does, is never followed.
"""

import collections
import dataclasses
import functools
import os
import pickle
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from medsynth.imaging.dicom_guard import GuardLimits, check_file
from medsynth.imaging.dicom_header import InstanceHeader, read_header
from medsynth.imaging.file_reason import FileReason
from medsynth.records.streaming import stream_results
from medsynth.records.worker_pool import TaskError

_FILES_PER_TASK = 64
_MOST_WAITING = 64
# Headers of one series are nearly alike: the fastest level already makes them tiny.
_PACKING_LEVEL = 1


@dataclasses.dataclass(frozen=True)
class FolderScan:
    """What lies below a folder.

    Attributes:
        files: the regular files, in a fixed order.
        refused: how many other things were found, by reason.
    """

    files: tuple[Path, ...]
    refused: Mapping[FileReason, int]


@dataclasses.dataclass(frozen=True)
class FileBatch:
    """What a worker read from a few files, small enough to keep for hundreds of thousands.

    Attributes:
        headers: series identity -> the headers of its files, packed.
        incomplete: Series Instance UIDs of which a file was refused.
        reasons: how many files ended with which reason.
    """

    headers: Mapping[str, bytes] = dataclasses.field(repr=False)
    incomplete: frozenset[str] = dataclasses.field(repr=False)
    reasons: Mapping[FileReason, int]


@dataclasses.dataclass(frozen=True)
class Discovery:
    """What was found among the files.

    Attributes:
        headers: series identity -> the headers of its files, packed, in the order of the files.
        incomplete: Series Instance UIDs of which a file was refused.
        reasons: how many files ended with which reason.
    """

    headers: Mapping[str, tuple[bytes, ...]] = dataclasses.field(repr=False)
    incomplete: frozenset[str] = dataclasses.field(repr=False)
    reasons: Mapping[FileReason, int]

    def series_headers(self, identity: str) -> tuple[InstanceHeader, ...]:
        """Give the headers of one series, in the order of the files."""
        return tuple(header for packed in self.headers[identity] for header in _unpacked(packed))


def scan_folder(folder: Path) -> FolderScan:
    """List what lies below a folder, without opening any of it.

    A link is followed only where it leads to a regular file below the same
    folder. Links to folders, pipes, sockets and devices are not files.

    Args:
        folder: an existing folder; it may itself be a link.
    """
    root = os.path.realpath(folder)
    files: list[Path] = []
    refused: collections.Counter[FileReason] = collections.Counter()
    folders = [str(folder)]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            refused[FileReason.UNREADABLE] += 1
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif (reason := _entry_reason(entry, root)) is FileReason.READABLE:
                files.append(Path(entry.path))
            elif reason is not None:
                refused[reason] += 1
    return FolderScan(tuple(sorted(files)), refused)


def discover_series(
    paths: Sequence[Path],
    executor: Executor,
    *,
    limits: GuardLimits,
    on_progress: Callable[[int], None],
) -> Discovery:
    """Read the header of every file that is sound DICOM.

    Args:
        paths: files as `scan_folder` gives them, links resolved.
        executor: runs the reading; the result does not depend on it. A task that
            it ends with `TaskError` costs the one file that is to blame.
        limits: how large a file may be.
        on_progress: called with the number of files read so far.
    """
    starts = range(0, len(paths), _FILES_PER_TASK)
    batches = {start: paths[start : start + _FILES_PER_TASK] for start in starts}
    results: dict[int, FileBatch] = {}
    suspects: list[int] = []
    done = 0
    read = functools.partial(_read_numbered, limits=limits)
    for (start, batch), future in stream_results(
        executor, read, batches.items(), most_waiting=_MOST_WAITING
    ):
        if isinstance(future.exception(), TaskError):
            suspects.extend(range(start, start + len(batch)))
            continue
        results[start] = future.result()
        done += len(batch)
        on_progress(done)
    for number, batch_of_one in _read_one_by_one(paths, suspects, executor, limits):
        results[number] = batch_of_one
        done += 1
        on_progress(done)
    return _joined([results[number] for number in sorted(results)])


def read_files(paths: Sequence[Path], limits: GuardLimits) -> FileBatch:
    """Check several files and read the headers of the sound ones.

    Args:
        paths: any files; links must have been resolved.
        limits: how large a file may be.
    """
    headers: dict[str, list[InstanceHeader]] = {}
    incomplete = set()
    reasons: collections.Counter[FileReason] = collections.Counter()
    for path in paths:
        verdict = check_file(path, limits)
        header = read_header(path) if verdict.reason is FileReason.READABLE else None
        if header is not None:
            headers.setdefault(header.series_identity, []).append(header)
        elif verdict.series_uid:
            incomplete.add(verdict.series_uid)
        is_unreadable = header is None and verdict.reason is FileReason.READABLE
        reasons[FileReason.UNREADABLE if is_unreadable else verdict.reason] += 1
    packed = {identity: _packed(members) for identity, members in headers.items()}
    return FileBatch(packed, frozenset(incomplete), reasons)


def _entry_reason(entry: os.DirEntry[str], root: str) -> FileReason | None:
    """Tell whether something that is no folder may be opened; None for a link to a folder."""
    if entry.is_file(follow_symlinks=False):
        return FileReason.READABLE
    if not entry.is_symlink():
        return FileReason.NOT_REGULAR_FILE
    target = os.path.realpath(entry.path)
    if os.path.commonpath((root, target)) != root:
        return FileReason.OUTSIDE_ROOT
    try:
        mode = os.lstat(target).st_mode
    except OSError:
        return FileReason.NOT_REGULAR_FILE
    if stat.S_ISDIR(mode):
        # What lies there is met where it lies.
        return None
    return FileReason.READABLE if stat.S_ISREG(mode) else FileReason.NOT_REGULAR_FILE


def _read_numbered(batch: tuple[int, Sequence[Path]], limits: GuardLimits) -> FileBatch:
    return read_files(batch[1], limits)


def _read_one_by_one(
    paths: Sequence[Path], numbers: Sequence[int], executor: Executor, limits: GuardLimits
) -> Iterator[tuple[int, FileBatch]]:
    read = functools.partial(_read_numbered, limits=limits)
    tasks = ((number, (paths[number],)) for number in numbers)
    for task, future in stream_results(executor, read, tasks, most_waiting=_MOST_WAITING):
        error = future.exception()
        if isinstance(error, TaskError):
            reason = FileReason(error.failure.value)
            yield task[0], _lost_file(paths[task[0]], reason, executor, limits)
        else:
            yield task[0], future.result()


def _lost_file(
    path: Path, reason: FileReason, executor: Executor, limits: GuardLimits
) -> FileBatch:
    """Say of which series a file is that no library could read within its limits."""
    look = executor.submit(check_file, path, limits)
    is_seen = look.exception() is None
    series_uid = look.result().series_uid if is_seen else ""
    return FileBatch({}, frozenset({series_uid} - {""}), {reason: 1})


def _joined(batches: Sequence[FileBatch]) -> Discovery:
    headers: dict[str, list[bytes]] = {}
    reasons: collections.Counter[FileReason] = collections.Counter()
    for batch in batches:
        reasons.update(batch.reasons)
        for identity, packed in batch.headers.items():
            headers.setdefault(identity, []).append(packed)
    incomplete = frozenset(uid for batch in batches for uid in batch.incomplete)
    return Discovery(
        {identity: tuple(packed) for identity, packed in headers.items()}, incomplete, reasons
    )


def _packed(headers: Sequence[InstanceHeader]) -> bytes:
    return zlib.compress(pickle.dumps(headers), _PACKING_LEVEL)


def _unpacked(packed: bytes) -> Sequence[InstanceHeader]:
    headers: Sequence[InstanceHeader] = pickle.loads(zlib.decompress(packed))  # noqa: S301 - our own
    return headers
