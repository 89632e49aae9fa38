"""Every bad input ends with one message, exit code 2, and nothing half-written."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from medsynth.records.lock import workspace_lock
from tests.whole_run.commands import (
    SMALL,
    command_line,
    environment,
    make_patients,
    medsynth,
    run_arguments,
)

pytestmark = pytest.mark.whole_run


def _assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def _assert_nothing_half_written(workspace: Path, *unfinished: str) -> None:
    left = [path.name for path in workspace.iterdir() if path.name.endswith(".partial")]
    assert left == [f".{name}.partial" for name in unfinished]


def test_folder_without_dicom(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "notes.txt").write_text("no scan")
    workspace = tmp_path / "w"
    done = medsynth("run", f"--dicom={tmp_path / 'dicom'}", f"--workspace={workspace}")
    _assert_refused(done, "DICOM")
    _assert_nothing_half_written(workspace)


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    done = medsynth("run", f"--dicom={tmp_path / 'none'}", f"--workspace={tmp_path / 'w'}")
    _assert_refused(done, "is not there")


def test_one_patient_only(tmp_path: Path, patients: Path) -> None:
    one = tmp_path / "dicom"
    first = sorted((patients / "dicom").iterdir())[-1]
    shutil.copytree(first, one / first.name)
    workspace = tmp_path / "w"
    done = medsynth("run", f"--dicom={one}", f"--workspace={workspace}", *SMALL)
    _assert_refused(done, "patient")
    _assert_nothing_half_written(workspace)


def test_one_phase_only(tmp_path: Path, patients: Path) -> None:
    contrast = tmp_path / "dicom"
    for series in sorted((patients / "dicom").glob("*series3")):
        shutil.copytree(series, contrast / series.name)
    workspace = tmp_path / "w"
    done = medsynth("run", f"--dicom={contrast}", f"--workspace={workspace}", *SMALL)
    _assert_refused(done, "contrast")
    _assert_nothing_half_written(workspace)


def test_volume_smaller_than_the_training_slice(tmp_path: Path, patients: Path) -> None:
    workspace = tmp_path / "w"
    arguments = [*run_arguments(patients, workspace), "--set=prepare.matrix=256"]
    done = medsynth(*arguments)
    _assert_refused(done, "Expected at least", "prepare.matrix")
    _assert_nothing_half_written(workspace)


def test_no_labels_gives_a_report_that_says_what_was_not_measured(
    tmp_path: Path, patients: Path
) -> None:
    workspace = tmp_path / "w"
    done = medsynth(
        "run",
        f"--dicom={patients / 'dicom'}",
        f"--workspace={workspace}",
        "--set=release.accept_inconclusive=true",
        *SMALL,
    )
    assert done.returncode == 0, done.stderr
    page = (workspace / "report" / "index.html").read_text("utf-8")
    assert "not measured" in page.lower()
    assert "labels" in page


def test_unknown_setting_names_the_nearest(tmp_path: Path) -> None:
    done = medsynth(
        "run", f"--dicom={tmp_path}", f"--workspace={tmp_path / 'w'}", "--set=train.stepz=5"
    )
    _assert_refused(done, "train.stepz", "train.steps")


def test_second_run_in_the_same_workspace(tmp_path: Path, patients: Path) -> None:
    workspace = tmp_path / "w"
    workspace.mkdir()
    with workspace_lock(workspace):
        done = medsynth(*run_arguments(patients, workspace))
    _assert_refused(done, "in use")


def test_folder_of_something_else_is_not_written_into(tmp_path: Path, patients: Path) -> None:
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "thesis.txt").write_text("mine")
    _assert_refused(medsynth(*run_arguments(patients, workspace)), "no workspace")
    assert [path.name for path in workspace.iterdir()] == ["thesis.txt"]


def test_stage_without_its_predecessor(tmp_path: Path, patients: Path) -> None:
    workspace = tmp_path / "w"
    ingested = medsynth("ingest", f"--dicom={patients / 'dicom'}", f"--workspace={workspace}")
    assert ingested.returncode == 0, ingested.stderr
    _assert_refused(medsynth("train", f"--workspace={workspace}"), "medsynth prepare")


def test_interrupt_ends_with_one_message_and_the_run_goes_on(
    tmp_path: Path, patients: Path
) -> None:
    workspace = tmp_path / "w"
    arguments = [*run_arguments(patients, workspace), "--set=train.steps=100000"]
    process = subprocess.Popen(
        command_line(arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    deadline = time.monotonic() + 120
    while not (workspace / ".train.partial" / "checkpoint.pt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "same command" in errors
    _assert_nothing_half_written(workspace, "train")


def test_full_disk(tmp_path: Path, patients: Path) -> None:
    small_disk = tmp_path / "disk"
    small_disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small_disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        workspace = small_disk / "w"
        _assert_refused(medsynth(*run_arguments(patients, workspace)), "disk is full")
        _assert_nothing_half_written(workspace)
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


@pytest.fixture(scope="module")
def two_patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_patients(tmp_path_factory.mktemp("two") / "made", patients=2, seed=1)


def test_phantom_does_not_overwrite(two_patients: Path) -> None:
    done = medsynth("phantom", str(two_patients), "--patients=2")
    _assert_refused(done, "not empty")
