"""Slices on the training grid, one memory-mapped file a series."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import RecordError
from medsynth.records.json_lines import read_json_lines, write_json_lines

INDEX_NAME = "index.jsonl"
Kind = Literal["slices", "labels", "truth"]


@dataclasses.dataclass(frozen=True)
class StoredSeries:
    """One series in the store.

    Attributes:
        series: pseudonym of the series.
        patient: pseudonym of the patient.
        phase: "contrast" or "noncontrast".
        roles: the patient's roles, of train, source, holdout and test.
        slices: number of slices.
        has_labels: whether organ labels are stored.
        has_truth: whether paired non-contrast truth is stored.
    """

    series: str
    patient: str
    phase: str
    roles: tuple[str, ...]
    slices: int
    has_labels: bool
    has_truth: bool


def write_index(folder: Path, stored: list[StoredSeries]) -> None:
    """Write the store's index, sorted by series."""
    rows = [dataclasses.asdict(entry) for entry in sorted(stored, key=lambda entry: entry.series)]
    write_json_lines(folder / INDEX_NAME, rows)


def read_index(folder: Path) -> tuple[StoredSeries, ...]:
    """Read the store's index.

    Raises:
        RecordError: the index is missing or not as `write_index` wrote it.
    """
    rows = read_json_lines(folder / INDEX_NAME)
    try:
        return tuple(StoredSeries(**{**row, "roles": tuple(row["roles"])}) for row in rows)
    except (TypeError, KeyError):
        raise RecordError(
            f"{INDEX_NAME} of the slice store has a row of another form. Expected the rows that "
            "`medsynth prepare` wrote. Run it again."
        ) from None


def store_array(folder: Path, kind: Kind, series: str, values: NDArray[Any]) -> None:
    """Write one series' array.

    Args:
        folder: the store.
        kind: "slices" or "truth" for int16 HU, "labels" for uint8.
        series: pseudonym of the series.
        values: (slices, matrix, matrix).
    """
    (folder / kind).mkdir(exist_ok=True)
    np.save(folder / kind / f"{series}.npy", values, allow_pickle=False)


def load_slices(folder: Path, series: str) -> NDArray[np.int16]:
    """Map one series' slices: (slices, matrix, matrix), int16, HU."""
    return _load(folder, "slices", series)


def load_truth(folder: Path, series: str) -> NDArray[np.int16]:
    """Map one series' non-contrast truth: (slices, matrix, matrix), int16, HU."""
    return _load(folder, "truth", series)


def load_labels(folder: Path, series: str) -> NDArray[np.uint8]:
    """Map one series' labels: (slices, matrix, matrix), uint8."""
    return _load(folder, "labels", series)


def _load(folder: Path, kind: Kind, series: str) -> NDArray[Any]:
    try:
        mapped: NDArray[Any] = np.load(
            folder / kind / f"{series}.npy", mmap_mode="r", allow_pickle=False
        )
    except (FileNotFoundError, ValueError):
        raise RecordError(
            f"The slice store has no readable {kind} of series {series}. Expected the file that "
            "`medsynth prepare` wrote. Run it again."
        ) from None
    return mapped
