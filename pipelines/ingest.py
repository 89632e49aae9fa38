"""The ingest stage: from DICOM files to de-identified volumes.

What is written is volumes, and of the headers an allow-list of technical
fields. Pseudonyms stand for patients and series. Nothing else leaves the files.
"""

import collections
import contextlib
import dataclasses
import multiprocessing
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import ParamSpec, TypeVar

from medsynth.cohort.companions import (
    LABEL_NAMES_NAME,
    carry_labels,
    carry_truth,
    read_label_names,
)
from medsynth.cohort.phase_header import header_phase
from medsynth.cohort.series import (
    ACCEPTED,
    LABELS_FOLDER,
    REJECTED,
    TRUTH_FOLDER,
    VOLUMES_FOLDER,
    SeriesRecord,
    labels_path,
    truth_path,
    volume_path,
    write_series,
)
from medsynth.deidentify.allow_list import allowed_fields
from medsynth.deidentify.pseudonyms import patient_pseudonym, series_pseudonym
from medsynth.errors import CohortError, ImageError
from medsynth.imaging.dicom_discovery import discover_instances
from medsynth.imaging.dicom_series import (
    AssembledSeries,
    SeriesGroup,
    SeriesLimits,
    assemble_series,
    group_series,
)
from medsynth.imaging.nifti import write_volume
from medsynth.imaging.volume import Volume
from medsynth.records.json_lines import write_json
from medsynth.records.progress import Reporter
from medsynth.records.workers import leave_interrupts_to_the_parent
from pipelines.inputs import files_below
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext

_UID = re.compile(r"[0-9][0-9.]{0,63}")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class SeriesTask:
    """What a worker needs to make one series.

    Attributes:
        group: the series' files.
        limits: what the series must keep to.
        series: pseudonym of the series.
        patient: pseudonym of the patient; empty where the header names none.
        output: the stage's folder.
        labels: the user's labels of this series, or None.
        truth: the user's paired truth of this series, or None.
        label_names: value -> organ.
    """

    group: SeriesGroup
    limits: SeriesLimits
    series: str
    patient: str
    output: Path
    labels: Path | None
    truth: Path | None
    label_names: Mapping[int, str]


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


class InProcessExecutor(Executor):
    """Runs each task at once in the calling process."""

    def submit(
        self,
        fn: Callable[_Arguments, _Result],
        /,
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> Future[_Result]:
        """Run the task and give its finished future; an error is raised here and now."""
        future: Future[_Result] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


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
    with open_executor(config.ingest.processes) as executor:
        groups = _discover(context, executor)
        tasks = [_task(context, group, companions) for group in groups]
        futures = [executor.submit(ingest_series, task) for task in tasks]
        _follow(futures, context.reporter)
        records = sorted((future.result() for future in futures), key=lambda one: one.series)
    _remove_empty_folders(output)
    write_series(output, records)
    _check_any_accepted(records)
    _summarize(records, companions, context.reporter)


def ingest_series(task: SeriesTask) -> SeriesRecord:
    """Judge one series and, if it is accepted, write its volume, labels and truth.

    Args:
        task: the series and where to write.

    Returns:
        The series' record.

    Raises:
        ImageError: labels or truth do not lie on the series' grid.
    """
    assembled = assemble_series(task.group, task.limits)
    volume = assembled.volume
    if volume is not None:
        _write_files(task, volume)
    return _record(task, assembled)


@contextlib.contextmanager
def open_executor(processes: int) -> Iterator[Executor]:
    """Give what runs the tasks: this process for 1, else a pool of worker processes.

    Args:
        processes: number of processes; 0 takes one for each processor.

    Yields:
        The executor. At the end, or on an error, tasks not yet begun are dropped.

    Raises:
        ImageError: a worker process died.
    """
    workers = processes or os.cpu_count() or 1
    if workers == 1:
        yield InProcessExecutor()
        return
    executor = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=leave_interrupts_to_the_parent,
    )
    try:
        yield executor
    except BrokenProcessPool:
        raise ImageError(
            f"One of {workers} worker processes ended while reading scans, most often for lack of "
            "memory. Expected room for one series in each. Lower ingest.processes."
        ) from None
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _find_companions(config: ProjectConfig) -> CompanionFiles:
    labels, truth = config.input.labels, config.input.truth
    return CompanionFiles(
        labels={path.name: path for path in files_below(labels)} if labels else {},
        truth={path.name: path for path in files_below(truth)} if truth else {},
        label_names=read_label_names(labels) if labels else {},
    )


def _discover(context: StageContext, executor: Executor) -> tuple[SeriesGroup, ...]:
    reporter, folders = context.reporter, context.config.input.dicom
    # A folder may be named twice or lie in another.
    paths = sorted({path.resolve() for folder in folders for path in files_below(folder)})
    discovery = discover_instances(
        paths,
        executor,
        on_progress=lambda done: reporter.progress(
            done=done, total=len(paths), text="reading headers"
        ),
    )
    if not discovery.instances:
        raise CohortError(
            f"Found {len(paths)} files and no DICOM among them. Expected CT scans as DICOM files. "
            "Give the folder that holds them with --dicom DIR."
        )
    groups = group_series(discovery.instances)
    reporter.message(
        f"{len(discovery.instances)} DICOM files in {len(groups)} series; "
        f"{discovery.other_files} other files skipped"
    )
    return groups


def _task(context: StageContext, group: SeriesGroup, companions: CompanionFiles) -> SeriesTask:
    secret, settings = context.inputs.secret, context.config.ingest
    patient = group.instances[0].patient_identity
    name = _companion_name(group)
    return SeriesTask(
        group=group,
        limits=SeriesLimits(settings.min_slices, settings.max_gap_spread_mm),
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


def _write_files(task: SeriesTask, volume: Volume) -> None:
    write_volume(volume_path(task.output, task.series), volume)
    if task.labels is not None:
        target = labels_path(task.output, task.series)
        carry_labels(task.labels, volume, target, series=task.series, names=task.label_names)
    if task.truth is not None:
        carry_truth(task.truth, volume, truth_path(task.output, task.series), series=task.series)


def _record(task: SeriesTask, assembled: AssembledSeries) -> SeriesRecord:
    header = header_phase(instance.contrast for instance in task.group.instances)
    volume = assembled.volume
    return SeriesRecord(
        series=task.series,
        patient=task.patient,
        verdict=REJECTED if volume is None else ACCEPTED,
        reason=assembled.reason.value,
        slices=assembled.slices,
        shape=() if volume is None else volume.voxels_hu.shape,
        spacing_mm=()
        if volume is None
        else tuple(round(value, 6) for value in volume.spacing_slice_row_column_mm),
        header_phase=header.phase,
        header_evidence=tuple(code.value for code in header.evidence),
        has_labels=volume is not None and task.labels is not None,
        has_truth=volume is not None and task.truth is not None,
        technical=allowed_fields(task.group.instances[0].technical),
    )


def _follow(futures: Sequence[Future[SeriesRecord]], reporter: Reporter) -> None:
    for done, future in enumerate(as_completed(futures), start=1):
        # Raises what the worker raised, before the rest is waited for.
        future.result()
        reporter.progress(done=done, total=len(futures), text="assembling series")


def _remove_empty_folders(output: Path) -> None:
    for name in (VOLUMES_FOLDER, LABELS_FOLDER, TRUTH_FOLDER):
        if not any((output / name).iterdir()):
            (output / name).rmdir()


def _check_any_accepted(records: Sequence[SeriesRecord]) -> None:
    if any(record.is_accepted for record in records):
        return
    raise CohortError(
        f"Found {len(records)} series and accepted none: {_reasons(records)}. Expected axial CT "
        "series in Hounsfield units. Give other scans, or loosen the settings of ingest."
    )


def _reasons(records: Sequence[SeriesRecord]) -> str:
    counts = collections.Counter(record.reason for record in records if not record.is_accepted)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


def _summarize(
    records: Sequence[SeriesRecord], companions: CompanionFiles, reporter: Reporter
) -> None:
    accepted = [record for record in records if record.is_accepted]
    patients = len({record.patient for record in accepted})
    reporter.message(f"{len(accepted)} series of {patients} patients accepted")
    if len(accepted) < len(records):
        reporter.message(f"{len(records) - len(accepted)} series rejected: {_reasons(records)}")
    labelled = sum(record.has_labels for record in accepted)
    paired = sum(record.has_truth for record in accepted)
    if companions.labels:
        reporter.message(f"{labelled} series have labels")
    if companions.truth:
        reporter.message(f"{paired} series have paired truth")


def _settings(config: ProjectConfig) -> SettingValues:
    # The number of processes and the place of the key do not change the result.
    return config.ingest.model_dump(mode="json", include={"min_slices", "max_gap_spread_mm"})


STAGE = Stage(name="ingest", reads=(), settings=_settings, execute=execute, reads_user_input=True)
