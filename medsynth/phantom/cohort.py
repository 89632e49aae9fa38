"""Cohorts of made-up patients as a hospital's DICOM folder, with what is true of them."""

import concurrent.futures
import dataclasses
import multiprocessing
from pathlib import Path
from typing import Any

from medsynth.errors import ConfigurationError, RecordError
from medsynth.imaging.nifti import write_labels, write_volume
from medsynth.phantom.canvas import label_names
from medsynth.phantom.dicom_files import series_dataset, write_axial_series, write_scout_series
from medsynth.phantom.headers import (
    Identity,
    Planted,
    SeriesHeader,
    StudyHeader,
    draw_identity,
    draw_series,
    draw_study,
    image_uid,
    planted_values,
    scout_series,
)
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.randomness import Stream, random_stream
from medsynth.phantom.scan import PhantomScan, Phase, render_scan
from medsynth.records.atomic import staged_folder
from medsynth.records.json_lines import write_json
from medsynth.records.workers import leave_interrupts_to_the_parent

__all__ = [
    "CohortSummary",
    "PhantomOptions",
    "PhantomScan",
    "Phase",
    "phases_of_patient",
    "render_scan",
    "write_cohort",
]

PLANTED_NAME = "planted.json"
ANSWERS_NAME = "answers.json"
_GOLDEN_RATIO = 0.6180339887498949
_SILVER_RATIO = 0.41421356237309515


@dataclasses.dataclass(frozen=True)
class CohortSummary:
    """What was written.

    Attributes:
        patients: number of patients.
        contrast_series: number of contrast series.
        noncontrast_series: number of noncontrast series.
        scout_series: number of localizer series.
    """

    patients: int
    contrast_series: int
    noncontrast_series: int
    scout_series: int


@dataclasses.dataclass(frozen=True)
class SeriesAnswer:
    """What is true of one series, whatever its header says.

    Attributes:
        series_uid: Series Instance UID.
        patient_index: the patient's place in the cohort.
        patient_id: Patient ID.
        kind: "contrast", "noncontrast" or "scout".
        site: the site's place in the list of sites.
        enhancement: a value of `enhancement.EnhancementPhase`.
        contrast_tags: "right", "missing" or "wrong".
        slices: number of files.
    """

    series_uid: str
    patient_index: int
    patient_id: str
    kind: str
    site: int
    enhancement: str
    contrast_tags: str
    slices: int


@dataclasses.dataclass(frozen=True)
class _Task:
    folder: Path
    seed: int
    patient_index: int
    options: PhantomOptions


@dataclasses.dataclass(frozen=True)
class _Written:
    planted: Planted
    answers: tuple[SeriesAnswer, ...]


@dataclasses.dataclass(frozen=True)
class _Examination:
    identity: Identity
    study: StudyHeader


def write_cohort(
    folder: Path,
    *,
    patients: int,
    seed: int,
    options: PhantomOptions | None = None,
    processes: int = 1,
) -> CohortSummary:
    """Write a cohort; the folder appears when all of it is there.

    It holds `dicom/` with one folder a series, `labels/<SeriesInstanceUID>.nii.gz`
    with `labels.json`, `truth/<SeriesInstanceUID>.nii.gz` for contrast series,
    `planted.json` with every identifying value in the headers, and `answers.json`
    with what is true of each series. Equal arguments give equal bytes, whatever
    the number of processes, and a longer cohort begins with a shorter one.

    Args:
        folder: a new or empty folder, or a cohort written before.
        patients: how many, above zero.
        seed: decides everything, not negative.
        options: the grid and the make-up of the cohort.
        processes: how many processes share the work.

    Returns:
        The counts of what was written.

    Raises:
        ConfigurationError: a number is out of range.
        RecordError: the folder holds something else.
    """
    _check(folder, patients, seed, processes)
    chosen = PhantomOptions() if options is None else options
    with staged_folder(folder) as staged:
        for name in ("dicom", "labels", "truth"):
            (staged / name).mkdir()
        tasks = [_Task(staged, seed, index, chosen) for index in range(patients)]
        written = _write_patients(tasks, min(processes, patients))
        answers = [answer for one in written for answer in one.answers]
        write_json(staged / "labels" / "labels.json", label_names(chosen.region))
        write_json(staged / PLANTED_NAME, _merged([one.planted for one in written]))
        write_json(staged / ANSWERS_NAME, [dataclasses.asdict(answer) for answer in answers])
    kinds = [answer.kind for answer in answers]
    return CohortSummary(
        patients=patients,
        contrast_series=kinds.count("contrast"),
        noncontrast_series=kinds.count("noncontrast"),
        scout_series=kinds.count("scout"),
    )


def phases_of_patient(seed: int, patient_index: int, options: PhantomOptions) -> tuple[Phase, ...]:
    """Give the phases in which a patient is scanned, noncontrast first.

    Patients are dealt by a golden-ratio sequence, so that even a short cohort
    comes close to the shares.

    Args:
        seed: the cohort's seed.
        patient_index: the patient's place in the cohort.
        options: the shares.
    """
    dice = _dealt(seed, patient_index, _GOLDEN_RATIO)
    if dice < options.both_share:
        return ("noncontrast", "contrast")
    if dice < options.both_share + options.contrast_share:
        return ("contrast",)
    return ("noncontrast",)


def _dealt(seed: int, patient_index: int, ratio: float) -> float:
    start = random_stream(seed, 0, Stream.COHORT).random()
    return (start + patient_index * ratio) % 1.0


def _check(folder: Path, patients: int, seed: int, processes: int) -> None:
    for name, found, least in (("patients", patients, 1), ("seed", seed, 0)):
        if found < least:
            raise ConfigurationError(
                f"The number given for {name} is {found}. Expected at least {least}. Change it."
            )
    if processes < 1:
        raise ConfigurationError(
            f"The number given for processes is {processes}. Expected at least 1. Change it."
        )
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / PLANTED_NAME).is_file()
    ):
        raise RecordError(
            f"{folder.name} exists and is no cohort of made-up patients. Expected a new or empty "
            "folder. Name another, or remove it yourself."
        )


def _write_patients(tasks: list[_Task], processes: int) -> list[_Written]:
    if processes == 1:
        return [_write_patient(task) for task in tasks]
    # A forked process would inherit threads and locks of the caller.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        processes, mp_context=context, initializer=leave_interrupts_to_the_parent
    ) as pool:
        return list(pool.map(_write_patient, tasks))


def _write_patient(task: _Task) -> _Written:
    headers: list[SeriesHeader] = []
    answers: list[SeriesAnswer] = []
    scans = [
        (phase, render_scan(task.seed, task.patient_index, task.options, phase))
        for phase in phases_of_patient(task.seed, task.patient_index, task.options)
    ]
    first = scans[0][1]
    identity = draw_identity(task.seed, first.patient)
    region = task.options.region
    study = draw_study(task.seed, first.patient, first.site, identity, region)
    examination = _Examination(identity, study)
    if _dealt(task.seed, task.patient_index, _SILVER_RATIO) < task.options.scout_share:
        header = scout_series(task.seed, first.patient, first.site)
        _write_scout(task, first, examination, header)
        headers.append(header)
        answers.append(_answer(task, first, identity, header, "scout"))
    for phase, scan in scans:
        header = draw_series(task.seed, scan.patient, scan.site, phase, region)
        _write_scan(task, scan, examination, header)
        headers.append(header)
        answers.append(_answer(task, scan, identity, header, phase))
    planted = planted_values(identity, examination.study, tuple(headers), first.site)
    images = tuple(
        image_uid(header, number + 1)
        for header, answer in zip(headers, answers, strict=True)
        for number in range(answer.slices)
    )
    return _Written(dataclasses.replace(planted, uids=planted.uids + images), tuple(answers))


def _write_scan(
    task: _Task, scan: PhantomScan, examination: _Examination, header: SeriesHeader
) -> None:
    base = series_dataset(scan.patient, examination.identity, scan.site, examination.study, header)
    folder = _series_folder(task, header)
    write_axial_series(folder, scan.volume, base=base, series=header, site=scan.site)
    name = f"{header.series_uid}.nii.gz"
    write_labels(task.folder / "labels" / name, scan.labels, scan.volume.affine)
    if scan.truth is not None:
        write_volume(task.folder / "truth" / name, scan.truth)


def _write_scout(
    task: _Task, scan: PhantomScan, examination: _Examination, header: SeriesHeader
) -> None:
    base = series_dataset(scan.patient, examination.identity, scan.site, examination.study, header)
    folder = _series_folder(task, header)
    write_scout_series(folder, scan.volume, base=base, series=header, site=scan.site)


def _series_folder(task: _Task, header: SeriesHeader) -> Path:
    folder = task.folder / "dicom" / f"patient{task.patient_index:04d}_series{header.number}"
    folder.mkdir()
    return folder


def _answer(
    task: _Task, scan: PhantomScan, identity: Identity, header: SeriesHeader, kind: str
) -> SeriesAnswer:
    return SeriesAnswer(
        series_uid=header.series_uid,
        patient_index=task.patient_index,
        patient_id=identity.patient_id,
        kind=kind,
        site=task.patient_index % task.options.sites,
        enhancement="none" if kind == "scout" else scan.bolus.phase.value,
        contrast_tags=header.tags.value,
        slices=1 if kind == "scout" else scan.volume.voxels_hu.shape[0],
    )


def _merged(planted: list[Planted]) -> dict[str, Any]:
    return {
        field.name: sorted({value for one in planted for value in getattr(one, field.name)})
        for field in dataclasses.fields(Planted)
    }
