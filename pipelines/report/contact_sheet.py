"""One small picture of each accepted series, to see at a glance what went in."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.series import volume_path
from medsynth.cohort.slice_store import load_slices, read_index
from medsynth.imaging.nifti import read_volume
from pipelines.report.pictures import SOFT_TISSUE, png_data_uri, square_pixels, windowed
from pipelines.report.results import WorkspaceResults

MOST_PICTURES = 48
_LONGEST_SIDE = 112


@dataclasses.dataclass(frozen=True)
class SheetPicture:
    """The middle slice of one series.

    Attributes:
        image: the picture, as `png_data_uri` gives it.
        series: pseudonym of the series.
        phase: what sort said, or "unknown".
        roles: the patient's roles, or an empty text.
    """

    image: str
    series: str
    phase: str
    roles: str


def make_contact_sheet(results: WorkspaceResults) -> tuple[SheetPicture, ...]:
    """Picture the middle slice of each accepted series, at most `MOST_PICTURES`.

    Args:
        results: what the workspace holds.
    """
    phase_of = {record.series: record.phase for record in results.phases}
    roles_of = {patient.patient: " ".join(patient.roles) for patient in results.patients}
    accepted = [record for record in results.series if record.is_accepted]
    prepare = results.folder("prepare")
    prepared = set() if prepare is None else {entry.series for entry in read_index(prepare)}
    return tuple(
        SheetPicture(
            image=_middle_slice(results, record.series, is_prepared=record.series in prepared),
            series=record.series,
            phase=phase_of.get(record.series, "unknown"),
            roles=roles_of.get(record.patient, ""),
        )
        for record in accepted[:MOST_PICTURES]
    )


def _middle_slice(results: WorkspaceResults, series: str, *, is_prepared: bool) -> str:
    spacing_mm = (1.0, 1.0)
    middle: NDArray[np.int16] | NDArray[np.float32]
    if is_prepared:
        # Memory-mapped and on a square grid: a whole volume need not be unpacked for one slice.
        slices = load_slices(results.workspace / "prepare", series)
        middle = np.asarray(slices[len(slices) // 2])
    else:
        volume = read_volume(volume_path(results.workspace / "ingest", series))
        middle = volume.voxels_hu[len(volume.voxels_hu) // 2]
        spacing_mm = volume.spacing_slice_row_column_mm[1:]
    pixels = square_pixels(middle, spacing_mm, longest=_LONGEST_SIDE)
    return png_data_uri(windowed(pixels, SOFT_TISSUE))
