"""Which synthetic volume was made from which scan; private, never released."""

import dataclasses
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from medsynth.errors import RecordError
from medsynth.records.json_lines import read_json_lines, write_json_lines
from medsynth.synthesis.intensity_gate import GateVerdict

INDEX_NAME = "index.jsonl"
TRAINED = "trained"
PUBLIC_START = "public_start"
# The audit's null lies apart from what may be released.
FOLDER_BY_ROLE: Mapping[str, str] = MappingProxyType({"source": "nifti", "holdout": "null"})
LABELS_FOLDER = "labels"


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
        gate: what the gate in Hounsfield units says of the volume; "off" where none was asked.
        organ_median_hu: organ -> median, for the organs that the verdict rests on.
        engine: what translated it: `TRAINED` or `PUBLIC_START`.
    """

    synthetic: str
    series: str
    patient: str
    role: str
    slices: int
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    has_labels: bool
    gate: str = GateVerdict.OFF
    organ_median_hu: Mapping[str, float] = dataclasses.field(default_factory=dict)
    engine: str = TRAINED

    @property
    def is_flagged(self) -> bool:
        """Tell whether the volume must not be released."""
        return self.gate == GateVerdict.OUTSIDE


@dataclasses.dataclass(frozen=True)
class GateCounts:
    """How many of the volumes that may be released measure what they should.

    Attributes:
        inside: every organ that was found lies within its range.
        outside: one does not; these are never released.
        unjudged: no organ was found, or too little of it.
        off: the gate was not asked.
        by_other_engine: not made by the trained translator, whose attempt lay outside; counted
            among the four above, and zero among those outside.
    """

    inside: int
    outside: int
    unjudged: int
    off: int
    by_other_engine: int

    @property
    def total(self) -> int:
        """Count all volumes."""
        return self.inside + self.outside + self.unjudged + self.off


def count_gates(records: Iterable[SyntheticRecord]) -> GateCounts:
    """Count the verdicts on the source patients' volumes; the audit's null is left out."""
    sources = [record for record in records if record.role == "source"]
    gates = [record.gate for record in sources]
    return GateCounts(
        inside=gates.count(GateVerdict.INSIDE),
        outside=gates.count(GateVerdict.OUTSIDE),
        unjudged=gates.count(GateVerdict.UNJUDGED),
        off=gates.count(GateVerdict.OFF),
        by_other_engine=sum(one.engine != TRAINED and not one.is_flagged for one in sources),
    )


def synthetic_identifier(secret: str, series: str) -> str:
    """Give the identifier of a series' translation: "y" and 12 hexadecimal digits.

    Args:
        secret: the workspace's secret.
        series: pseudonym of the series.
    """
    digest = hmac.new(secret.encode("ascii"), f"synthetic {series}".encode(), hashlib.sha256)
    return "y" + digest.hexdigest()[:12]


def synthetic_volume_path(folder: Path, record: SyntheticRecord) -> Path:
    """Give the place of a synthetic volume below a `synthesize` folder."""
    return folder / FOLDER_BY_ROLE[record.role] / f"{record.synthetic}.nii.gz"


def synthetic_labels_path(folder: Path, record: SyntheticRecord) -> Path:
    """Give the place of a synthetic volume's labels below a `synthesize` folder."""
    return folder / LABELS_FOLDER / f"{record.synthetic}.nii.gz"


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
