"""One small picture of each accepted series, to see at a glance what went in."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.series import SeriesRecord, volume_path
from medsynth.cohort.slice_store import load_slices, read_index
from medsynth.imaging.nifti import read_middle_slice
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


@dataclasses.dataclass(frozen=True)
class ContactSheet:
    """Pictures of what was accepted, and a word on what is not pictured.

    Attributes:
        pictures: one for each accepted series, at most `MOST_PICTURES`.
        sentence: how many accepted series are pictured, and how many are not.
        rejected: how many series were rejected, by reason; empty if none was.
    """

    pictures: tuple[SheetPicture, ...]
    sentence: str
    rejected: str


def make_contact_sheet(results: WorkspaceResults) -> ContactSheet | None:
    """Picture the middle slice of each accepted series, and count the others; None without series.

    The pictures are made from the de-identified volumes. Where there are more
    than `MOST_PICTURES`, they are taken evenly from all of them.

    Args:
        results: what the workspace holds.
    """
    if not results.series:
        return None
    phase_of = {record.series: record.phase for record in results.phases}
    roles_of = {patient.patient: " ".join(patient.roles) for patient in results.patients}
    accepted = [record for record in results.series if record.is_accepted]
    prepare = results.folder("prepare")
    prepared = set() if prepare is None else {entry.series for entry in read_index(prepare)}
    pictures = tuple(
        SheetPicture(
            image=_middle_slice(results, record.series, is_prepared=record.series in prepared),
            series=record.series,
            phase=phase_of.get(record.series, "unknown"),
            roles=roles_of.get(record.patient, ""),
        )
        for record in _evenly(accepted)
    )
    return ContactSheet(pictures, _sentence(len(pictures), len(accepted)), _rejected(results))


def _evenly(records: Sequence[SeriesRecord]) -> list[SeriesRecord]:
    count = min(len(records), MOST_PICTURES)
    return [records[number * len(records) // count] for number in range(count)]


def _sentence(pictured: int, accepted: int) -> str:
    if pictured == accepted:
        return f"All {accepted} accepted series are pictured."
    return (
        f"{pictured} of {accepted} accepted series are pictured, taken evenly from the list; "
        f"{accepted - pictured} are not shown."
    )


def _rejected(results: WorkspaceResults) -> str:
    counts = collections.Counter(one.reason for one in results.series if not one.is_accepted)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


def _middle_slice(results: WorkspaceResults, series: str, *, is_prepared: bool) -> str:
    spacing_mm = (1.0, 1.0)
    middle: NDArray[np.int16] | NDArray[np.float32]
    if is_prepared:
        # Memory-mapped and on a square grid: a whole volume need not be unpacked for one slice.
        slices = load_slices(results.workspace / "prepare", series)
        middle = np.asarray(slices[len(slices) // 2])
    else:
        middle, full_spacing_mm = read_middle_slice(
            volume_path(results.workspace / "ingest", series)
        )
        spacing_mm = full_spacing_mm[1:]
    pixels = square_pixels(middle, spacing_mm, longest=_LONGEST_SIDE)
    return png_data_uri(windowed(pixels, SOFT_TISSUE))
