"""Verb deidentify: a folder of DICOM files becomes a folder of de-identified ones."""

import collections
import dataclasses
import filecmp
import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from medsynth.deidentify.action_log import ActionCounts, ActionLog
from medsynth.deidentify.files import BatchOutcome, FileTask, deidentify_files
from medsynth.deidentify.key_file import is_open_to_others, make_key, read_secret
from medsynth.deidentify.markers import method_codes
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import Policy, build_policy
from medsynth.deidentify.screening import ObjectReason
from medsynth.errors import CohortError, ConfigurationError, RecordError
from medsynth.imaging.dicom_discovery import scan_folder
from medsynth.records.atomic import staged_folder
from medsynth.records.configuration import Settings, fill_settings
from medsynth.records.json_lines import write_json
from medsynth.records.progress import Reporter
from medsynth.records.streaming import stream_results
from medsynth.records.worker_pool import TaskError, WorkerLimits, open_worker_pool

REPORT_NAME = "deidentify_report.json"
SCHEMA = 1
_INCOMING = ".incoming"
_FILES_PER_TASK = 32
_LIMITS = WorkerLimits(seconds=300.0, memory_bytes=2**31)


class DeidentifyConfig(Settings):
    """What `--set` can change."""

    deidentify: DeidentifySettings = DeidentifySettings()
    """How headers are de-identified."""


@dataclasses.dataclass(frozen=True)
class FolderWork:
    """What is to be de-identified, and how.

    Attributes:
        source: the folder to read.
        out: the folder to make.
        policy: what is done with each attribute.
        secret: from which pseudonyms are made.
    """

    source: Path
    out: Path
    policy: Policy
    secret: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class DeidentifySummary:
    """What became of a folder.

    Attributes:
        reasons: reason code -> number of files, "written" among them.
        counts: what was done to the headers of the objects read.
        faces: how many objects may show a face.
        patients: number of patients written.
        studies: number of studies written.
        series: number of series written.
    """

    reasons: Mapping[str, int]
    counts: ActionCounts
    faces: int
    patients: int
    studies: int
    series: int


def load_settings(mode: str | None, overrides: Sequence[str]) -> DeidentifySettings:
    """Give the settings of the verb.

    Args:
        mode: "basic", "release" or None for the one of the settings.
        overrides: assignments such as "deidentify.dates=shifted".

    Raises:
        ConfigurationError: a setting is unknown or not allowed.
    """
    layers = [] if mode is None else [{"deidentify": {"mode": mode}}]
    return fill_settings(DeidentifyConfig, layers, overrides).deidentify


def deidentify_folder(
    source: Path,
    out: Path,
    settings: DeidentifySettings,
    reporter: Reporter,
    *,
    key_file: Path | None = None,
    processes: int = 0,
) -> DeidentifySummary:
    """De-identify all CT slices below a folder into a new folder.

    The new folder appears complete or not at all. The result is a function of
    the files, the settings and the key: neither the number of processes nor
    the run changes a byte.

    Args:
        source: the folder to read; links out of it are not followed.
        out: the folder to make; it may be there if it is empty.
        settings: how headers are de-identified.
        reporter: hears what was done.
        key_file: the key; made if it is not there; beside `out` where None.
        processes: worker processes; 0 takes one for each processor.

    Raises:
        ConfigurationError: a folder or the key is not where it can be.
        RecordError: `out` holds something.
        CohortError: no file could be de-identified.
    """
    _check_folders(source, out)
    # A link cannot be replaced by the finished folder; what it leads to can.
    out = out.resolve()
    work = FolderWork(source, out, build_policy(settings), _secret(source, out, key_file, reporter))
    # The pool is within the folder: where a run is cut short, no process may still be writing
    # when the folder is removed.
    with (
        staged_folder(work.out) as staging,
        open_worker_pool(
            processes or os.cpu_count() or 1, _LIMITS, initializer=_import_ahead
        ) as executor,
    ):
        summary = _write_into(staging, work, executor, reporter)
    _summarize(summary, reporter)
    return summary


def write_folder(work: FolderWork, executor: Executor, reporter: Reporter) -> DeidentifySummary:
    """De-identify all CT slices below a folder with an executor of the caller's.

    Args:
        work: which folder, and how; the folder to make must be absent or empty.
        executor: runs the work; the result does not depend on it. After an error
            its running tasks may still write into a folder that is being removed.
        reporter: hears what was done.

    Raises:
        CohortError: no file could be de-identified.
    """
    with staged_folder(work.out) as staging:
        summary = _write_into(staging, work, executor, reporter)
    _summarize(summary, reporter)
    return summary


def report(summary: DeidentifySummary, policy: Policy) -> dict[str, object]:
    """Give what `deidentify_report.json` holds: counts, edition and options, never a value."""
    reasons = dict(sorted(summary.reasons.items()))
    return {
        "schema": SCHEMA,
        "edition": policy.edition,
        "options": policy.settings.model_dump(mode="json"),
        "method_codes": [list(code) for code in method_codes(policy)],
        "files": {
            "found": sum(reasons.values()),
            "written": reasons.get(ObjectReason.WRITTEN.value, 0),
            "by_reason": reasons,
        },
        "patients": summary.patients,
        "studies": summary.studies,
        "series": summary.series,
        "warnings": {"may_show_a_face": summary.faces},
        "actions": dict(summary.counts.by_action),
        "attributes": {name: dict(one) for name, one in summary.counts.by_attribute.items()},
    }


def _check_folders(source: Path, out: Path) -> None:
    if not source.is_dir():
        raise ConfigurationError(
            f"Folder {source} is not there. Expected an existing folder. Check the path."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecordError(
            f"{out} is there already and not empty. Expected a new folder, so that nothing is "
            "overwritten. Choose another name or delete it."
        )
    if not next(folder for folder in out.resolve().parents if folder.exists()).is_dir():
        raise ConfigurationError(
            f"{out} cannot be made: a part of the path is a file. Expected folders alone. Choose "
            "another place."
        )
    if out.resolve().is_relative_to(source.resolve()):
        raise ConfigurationError(
            f"{out} lies in the folder that is read. Expected a folder outside of it, so that no "
            "later run takes the result for a source. Choose another place."
        )


def _secret(source: Path, out: Path, key_file: Path | None, reporter: Reporter) -> str:
    key = out.resolve().with_name(out.resolve().name + ".key") if key_file is None else key_file
    if any(key.resolve().is_relative_to(folder.resolve()) for folder in (source, out)):
        raise ConfigurationError(
            f"Key file {key} lies in the folder that is read or written. Expected it outside of "
            "both, so that it is never passed on with them. Name another place with --key."
        )
    is_new = not key.exists()
    if is_new:
        make_key(key)
        reporter.message(
            f"New key: {key}. Keep it secret and keep it: it alone makes the same pseudonyms again."
        )
    secret = read_secret(key)
    if not is_new and is_open_to_others(key):
        reporter.message(
            f"Key file {key} can be read by other users: they can find out who is who. Take their "
            "permissions away (chmod 600)."
        )
    return secret


def _import_ahead() -> None:
    """Leave the imports of this module to the start of a worker process."""


def _write_into(
    staging: Path, work: FolderWork, executor: Executor, reporter: Reporter
) -> DeidentifySummary:
    scan = scan_folder(work.source)
    files = sorted({path.resolve() for path in scan.files})
    reporter.message(f"{len(files)} files found")
    incoming = staging / _INCOMING
    incoming.mkdir()
    tasks = [FileTask(path, incoming / f"{n}.dcm") for n, path in enumerate(files)]
    run = functools.partial(_treat_batch, policy=work.policy, secret=work.secret)
    outcomes = _treat_all(tasks, executor, run, reporter)
    refused = {reason.value: number for reason, number in scan.refused.items()}
    summary = _placed(staging, tasks, outcomes, refused)
    incoming.rmdir()
    _check_any_written(summary)
    write_json(staging / REPORT_NAME, report(summary, work.policy))
    return summary


def _treat_batch(batch: Sequence[FileTask], policy: Policy, secret: str) -> BatchOutcome:
    return deidentify_files(batch, policy, secret)


def _treat_all(
    tasks: Sequence[FileTask],
    executor: Executor,
    run: "functools.partial[BatchOutcome]",
    reporter: Reporter,
) -> dict[int, BatchOutcome]:
    """Treat all files and give the outcomes by the number of the first file in each."""
    outcomes: dict[int, BatchOutcome] = {}
    starts = range(0, len(tasks), _FILES_PER_TASK)
    suspects: list[int] = []
    done = 0
    for start, outcome in _stream(tasks, starts, _FILES_PER_TASK, executor, run):
        if isinstance(outcome, TaskError):
            suspects.extend(range(start, min(start + _FILES_PER_TASK, len(tasks))))
            continue
        outcomes[start] = outcome
        done += len(outcome.names)
        reporter.progress(done=done, total=len(tasks), text="de-identifying")
    # A batch that took its process down is tried again file by file: one is to blame.
    for number in suspects:
        tasks[number].target.unlink(missing_ok=True)
    for number, outcome in _stream(tasks, suspects, 1, executor, run):
        outcomes[number] = _lost(outcome) if isinstance(outcome, TaskError) else outcome
        done += 1
        reporter.progress(done=done, total=len(tasks), text="de-identifying")
    return outcomes


def _stream(
    tasks: Sequence[FileTask],
    starts: Iterable[int],
    length: int,
    executor: Executor,
    run: "functools.partial[BatchOutcome]",
) -> Iterator[tuple[int, BatchOutcome | TaskError]]:
    batches = {tasks[start].target: start for start in starts}
    items = [tasks[start : start + length] for start in batches.values()]
    for batch, future in stream_results(executor, run, items, most_waiting=64):
        error = future.exception()
        start = batches[batch[0].target]
        yield start, error if isinstance(error, TaskError) else future.result()


def _lost(error: TaskError) -> BatchOutcome:
    return BatchOutcome((None,), {error.failure.value: 1}, ActionLog().counts(), 0)


def _placed(
    staging: Path,
    tasks: Sequence[FileTask],
    outcomes: Mapping[int, BatchOutcome],
    refused: Mapping[str, int],
) -> DeidentifySummary:
    """Give each result its name; of several results of one name the first file's stays."""
    reasons = collections.Counter(refused)
    log, faces = ActionLog(), 0
    names: set[str] = set()
    for start, outcome in sorted(outcomes.items()):
        reasons.update(outcome.reasons)
        log.add_counts(outcome.counts)
        faces += outcome.faces
        for task, name in zip(tasks[start:], outcome.names, strict=False):
            if name in names:
                reasons[ObjectReason.WRITTEN.value] -= 1
                reasons[_second_reason(task.target, staging / name).value] += 1
                task.target.unlink()
            elif name is not None:
                names.add(name)
                (staging / name).parent.mkdir(parents=True, exist_ok=True)
                task.target.rename(staging / name)
            else:
                task.target.unlink(missing_ok=True)
    parts = [name.split("/") for name in names]
    patients, studies, series = (len({tuple(one[:n]) for one in parts}) for n in (1, 2, 3))
    return DeidentifySummary(reasons, log.counts(), faces, patients, studies, series)


def _second_reason(second: Path, first: Path) -> ObjectReason:
    is_same = filecmp.cmp(second, first, shallow=False)
    return ObjectReason.DUPLICATE_INSTANCE if is_same else ObjectReason.CONFLICTING_INSTANCE


def _check_any_written(summary: DeidentifySummary) -> None:
    if not summary.reasons.get(ObjectReason.WRITTEN.value):
        raise CohortError(
            f"Found {sum(summary.reasons.values())} files and de-identified none: "
            f"{_set_aside(summary) or 'the folder is empty'}. Expected CT slices as DICOM files. "
            "Give another folder."
        )


def _set_aside(summary: DeidentifySummary) -> str:
    written = ObjectReason.WRITTEN.value
    return ", ".join(f"{n} {why}" for why, n in sorted(summary.reasons.items()) if why != written)


def _summarize(summary: DeidentifySummary, reporter: Reporter) -> None:
    written = summary.reasons[ObjectReason.WRITTEN.value]
    reporter.message(
        f"{written} slices of {summary.patients} patients written, in {summary.studies} studies "
        f"and {summary.series} series"
    )
    set_aside = _set_aside(summary)
    if set_aside:
        reporter.message(f"Not written: {set_aside}")
    if summary.faces:
        reporter.message(
            f"{summary.faces} slices may show a face: a head can be rendered from them and "
            "recognised. Pass them on only to people who may see it."
        )
