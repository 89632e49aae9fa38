"""What ingest found: one record a series."""

import dataclasses
import enum
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from medsynth.cohort.phase import Phase
from medsynth.deidentify.allow_list import TechnicalFields
from medsynth.imaging.dicom_verdict import Repair, RepairKind
from medsynth.records.json_lines import read_json_lines, write_json_lines

SERIES_NAME = "series.jsonl"
VOLUMES_FOLDER = "volumes"
LABELS_FOLDER = "labels"
TRUTH_FOLDER = "truth"
ACCEPTED = "accepted"
REJECTED = "rejected"


class LostReason(enum.StrEnum):
    """Why a series was rejected although its own files show no fault: the closed list of codes."""

    FILE_REFUSED = "file_refused"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    WORKER_DIED = "worker_died"


@dataclasses.dataclass(frozen=True)
class SeriesRecord:
    """One series and its verdict; nothing in it identifies anyone.

    Attributes:
        series: pseudonym of the series.
        patient: pseudonym of the patient; empty where the header names none.
        verdict: "accepted" or "rejected".
        reason: a code of `medsynth.imaging.dicom_series.SeriesReason` or of `LostReason`.
        slices: number of different slices found.
        shape: slices, rows, columns of the volume; empty unless accepted.
        spacing_mm: slice, row and column spacing; empty unless accepted.
        header_phase: what the header says of contrast agent.
        header_evidence: codes of `medsynth.cohort.phase_header.Evidence`.
        has_labels: whether `labels/<series>.nii.gz` was written.
        has_truth: whether `truth/<series>.nii.gz` was written.
        technical: how the scan was made.
        repairs: what policies changed in the volume; empty for a volume as scanned.
    """

    series: str
    patient: str
    verdict: str
    reason: str
    slices: int
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    header_phase: Phase
    header_evidence: tuple[str, ...]
    has_labels: bool
    has_truth: bool
    technical: TechnicalFields
    repairs: tuple[Repair, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether the series became a volume."""
        return self.verdict == ACCEPTED


def volume_path(ingest_folder: Path, series: str) -> Path:
    """Give where a series' volume is kept."""
    return ingest_folder / VOLUMES_FOLDER / f"{series}.nii.gz"


def labels_path(ingest_folder: Path, series: str) -> Path:
    """Give where a series' labels are kept."""
    return ingest_folder / LABELS_FOLDER / f"{series}.nii.gz"


def truth_path(ingest_folder: Path, series: str) -> Path:
    """Give where a series' paired truth is kept."""
    return ingest_folder / TRUTH_FOLDER / f"{series}.nii.gz"


def write_series(ingest_folder: Path, records: Iterable[SeriesRecord]) -> None:
    """Write `series.jsonl`, one series a line."""
    write_json_lines(ingest_folder / SERIES_NAME, map(dataclasses.asdict, records))


def read_series(ingest_folder: Path) -> tuple[SeriesRecord, ...]:
    """Read all series that ingest found, accepted and rejected, in its order.

    Raises:
        RecordError: the file is missing or is not JSON.
    """
    return tuple(
        SeriesRecord(
            series=row["series"],
            patient=row["patient"],
            verdict=row["verdict"],
            reason=row["reason"],
            slices=row["slices"],
            shape=tuple(row["shape"]),
            spacing_mm=tuple(row["spacing_mm"]),
            header_phase=Phase(row["header_phase"]),
            header_evidence=tuple(row["header_evidence"]),
            has_labels=row["has_labels"],
            has_truth=row["has_truth"],
            technical=TechnicalFields(**row["technical"]),
            repairs=tuple(_repair(repair) for repair in row.get("repairs", ())),
        )
        for row in read_json_lines(ingest_folder / SERIES_NAME)
    )


def _repair(row: dict[str, Any]) -> Repair:
    return Repair(RepairKind(row["kind"]), tuple(row["slices"]), row["tilt_degrees"])
