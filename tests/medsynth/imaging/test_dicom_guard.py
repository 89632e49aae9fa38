import os
import struct
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medsynth.imaging.dicom_guard import GuardLimits, check_file
from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.element_walk import WalkLimits
from medsynth.imaging.file_reason import FileReason
from tests.medsynth.imaging import hostile_files
from tests.medsynth.imaging.dicom_examples import SERIES_UID, example_slice

LIMITS = GuardLimits()


def _write(folder: Path, content: bytes) -> Path:
    path = folder / "file.dcm"
    path.write_bytes(content)
    return path


def _reason(folder: Path, content: bytes, limits: GuardLimits = LIMITS) -> FileReason:
    return check_file(_write(folder, content), limits).reason


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_sound_file_is_readable_and_its_series_known(tmp_path: Path, syntax: str) -> None:
    dataset = example_slice(0)
    if syntax == ExplicitVRBigEndian:
        dataset["PixelData"].VR = "OW"
    path = _write(tmp_path, hostile_files.file_bytes(dataset, syntax=syntax))
    verdict = check_file(path, LIMITS)
    assert (verdict.reason, verdict.series_uid) == (FileReason.READABLE, SERIES_UID)


def test_verdict_does_not_show_the_series(tmp_path: Path) -> None:
    path = _write(tmp_path, hostile_files.file_bytes(example_slice(0)))
    assert SERIES_UID not in repr(check_file(path, LIMITS))


def test_file_without_preamble_is_readable(tmp_path: Path) -> None:
    whole = hostile_files.file_bytes(example_slice(0), syntax=ImplicitVRLittleEndian)
    assert _reason(tmp_path, whole[132:]) is FileReason.READABLE


@pytest.mark.parametrize("content", [b"", b"\x89PNG", bytes(500), b"x" * 5000])
def test_other_files_are_not_dicom(tmp_path: Path, content: bytes) -> None:
    assert _reason(tmp_path, content) is FileReason.NOT_DICOM


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: hostile_files.deflate_bomb(0.25), FileReason.TOO_MANY_ELEMENTS),
        (hostile_files.rle_bomb, FileReason.DECOMPRESSION_BOMB),
        (hostile_files.frames_bomb, FileReason.TOO_LARGE),
        (hostile_files.length_bomb, FileReason.LENGTH_BEYOND_FILE),
        (hostile_files.nesting_bomb, FileReason.TOO_DEEP),
        (hostile_files.explicit_nesting_bomb, FileReason.TOO_DEEP),
        (lambda: hostile_files.many_values_bomb(2), FileReason.TOO_LARGE),
        (lambda: hostile_files.many_elements_bomb(450_000), FileReason.TOO_MANY_ELEMENTS),
    ],
)
def test_bomb_is_refused_by_its_name(
    tmp_path: Path, make: Callable[[], bytes], reason: FileReason
) -> None:
    assert _reason(tmp_path, make()) is reason


def test_deflated_bytes_behind_the_last_element_are_counted(tmp_path: Path) -> None:
    limits = GuardLimits(inflated_bytes=2**16, walk=WalkLimits(elements=2**20))
    bomb = hostile_files.deflate_bomb(0.05)
    assert _reason(tmp_path, bomb, limits) is FileReason.DECOMPRESSION_BOMB


def test_deflated_pixels_may_be_larger_than_the_rest(tmp_path: Path) -> None:
    dataset = example_slice(0)
    dataset.Rows = dataset.Columns = 1024
    dataset.PixelData = bytes(2 * 1024 * 1024)
    content = hostile_files.file_bytes(dataset, syntax=DeflatedExplicitVRLittleEndian)
    limits = GuardLimits(inflated_bytes=2**19, inflated_pixel_bytes=2**21)
    assert _reason(tmp_path, content, limits) is FileReason.READABLE
    tight = GuardLimits(inflated_bytes=2**19, inflated_pixel_bytes=2**20)
    assert _reason(tmp_path, content, tight) is FileReason.DECOMPRESSION_BOMB


def test_depth_up_to_the_limit_is_readable(tmp_path: Path) -> None:
    def nested(depth: int) -> bytes:
        dataset = example_slice(0)
        inner = dataset
        for _ in range(depth):
            item = Dataset()
            inner.ReferencedImageSequence = [item]
            inner = item
        return hostile_files.file_bytes(dataset)

    limits = GuardLimits(walk=WalkLimits(depth=5))
    assert _reason(tmp_path, nested(5), limits) is FileReason.READABLE
    assert _reason(tmp_path, nested(6), limits) is FileReason.TOO_DEEP


def test_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = _write(tmp_path, hostile_files.file_bytes(example_slice(0)))
    os.truncate(path, 2**40)
    assert check_file(path, LIMITS).reason is FileReason.TOO_LARGE


def test_pixels_cut_off_are_left_to_the_judge_of_the_series(tmp_path: Path) -> None:
    content = hostile_files.file_bytes(example_slice(0))
    assert _reason(tmp_path, content[:-100]) is FileReason.READABLE


def test_pixels_that_announce_more_than_the_matrix_holds_are_refused(tmp_path: Path) -> None:
    content = hostile_files.file_bytes(example_slice(0))
    start = content.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW")) + 8
    announced = content[:start] + struct.pack("<L", 0xFFFFFFF0) + content[start + 4 :]
    assert _reason(tmp_path, announced) is FileReason.LENGTH_BEYOND_FILE


def test_header_cut_off_is_refused_and_its_series_known(tmp_path: Path) -> None:
    content = hostile_files.file_bytes(example_slice(0))
    # In the middle of Image Orientation (Patient), behind Series Instance UID.
    cut = content.index(struct.pack("<HH", 0x0020, 0x0037)) + 10
    verdict = check_file(_write(tmp_path, content[:cut]), LIMITS)
    assert (verdict.reason, verdict.series_uid) == (FileReason.LENGTH_BEYOND_FILE, SERIES_UID)


def test_wrong_lengths_within_a_sequence_of_known_length_are_passed_over(tmp_path: Path) -> None:
    content = hostile_files.file_bytes(example_slice(0))
    start = content.index(struct.pack("<HH", 0x0008, 0x0060))
    # An item of 12 bytes whose one element claims 200.
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 12) + struct.pack("<HH2sH", 8, 0x1150, b"UI", 200)
    sequence = struct.pack("<HH2sHL", 8, 0x0051, b"SQ", 0, 20) + item + b"1.2\0"
    assert _reason(tmp_path, content[:start] + sequence + content[start:]) is FileReason.READABLE


def test_media_directory_is_told_apart(tmp_path: Path) -> None:
    assert _reason(tmp_path, hostile_files.sound_contents()[3]) is FileReason.MEDIA_DIRECTORY


def test_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert check_file(tmp_path / "pipe", LIMITS).reason is FileReason.NOT_REGULAR_FILE


def test_every_file_bundled_with_pydicom_gets_the_verdict_that_reading_it_confirms() -> None:
    folder = Path(pydicom.__file__).parent / "data"
    verdicts = {
        path.relative_to(folder).as_posix(): check_file(path, LIMITS).reason
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    refused = {
        name: reason
        for name, reason in verdicts.items()
        if reason not in (FileReason.READABLE, FileReason.NOT_DICOM) and "DICOMDIR" not in name
    }
    assert refused == {"test_files/rtplan_truncated.dcm": FileReason.LENGTH_BEYOND_FILE}
    unread = [
        name
        for name, reason in verdicts.items()
        if (reason is FileReason.READABLE) != (read_header(folder / name) is not None)
        and reason in (FileReason.READABLE, FileReason.NOT_DICOM)
    ]
    assert unread == []


def test_mutants_get_a_verdict_and_raise_nothing(tmp_path: Path) -> None:
    contents = hostile_files.sound_contents()
    path = tmp_path / "mutant.dcm"
    reasons = set()
    for seed in range(400):
        content, donor = contents[seed % 3], contents[seed // 3 % 4]
        path.write_bytes(hostile_files.mutated(content, donor, seed))
        verdict = check_file(path, LIMITS)
        reasons.add(verdict.reason)
        if verdict.reason is FileReason.READABLE:
            read_header(path)
    assert {FileReason.READABLE, FileReason.LENGTH_BEYOND_FILE} <= reasons
