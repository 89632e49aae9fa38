"""What ingest does with one series, in a worker process: nothing heavier is imported here."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from medsynth.cohort.companions import carry_labels, carry_truth
from medsynth.cohort.phase_header import header_phase
from medsynth.cohort.series import (
    ACCEPTED,
    REJECTED,
    LostReason,
    SeriesRecord,
    labels_path,
    truth_path,
    volume_path,
)
from medsynth.deidentify.allow_list import allowed_fields
from medsynth.imaging.dicom_series import (
    AssembledSeries,
    SeriesGroup,
    SeriesLimits,
    assemble_series,
)
from medsynth.imaging.nifti import write_volume
from medsynth.imaging.volume import Volume


@dataclasses.dataclass(frozen=True)
class SeriesTask:
    """What a worker needs to make one series.

    Attributes:
        group: the series' files.
        is_complete: whether no file of the series was refused.
        limits: what the series must keep to.
        series: pseudonym of the series.
        patient: pseudonym of the patient; empty where the header names none.
        output: the stage's folder.
        labels: the user's labels of this series, or None.
        truth: the user's paired truth of this series, or None.
        label_names: value -> organ.
    """

    group: SeriesGroup
    is_complete: bool
    limits: SeriesLimits
    series: str
    patient: str
    output: Path
    labels: Path | None
    truth: Path | None
    label_names: Mapping[int, str]


def import_assembly() -> None:
    """Start a worker for series: importing this module has imported all that it needs."""


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
    if volume is None:
        return _record(task, assembled.reason.value, slices=assembled.slices)
    if not task.is_complete:
        # Without the refused file the volume may be whole and yet end too early.
        return lost_record(task, LostReason.FILE_REFUSED)
    _write_files(task, volume)
    return _accepted(task, assembled, volume)


def lost_record(task: SeriesTask, reason: LostReason) -> SeriesRecord:
    """Give the record of a series that could not be judged.

    Args:
        task: the series.
        reason: what it was lost for.
    """
    return _record(task, reason.value, slices=len(task.group.instances))


def remove_files(task: SeriesTask) -> None:
    """Remove what a worker that died may have left of a series."""
    for path_of in (volume_path, labels_path, truth_path):
        path_of(task.output, task.series).unlink(missing_ok=True)


def _write_files(task: SeriesTask, volume: Volume) -> None:
    write_volume(volume_path(task.output, task.series), volume)
    if task.labels is not None:
        target = labels_path(task.output, task.series)
        carry_labels(task.labels, volume, target, series=task.series, names=task.label_names)
    if task.truth is not None:
        carry_truth(task.truth, volume, truth_path(task.output, task.series), series=task.series)


def _record(task: SeriesTask, reason: str, *, slices: int) -> SeriesRecord:
    header = header_phase(instance.contrast for instance in task.group.instances)
    return SeriesRecord(
        series=task.series,
        patient=task.patient,
        verdict=REJECTED,
        reason=reason,
        slices=slices,
        shape=(),
        spacing_mm=(),
        header_phase=header.phase,
        header_evidence=tuple(code.value for code in header.evidence),
        has_labels=False,
        has_truth=False,
        technical=allowed_fields(task.group.instances[0].technical),
    )


def _accepted(task: SeriesTask, assembled: AssembledSeries, volume: Volume) -> SeriesRecord:
    spacing_mm = volume.spacing_slice_row_column_mm
    return dataclasses.replace(
        _record(task, assembled.reason.value, slices=assembled.slices),
        verdict=ACCEPTED,
        shape=volume.voxels_hu.shape,
        spacing_mm=tuple(round(value, 6) for value in spacing_mm),
        has_labels=task.labels is not None,
        has_truth=task.truth is not None,
        repairs=assembled.repairs,
    )
