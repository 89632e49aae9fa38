import io
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pydicom
import pytest

from medsynth.imaging.dicom_discovery import Discovery, discover_series, read_files, scan_folder
from medsynth.imaging.dicom_guard import GuardLimits
from medsynth.imaging.dicom_values import silent_pydicom
from medsynth.imaging.file_reason import FileReason
from medsynth.records.worker_pool import TaskError, TaskFailure
from tests.medsynth.imaging import hostile_files
from tests.medsynth.imaging.dicom_examples import SERIES_UID, example_series, write_slices

LIMITS = GuardLimits()


@pytest.fixture(scope="module")
def opened() -> Iterator[list[str]]:
    """The paths that this process opens, while the list's first element says so."""
    paths: list[str] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if paths and event in ("open", "os.listdir", "os.scandir"):
            paths.append(str(arguments[0]))

    sys.addaudithook(note)
    yield paths
    paths.clear()


def _discover(paths: list[Path], executor: Executor | None = None) -> Discovery:
    with ThreadPoolExecutor(2) as threads:
        return discover_series(
            paths, executor or threads, limits=LIMITS, on_progress=lambda _: None
        )


def test_every_file_has_one_verdict(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(3))
    for name, content in {
        "report.pdf": b"%PDF",
        "empty": b"",
        "bomb": hostile_files.nesting_bomb(),
        "DICOMDIR": hostile_files.sound_contents()[3],
    }.items():
        (tmp_path / name).write_bytes(content)
        paths.append(tmp_path / name)
    assert _discover(paths).reasons == {
        FileReason.READABLE: 3,
        FileReason.NOT_DICOM: 2,
        FileReason.TOO_DEEP: 1,
        FileReason.MEDIA_DIRECTORY: 1,
    }


def test_headers_come_back_in_the_order_of_the_paths(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(70))
    discovery = _discover(paths)
    assert list(discovery.headers) == [SERIES_UID]
    assert [header.path for header in discovery.series_headers(SERIES_UID)] == paths


def test_progress_counts_files(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(70))
    told: list[int] = []
    with ThreadPoolExecutor(2) as executor:
        discover_series(paths, executor, limits=LIMITS, on_progress=told.append)
    # 70 files are 64 and 6, done in either order.
    assert told in ([64, 70], [6, 70])


def test_packed_headers_take_less_than_a_tenth_of_a_kilobyte_each(tmp_path: Path) -> None:
    batch = read_files(write_slices(tmp_path, example_series(64)), LIMITS)
    assert len(batch.headers[SERIES_UID]) < 64 * 100


def test_series_of_a_refused_file_is_incomplete(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(3))
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[: content.index(b"MONOCHROME2")])
    discovery = _discover(paths)
    assert discovery.incomplete == {SERIES_UID}
    assert discovery.reasons[FileReason.LENGTH_BEYOND_FILE] == 1


def test_nothing_of_a_patient_is_shown(tmp_path: Path) -> None:
    paths = write_slices(tmp_path / "Quillfeather", example_series(3))
    shown = repr(_discover(paths))
    assert SERIES_UID not in shown
    assert "Quillfeather" not in shown


class LosingExecutor(Executor):
    """Loses each task that reads a file of a certain name, as a dying worker does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        # The look without a library goes through.
        is_reading = isinstance(args[0], tuple)
        if is_reading and any(path.name == self._name for path in args[0][1]):
            future.set_exception(TaskError(TaskFailure.WORKER_DIED))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_a_death_costs_the_one_file_that_is_to_blame(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(5))
    discovery = _discover(paths, LosingExecutor("0002.dcm"))
    assert discovery.reasons == {FileReason.READABLE: 4, FileReason.WORKER_DIED: 1}
    names = [header.path.name for header in discovery.series_headers(SERIES_UID)]
    assert names == ["0000.dcm", "0001.dcm", "0003.dcm", "0004.dcm"]
    assert discovery.incomplete == {SERIES_UID}


def test_links_pipes_and_loops_are_counted_and_not_files(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "inner").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.dcm").write_bytes(b"z")
    (root / "inner" / "a.dcm").write_bytes(b"a")
    (root / "file_out").symlink_to(outside / "secret.dcm")
    (root / "folder_out").symlink_to(outside)
    (root / "up").symlink_to("../outside/secret.dcm")
    (root / "loop").symlink_to(root)
    (root / "circle").symlink_to(root / "circle")
    (root / "nowhere").symlink_to(root / "missing")
    (root / "inside").symlink_to(root / "inner" / "a.dcm")
    os.mkfifo(root / "pipe")
    scan = scan_folder(root)
    assert scan.files == (root / "inner" / "a.dcm", root / "inside")
    assert scan.refused == {FileReason.OUTSIDE_ROOT: 3, FileReason.NOT_REGULAR_FILE: 3}


def test_folder_that_is_itself_a_link_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"a")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert scan_folder(tmp_path / "link").files == (tmp_path / "link" / "a",)


def _write_directory(path: Path, reference: str) -> None:
    with silent_pydicom():
        directory = pydicom.dcmread(io.BytesIO(hostile_files.sound_contents()[3]))
        for record in directory.DirectoryRecordSequence:
            record.ReferencedFileID = reference
        directory.save_as(path)
    assert path.read_bytes().count(reference.encode()) == len(directory.DirectoryRecordSequence)


@pytest.mark.parametrize(
    "reference",
    [
        "../outside/secret.dcm",
        "../../outside/secret.dcm",
        "/outside/secret.dcm",
        "A" * 300,
        "secret\0.dcm",
    ],
)
def test_what_a_directory_file_points_to_is_never_opened(
    tmp_path: Path, opened: list[str], reference: str
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.dcm").write_bytes(b"z")
    _write_directory(root / "DICOMDIR", reference)
    (root / "out.dcm").symlink_to(outside / "secret.dcm")
    opened.append("from now on")
    try:
        read_files([path.resolve() for path in scan_folder(root).files], LIMITS)
        touched = opened[1:]
    finally:
        opened.clear()
    assert str(root / "DICOMDIR") in touched
    assert [path for path in touched if not path.startswith(str(root))] == []
