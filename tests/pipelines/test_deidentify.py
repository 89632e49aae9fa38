import contextlib
import gzip
import json
import multiprocessing
import os
import re
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pydicom
import pytest
from typer.testing import CliRunner

from medsynth.cohort.series import read_series
from medsynth.deidentify.key_file import make_key, read_secret
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import build_policy
from medsynth.deidentify.pseudonyms import patient_pseudonym
from medsynth.errors import CohortError, ConfigurationError, RecordError
from medsynth.imaging.dicom_header import silent_pydicom
from medsynth.phantom.cohort import PhantomOptions, write_cohort
from medsynth.records.atomic import discard_folder, staged_folder
from pipelines import cli, ingest
from pipelines.deidentify import (
    REPORT_NAME,
    FolderWork,
    deidentify_folder,
    load_settings,
    write_folder,
)
from pipelines.project_config import load_config
from tests.medsynth.deidentify.canaries import (
    canary_series,
    file_bytes,
    left_in,
    plain_slice,
)
from tests.pipelines.stage_running import RecordingReporter, run_stages

BASIC = DeidentifySettings()


def _input(folder: Path, slices: int = 3) -> Path:
    (folder / "ward 3").mkdir(parents=True)
    for number in range(1, slices + 1):
        name = f"Quillfeather_{number}.dcm"
        (folder / "ward 3" / name).write_bytes(file_bytes(plain_slice(number)))
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class _HereAndNow(Executor):
    """Runs tasks in the calling process: starting others takes longer than most tests."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _run(source: Path, out: Path, settings: DeidentifySettings = BASIC) -> RecordingReporter:
    reporter, key = RecordingReporter(), out.parent / "key"
    if not key.exists():
        make_key(key)
    work = FolderWork(source, out, build_policy(settings), read_secret(key))
    write_folder(work, _HereAndNow(), reporter)
    return reporter


def _run_with_pool(source: Path, out: Path, processes: int) -> None:
    key = out.parent / "key"
    deidentify_folder(source, out, BASIC, RecordingReporter(), key_file=key, processes=processes)


def test_names_and_folders_are_made_of_pseudonyms_alone(tmp_path: Path) -> None:
    _run(_input(tmp_path / "in"), tmp_path / "out")
    names = set(_contents(tmp_path / "out"))
    assert len(names) == 4
    uid = r"2\.25\.\d+"
    pattern = re.compile(rf"p[0-9a-f]{{10}}/{uid}/{uid}/{uid}\.dcm")
    assert {name for name in names if not pattern.fullmatch(name)} == {REPORT_NAME}


def test_neither_processes_nor_runs_change_a_byte(tmp_path: Path) -> None:
    source = _input(tmp_path / "in", slices=40)
    (source / "notes.txt").write_text("beside", "utf-8")
    _run_with_pool(source, tmp_path / "out0", 1)
    _run_with_pool(source, tmp_path / "out1", 2)
    _run(source, tmp_path / "out2")
    first, *others = (_contents(tmp_path / f"out{number}") for number in range(3))
    assert len(first) == 41
    assert all(other == first for other in others)


def test_another_key_gives_other_names(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        _run(source, tmp_path / name / "out")
    one, other = (set(_contents(tmp_path / name / "out")) for name in ("one", "other"))
    assert one & other == {REPORT_NAME}


def test_the_report_holds_counts_edition_and_options_and_no_value(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    burned_in = plain_slice(9)
    burned_in.BurnedInAnnotation = "YES"
    (source / "x").write_bytes(file_bytes(burned_in))
    (source / "notes.txt").write_text("beside", "utf-8")
    reporter = _run(source, tmp_path / "out", DeidentifySettings(dates="shifted"))
    text = (tmp_path / "out" / REPORT_NAME).read_text("utf-8")
    report = json.loads(text)
    assert report["files"] == {
        "found": 5,
        "written": 3,
        "by_reason": {"burned_in_annotation": 1, "not_dicom": 1, "written": 3},
    }
    assert (report["patients"], report["studies"], report["series"]) == (1, 1, 1)
    assert report["edition"].startswith("2024e")
    assert report["options"]["dates"] == "shifted"
    assert [code for code, _ in report["method_codes"]] == ["113100", "113107"]
    assert report["attributes"]["PatientName"] == {"replaced_by_pseudonym": 3}
    assert report["actions"]["date_shifted"] == 6
    for value in ("Quill", "Wigglesworth", "4711", "20190117", "ward", "1.2.826", "2.25."):
        assert value not in text
        assert not [line for line in reporter.lines if value in line]
    assert "Not written: 1 burned_in_annotation, 1 not_dicom" in reporter.lines


def test_several_files_of_one_object_are_written_once(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    (source / "again.dcm").write_bytes(file_bytes(plain_slice(1)))
    _run(source, tmp_path / "out")
    report = json.loads((tmp_path / "out" / REPORT_NAME).read_text("utf-8"))
    assert report["files"]["by_reason"] == {"duplicate_instance": 1, "written": 3}


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    (tmp_path / "outside.dcm").write_bytes(file_bytes(plain_slice(9)))
    (source / "link.dcm").symlink_to(tmp_path / "outside.dcm")
    _run(source, tmp_path / "out")
    report = json.loads((tmp_path / "out" / REPORT_NAME).read_text("utf-8"))
    assert report["files"]["by_reason"] == {"outside_root": 1, "written": 3}


def test_a_damaged_file_does_not_abort_the_rest(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    whole = file_bytes(plain_slice(9))
    for number, end in enumerate(range(140, len(whole), 60)):
        (source / f"cut{number}").write_bytes(whole[:end])
    _run(source, tmp_path / "out")
    report = json.loads((tmp_path / "out" / REPORT_NAME).read_text("utf-8"))
    assert report["files"]["written"] == 3
    assert report["files"]["found"] == 3 + len(range(140, len(whole), 60))


def test_heads_are_counted_in_report_and_summary(tmp_path: Path) -> None:
    head = plain_slice()
    head.BodyPartExamined = "HEAD"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "head").write_bytes(file_bytes(head))
    reporter = _run(tmp_path / "in", tmp_path / "out")
    report = json.loads((tmp_path / "out" / REPORT_NAME).read_text("utf-8"))
    assert report["warnings"] == {"may_show_a_face": 1}
    assert [line for line in reporter.lines if line.startswith("1 slices may show a face")]


def test_a_folder_without_ct_leaves_nothing_but_the_key(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("beside", "utf-8")
    with pytest.raises(CohortError, match="de-identified none: 1 not_dicom"):
        _run(tmp_path / "in", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "key"]


def test_a_folder_that_holds_something_is_not_touched(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("keep", "utf-8")
    with pytest.raises(RecordError, match="not empty"):
        _run_with_pool(source, tmp_path / "out", 1)
    assert list(_contents(tmp_path / "out")) == ["precious"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    (tmp_path / "out").mkdir()
    _run(source, tmp_path / "out")
    assert len(_contents(tmp_path / "out")) == 4


def test_places_within_the_folder_that_is_read_or_written_are_refused(tmp_path: Path) -> None:
    source, out = _input(tmp_path / "in"), tmp_path / "out"
    with pytest.raises(ConfigurationError, match="lies in the folder that is read"):
        deidentify_folder(source, source / "out", BASIC, RecordingReporter())
    for key in (source / "key", out / "key"):
        with pytest.raises(ConfigurationError, match="Key file"):
            deidentify_folder(source, out, BASIC, RecordingReporter(), key_file=key)
    with pytest.raises(ConfigurationError, match="is not there"):
        deidentify_folder(tmp_path / "none", out, BASIC, RecordingReporter())


def test_a_key_is_made_beside_the_result_and_used_again(tmp_path: Path) -> None:
    source, reporter = _input(tmp_path / "in"), RecordingReporter()
    deidentify_folder(source, tmp_path / "out", BASIC, reporter, processes=1)
    key = tmp_path / "out.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert [line for line in reporter.lines if line.startswith("New key")]
    content = key.read_bytes()
    discard_folder(tmp_path / "out")
    again = RecordingReporter()
    deidentify_folder(source, tmp_path / "out", BASIC, again, processes=1)
    assert not [line for line in again.lines if line.startswith("New key")]
    assert key.read_bytes() == content


def test_settings_come_from_mode_and_overrides() -> None:
    settings = load_settings("release", ["deidentify.dates=shifted"])
    assert (settings.mode, settings.dates) == ("release", "shifted")
    assert load_settings(None, []) == BASIC
    with pytest.raises(ConfigurationError, match=r"deidentify\.dates"):
        load_settings(None, ["deidentify.date=shifted"])
    with pytest.raises(ConfigurationError, match="release"):
        load_settings("safe", [])


def test_the_command_writes_the_folder_and_says_so(tmp_path: Path) -> None:
    arguments = [str(_input(tmp_path / "in")), str(tmp_path / "out"), "--mode", "release"]
    shown = CliRunner().invoke(cli.app, ["deidentify", *arguments, "--processes", "1"])
    assert shown.exit_code == 0, shown.output
    assert "3 slices of 1 patients written, in 1 studies and 1 series" in shown.output
    report = json.loads((tmp_path / "out" / REPORT_NAME).read_text("utf-8"))
    assert report["options"]["mode"] == "release"


@pytest.mark.parametrize("mode", ["basic", "release"])
def test_nothing_planted_in_made_up_patients_is_left(tmp_path: Path, mode: str) -> None:
    options = PhantomOptions(matrix=32, slices=4, spacing_mm=11.2, slice_mm=12.0, sites=4)
    write_cohort(tmp_path / "cohort", patients=4, seed=5, options=options)
    _run(tmp_path / "cohort" / "dicom", tmp_path / "out", load_settings(mode, []))
    planted = [
        value
        for text in _texts(json.loads((tmp_path / "cohort" / "planted.json").read_text("utf-8")))
        for value in (text.encode("utf-8"), text.encode("latin-1", "ignore"))
        # Two digits are in any file.
        if len(value) > 3
    ]
    assert len(planted) > 100
    for name, content in _contents(tmp_path / "out").items():
        assert left_in(tuple(planted), content + name.encode()) == []


def test_canaries_leave_no_trace_in_what_ingest_writes_or_says(tmp_path: Path) -> None:
    with silent_pydicom():
        files = canary_series(6)
    planted = tuple(value for file in files for value in file.planted)
    assert len(planted) > 6 * 1870
    (tmp_path / "dicom").mkdir()
    for number, file in enumerate(files):
        (tmp_path / "dicom" / f"{number}.dcm").write_bytes(file.content)
    values: dict[str, Any] = {
        "input": {"dicom": [str(tmp_path / "dicom")]},
        "ingest": {"processes": 1},
    }
    work = tmp_path / "work"
    reporter = run_stages([ingest.STAGE], work, load_config([values], []))
    (record,) = read_series(work / "ingest")
    assert (record.verdict, record.slices) == ("accepted", 6)
    said = "\n".join([*reporter.lines, *(text for _, _, text in reporter.steps)])
    assert left_in(planted, said.encode()) == []
    for name, content in _contents(work).items():
        unpacked = gzip.decompress(content) if name.endswith(".gz") else b""
        assert left_in(planted, content + unpacked + name.encode()) == []


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_every_real_file_ends_with_a_reason(tmp_path: Path) -> None:
    source = Path(os.environ["MEDSYNTH_REAL_CT"]) / "ingest_faults"
    _run_with_pool(source, tmp_path / "out", 2)
    report = json.loads((tmp_path / "out" / REPORT_NAME).read_text("utf-8"))
    files = [path for path in source.rglob("*") if path.is_file()]
    assert report["files"]["found"] == len(files)
    for path in (tmp_path / "out").rglob("*.dcm"):
        after = pydicom.dcmread(path, stop_before_pixels=True)
        assert after.PatientIdentityRemoved == "YES"
        assert after.PatientID == path.relative_to(tmp_path / "out").parts[0]


def test_the_pseudonym_is_that_of_the_patients_identity(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    _run(source, tmp_path / "out")
    expected = patient_pseudonym(read_secret(tmp_path / "key"), "MRN-4711-77")
    assert {name.split("/")[0] for name in _contents(tmp_path / "out")} == {expected, REPORT_NAME}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [text for part in parts for text in _texts(part)] if not isinstance(value, int) else []


def test_two_unlike_objects_of_one_uid_are_told_from_copies(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    other = plain_slice(1)
    other.KVP = "80"
    (source / "ward 3" / "x.dcm").write_bytes(file_bytes(other))
    _run(source, tmp_path / "out")
    report = json.loads((tmp_path / "out" / REPORT_NAME).read_text("utf-8"))
    assert report["files"]["by_reason"] == {"conflicting_instance": 1, "written": 3}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_as_result_is_written_through(tmp_path: Path, is_there: bool) -> None:
    source, real = _input(tmp_path / "in"), tmp_path / "real"
    if is_there:
        real.mkdir()
    (tmp_path / "link").symlink_to(real)
    _run_with_pool(source, tmp_path / "link", 1)
    assert (tmp_path / "link").is_symlink()
    assert len(_contents(real)) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "key", "link", "real"]


def test_a_result_below_a_file_is_refused(tmp_path: Path) -> None:
    source = _input(tmp_path / "in")
    (tmp_path / "file").write_text("beside", "utf-8")
    with pytest.raises(ConfigurationError, match="a part of the path is a file"):
        _run_with_pool(source, tmp_path / "file" / "out", 1)
    assert not (tmp_path / "key").exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_key_that_others_can_read_is_pointed_out(tmp_path: Path) -> None:
    source, key, reporter = _input(tmp_path / "in"), tmp_path / "key", RecordingReporter()
    make_key(key)
    key.chmod(0o644)
    deidentify_folder(source, tmp_path / "out", BASIC, reporter, key_file=key, processes=1)
    assert [line for line in reporter.lines if "can be read by other users" in line]


class _StoppingReporter(RecordingReporter):
    """Stops the run as Ctrl-C would, while processes write."""

    def progress(self, *, done: float, total: float, text: str) -> None:
        super().progress(done=done, total=total, text=text)
        raise KeyboardInterrupt


def test_a_run_that_is_stopped_ends_its_processes_and_then_removes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[int] = []

    @contextlib.contextmanager
    def watched_folder(final: Path) -> Iterator[Path]:
        with staged_folder(final) as staging:
            try:
                yield staging
            finally:
                alive.append(len(multiprocessing.active_children()))

    monkeypatch.setattr("pipelines.deidentify.staged_folder", watched_folder)
    source, key = _input(tmp_path / "in", slices=70), tmp_path / "key"
    with pytest.raises(KeyboardInterrupt):
        deidentify_folder(
            source, tmp_path / "out", BASIC, _StoppingReporter(), key_file=key, processes=1
        )
    assert alive == [0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "key"]
