"""Which synthetic volume was made from which scan; private, never released."""

import dataclasses
import hashlib
import hmac
from pathlib import Path

from medsynth.errors import RecordError
from medsynth.records.json_lines import read_json_lines, write_json_lines

INDEX_NAME = "index.jsonl"


@dataclasses.dataclass(frozen=True)
class SyntheticRecord:
    """One synthetic volume and where it comes from.

    Attributes:
        synthetic: identifier of the synthetic volume.
        series: pseudonym of the translated series.
        patient: pseudonym of the patient.
        role: "source", or "holdout" for the audit's null, which is never released.
        slices: number of slices.
        shape: (slices, rows, columns).
        spacing_mm: (slice, row, column), mm.
        has_labels: whether labels were carried over.
    """

    synthetic: str
    series: str
    patient: str
    role: str
    slices: int
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    has_labels: bool


def synthetic_identifier(secret: str, series: str) -> str:
    """Give the identifier of a series' translation: "y" and 12 hexadecimal digits.

    Args:
        secret: the workspace's secret.
        series: pseudonym of the series.
    """
    digest = hmac.new(secret.encode("ascii"), f"synthetic {series}".encode(), hashlib.sha256)
    return "y" + digest.hexdigest()[:12]


def write_synthetic(folder: Path, records: list[SyntheticRecord]) -> None:
    """Write the index, sorted by identifier."""
    rows = [dataclasses.asdict(record) for record in sorted(records, key=lambda r: r.synthetic)]
    write_json_lines(folder / INDEX_NAME, rows)


def read_synthetic(folder: Path) -> tuple[SyntheticRecord, ...]:
    """Read the index of a finished `synthesize` folder.

    Raises:
        RecordError: the index is missing or not as `write_synthetic` wrote it.
    """
    rows = read_json_lines(folder / INDEX_NAME)
    try:
        return tuple(
            SyntheticRecord(
                **{**row, "shape": tuple(row["shape"]), "spacing_mm": tuple(row["spacing_mm"])}
            )
            for row in rows
        )
    except (TypeError, KeyError):
        raise RecordError(
            f"{INDEX_NAME} of the synthetic volumes has a row of another form. Expected the rows "
            "that `medsynth synthesize` wrote. Run it again."
        ) from None
