"""Finding the DICOM files among whatever lies in a folder."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path

from medsynth.imaging.dicom_header import InstanceHeader, read_header

_FILES_PER_TASK = 64


@dataclasses.dataclass(frozen=True)
class Discovery:
    """What was found among the files.

    Attributes:
        instances: headers of the DICOM files, in the order of the paths given.
        other_files: number of files that are not DICOM or cannot be read.
    """

    instances: tuple[InstanceHeader, ...]
    other_files: int


def discover_instances(
    paths: Sequence[Path], executor: Executor, *, on_progress: Callable[[int], None]
) -> Discovery:
    """Read the header of every file that is DICOM.

    Args:
        paths: any files.
        executor: runs the reading; the result does not depend on it.
        on_progress: called with the number of files read so far.

    Returns:
        Headers, and how many files had none.
    """
    starts = range(0, len(paths), _FILES_PER_TASK)
    chunks = [paths[start : start + _FILES_PER_TASK] for start in starts]
    futures = [executor.submit(read_headers, chunk) for chunk in chunks]
    sizes = {future: len(chunk) for future, chunk in zip(futures, chunks, strict=True)}
    done = 0
    for future in as_completed(futures):
        done += sizes[future]
        on_progress(done)
    headers = [header for future in futures for header in future.result()]
    instances = tuple(header for header in headers if header is not None)
    return Discovery(instances, len(headers) - len(instances))


def read_headers(paths: Sequence[Path]) -> list[InstanceHeader | None]:
    """Read the headers of several files; None for each that is not readable DICOM."""
    return [read_header(path) for path in paths]
