"""The ingest stage: from DICOM files to de-identified volumes.

What is written is volumes, and of the headers an allow-list of technical
fields. Pseudonyms stand for patients and series. Nothing else leaves the files.
Foreign files are opened in worker processes alone, within limits of time and memory.
"""

import collections
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from medsynth.cohort.companions import LABEL_NAMES_NAME, read_label_names
from medsynth.cohort.series import (
    LABELS_FOLDER,
    TRUTH_FOLDER,
    VOLUMES_FOLDER,
    LostReason,
    SeriesRecord,
    write_series,
)
from medsynth.deidentify.pseudonyms import patient_pseudonym, series_pseudonym
from medsynth.errors import CohortError
from medsynth.imaging.dicom_discovery import Discovery, discover_series, scan_folder
from medsynth.imaging.dicom_guard import GuardLimits
from medsynth.imaging.dicom_series import (
    MissingSlicePolicy,
    SeriesGroup,
    SeriesLimits,
    TiltPolicy,
    group_series,
)
from medsynth.imaging.file_reason import FileReason
from medsynth.records.json_lines import write_json
from medsynth.records.progress import Reporter, TimeEstimate
from medsynth.records.streaming import stream_results
from medsynth.records.worker_pool import TaskError, WorkerLimits, open_worker_pool
from pipelines.ingest_tasks import (
    SeriesTask,
    import_assembly,
    ingest_series,
    lost_record,
    remove_files,
)
from pipelines.inputs import files_below
from pipelines.project_config import IngestSettings, ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext

FILES_NAME = "files.json"
_UID = re.compile(r"[0-9][0-9.]{0,63}")
# A header is read within a millisecond; the rest is for slow disks and for what is damaged.
_HEADER_LIMITS = WorkerLimits(seconds=60.0, memory_bytes=2**30)
_GUARD_LIMITS = GuardLimits()


@dataclasses.dataclass(frozen=True)
class CompanionFiles:
    """The labels and truth a user handed over, by file name.

    Attributes:
        labels: name -> file.
        truth: name -> file.
        label_names: value -> organ; empty without labels.
    """

    labels: Mapping[str, Path]
    truth: Mapping[str, Path]
    label_names: Mapping[int, str]


def execute(context: StageContext) -> None:
    """Find, judge, assemble and write every series below the DICOM folders.

    Raises:
        CohortError: no DICOM file was found, or no series was accepted.
        ConfigurationError: `labels.json` is missing or malformed.
        ImageError: labels or truth do not lie on their series' grid.
    """
    config, output = context.config, context.output
    companions = _find_companions(config)
    for name in (VOLUMES_FOLDER, LABELS_FOLDER, TRUTH_FOLDER):
        (output / name).mkdir()
    if companions.label_names:
        write_json(output / LABEL_NAMES_NAME, companions.label_names)
    discovery = _discover(context)
    write_json(output / FILES_NAME, {"reasons": _by_name(discovery.reasons)})
    records = _ingest_all(context, discovery, companions)
    _remove_empty_folders(output)
    write_series(output, records)
    _check_any_accepted(records)
    _summarize(records, companions, context.reporter)


def _find_companions(config: ProjectConfig) -> CompanionFiles:
    labels, truth = config.input.labels, config.input.truth
    return CompanionFiles(
        labels={path.name: path for path in files_below(labels)} if labels else {},
        truth={path.name: path for path in files_below(truth)} if truth else {},
        label_names=read_label_names(labels) if labels else {},
    )


def _discover(context: StageContext) -> Discovery:
    reporter = context.reporter
    scans = [scan_folder(folder) for folder in context.config.input.dicom]
    # A folder may be named twice or lie in another.
    paths = sorted({path.resolve() for scan in scans for path in scan.files})
    estimate = TimeEstimate()
    processes = _process_count(context.config.ingest)
    with open_worker_pool(processes, _HEADER_LIMITS) as executor:
        discovery = discover_series(
            paths,
            executor,
            limits=_GUARD_LIMITS,
            on_progress=lambda done: _tell_progress(
                reporter, estimate, done=done, total=len(paths), text="reading headers"
            ),
        )
    refused = sum((collections.Counter(scan.refused) for scan in scans), collections.Counter())
    reasons = refused + collections.Counter(discovery.reasons)
    readable = reasons[FileReason.READABLE]
    others = {reason: n for reason, n in reasons.items() if reason is not FileReason.READABLE}
    found = f"; {sum(others.values())} other files left out: {_in_words(others)}" if others else ""
    if not readable:
        raise CohortError(
            f"Found {len(paths)} files and no DICOM among them{found}. Expected CT scans as DICOM "
            "files. Give the folder that holds them with --dicom DIR."
        )
    reporter.message(f"{readable} DICOM files in {len(discovery.headers)} series{found}")
    return dataclasses.replace(discovery, reasons=reasons)


def _ingest_all(
    context: StageContext, discovery: Discovery, companions: CompanionFiles
) -> list[SeriesRecord]:
    settings, records, done = context.config.ingest, [], 0
    total = discovery.reasons[FileReason.READABLE]
    processes = _process_count(settings)
    limits = WorkerLimits(settings.series_seconds, int(settings.series_memory_gb * 2**30))
    estimate = TimeEstimate()
    with open_worker_pool(processes, limits, initializer=import_assembly) as executor:
        tasks = _tasks(context, discovery, companions)
        for task, record in _stream_records(tasks, executor, most_waiting=4 * processes):
            records.append(record)
            # A file with several stacks belongs to several series.
            done = min(total, done + len(task.group.instances))
            _tell_progress(
                context.reporter, estimate, done=done, total=total, text="assembling series"
            )
    return sorted(records, key=lambda record: record.series)


def _tasks(
    context: StageContext, discovery: Discovery, companions: CompanionFiles
) -> Iterator[SeriesTask]:
    """Give one task after the other; headers of one series at a time are unpacked."""
    for identity in sorted(discovery.headers):
        is_complete = identity not in discovery.incomplete
        for group in group_series(discovery.series_headers(identity)):
            yield _task(context, group, companions, is_complete=is_complete)


def _task(
    context: StageContext, group: SeriesGroup, companions: CompanionFiles, *, is_complete: bool
) -> SeriesTask:
    secret, settings = context.inputs.secret, context.config.ingest
    patient = group.instances[0].patient_identity
    name = _companion_name(group)
    return SeriesTask(
        group=group,
        is_complete=is_complete,
        limits=SeriesLimits(
            settings.min_slices,
            settings.max_gap_spread_mm,
            missing_slices=MissingSlicePolicy(settings.missing_slices),
            gantry_tilt=TiltPolicy(settings.gantry_tilt),
            max_missing_slices=settings.max_missing_slices,
        ),
        series=series_pseudonym(secret, group.identity, group.part),
        patient=patient_pseudonym(secret, patient) if patient else "",
        output=context.output,
        labels=companions.labels.get(name),
        truth=companions.truth.get(name),
        label_names=companions.label_names,
    )


def _companion_name(group: SeriesGroup) -> str:
    is_whole_uid = group.part == 0 and _UID.fullmatch(group.identity) is not None
    return f"{group.identity}.nii.gz" if is_whole_uid else ""


def _stream_records(
    tasks: Iterator[SeriesTask], executor: Executor, *, most_waiting: int
) -> Iterator[tuple[SeriesTask, SeriesRecord]]:
    for task, future in stream_results(executor, ingest_series, tasks, most_waiting=most_waiting):
        error = future.exception()
        if isinstance(error, TaskError):
            remove_files(task)
            yield task, lost_record(task, LostReason(error.failure.value))
        else:
            yield task, future.result()


def _process_count(settings: IngestSettings) -> int:
    return settings.processes or os.cpu_count() or 1


def _tell_progress(
    reporter: Reporter, estimate: TimeEstimate, *, done: int, total: int, text: str
) -> None:
    remaining = estimate.remaining_seconds(done=done, total=total)
    left = "" if remaining is None else f", about {remaining / 60:.1f} minutes left"
    reporter.progress(done=done, total=total, text=f"{text}{left}")


def _remove_empty_folders(output: Path) -> None:
    for name in (VOLUMES_FOLDER, LABELS_FOLDER, TRUTH_FOLDER):
        if not any((output / name).iterdir()):
            (output / name).rmdir()


def _check_any_accepted(records: Sequence[SeriesRecord]) -> None:
    if any(record.is_accepted for record in records):
        return
    raise CohortError(
        f"Found {len(records)} series and accepted none: {_rejections(records)}. Expected axial CT "
        "series in Hounsfield units. Give other scans, or loosen the settings of ingest."
    )


def _summarize(
    records: Sequence[SeriesRecord], companions: CompanionFiles, reporter: Reporter
) -> None:
    accepted = [record for record in records if record.is_accepted]
    patients = len({record.patient for record in accepted})
    reporter.message(f"{len(accepted)} series of {patients} patients accepted")
    repairs = collections.Counter(repair.kind for record in accepted for repair in record.repairs)
    if repairs:
        reporter.message(f"Repaired among them: {_in_words(repairs)}")
    if len(accepted) < len(records):
        reporter.message(f"{len(records) - len(accepted)} series rejected: {_rejections(records)}")
    labelled = sum(record.has_labels for record in accepted)
    paired = sum(record.has_truth for record in accepted)
    if companions.labels:
        reporter.message(f"{labelled} series have labels")
    if companions.truth:
        reporter.message(f"{paired} series have paired truth")


def _rejections(records: Sequence[SeriesRecord]) -> str:
    return _in_words(collections.Counter(one.reason for one in records if not one.is_accepted))


def _in_words(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(_by_name(counts).items()))


def _by_name(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items() if count}


def _settings(config: ProjectConfig) -> SettingValues:
    # The number of processes and the place of the key do not change the result.
    return config.ingest.model_dump(mode="json", exclude={"processes", "key_file"})


STAGE = Stage(name="ingest", reads=(), settings=_settings, execute=execute, reads_user_input=True)
