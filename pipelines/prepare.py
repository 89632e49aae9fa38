"""Stage prepare: every usable series on the training grid, in a memory-mapped store."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.phase import read_phases
from medsynth.cohort.series import SeriesRecord, read_series
from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from medsynth.cohort.split import read_patients
from medsynth.errors import CohortError
from medsynth.imaging.geometry import labels_to_training_grid, to_training_grid
from medsynth.imaging.nifti import read_labels, read_volume
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext

# A volume that covers less of the training slice than this would be mostly padding.
_SMALLEST_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class _Grid:
    matrix: int
    spacing_mm: float


def execute(context: StageContext) -> None:
    """Write the slice store.

    Raises:
        CohortError: a volume covers less than half of a training slice.
    """
    ingest = context.finished("ingest")
    roles = {row.patient: row.roles for row in read_patients(context.finished("split"))}
    phases = {row.series: row.phase for row in read_phases(context.finished("sort"))}
    usable = [
        record
        for record in read_series(ingest)
        if record.verdict == "accepted"
        and phases.get(record.series) in ("contrast", "noncontrast")
        and record.patient in roles
    ]
    grid = _Grid(context.config.prepare.matrix, context.config.prepare.spacing_mm)
    stored = []
    for done, record in enumerate(usable, start=1):
        _store_arrays(context.output, ingest, record, grid)
        stored.append(
            StoredSeries(
                series=record.series,
                patient=record.patient,
                phase=phases[record.series],
                roles=roles[record.patient],
                slices=record.slices,
                has_labels=record.has_labels,
                has_truth=record.has_truth,
            )
        )
        context.reporter.progress(done=done, total=len(usable), text="storing slices")
    write_index(context.output, stored)
    if (ingest / "labels.json").is_file():
        (context.output / "labels.json").write_bytes((ingest / "labels.json").read_bytes())


def _store_arrays(store: Path, ingest: Path, record: SeriesRecord, grid: _Grid) -> None:
    name = f"{record.series}.nii.gz"
    hu, in_plane_mm = _on_grid(ingest / "volumes" / name, grid)
    _check_size(record, in_plane_mm, grid)
    store_array(store, "slices", record.series, hu)
    if record.has_truth:
        truth_hu, _ = _on_grid(ingest / "truth" / name, grid)
        store_array(store, "truth", record.series, truth_hu)
    if record.has_labels:
        labels, _ = read_labels(ingest / "labels" / name)
        on_grid = labels_to_training_grid(
            labels, in_plane_mm, matrix=grid.matrix, spacing_mm=grid.spacing_mm
        )
        store_array(store, "labels", record.series, on_grid)


def _on_grid(path: Path, grid: _Grid) -> tuple[NDArray[np.int16], tuple[float, float]]:
    volume = read_volume(path)
    _, row_mm, column_mm = volume.spacing_slice_row_column_mm
    resampled = to_training_grid(
        volume.voxels_hu.astype(np.float32),
        (row_mm, column_mm),
        matrix=grid.matrix,
        spacing_mm=grid.spacing_mm,
    )
    return np.rint(resampled).astype(np.int16), (row_mm, column_mm)


def _check_size(record: SeriesRecord, in_plane_mm: tuple[float, float], grid: _Grid) -> None:
    _, rows, columns = record.shape
    height_mm, width_mm = rows * in_plane_mm[0], columns * in_plane_mm[1]
    smallest_mm = _SMALLEST_SHARE * grid.matrix * grid.spacing_mm
    if min(height_mm, width_mm) < smallest_mm:
        raise CohortError(
            f"Series {record.series} covers {height_mm:.0f} x {width_mm:.0f} mm. Expected at least "
            f"{smallest_mm:.0f} mm each way, half of a training slice of {grid.matrix} x "
            f"{grid.matrix} at {grid.spacing_mm:g} mm. Lower prepare.matrix or prepare.spacing_mm, "
            "or leave the series out."
        )


def _settings(config: ProjectConfig) -> SettingValues:
    return config.prepare.model_dump(mode="json")


STAGE = Stage(
    name="prepare", reads=("ingest", "sort", "split"), settings=_settings, execute=execute
)
