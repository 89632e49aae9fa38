"""The contrast phase of a series: what its header says, what its pixels say, and the verdict."""

import dataclasses
import enum
from collections.abc import Iterable
from pathlib import Path

from medsynth.records.json_lines import read_json_lines, write_json_lines

PHASES_NAME = "phases.jsonl"
CONFLICTS_NAME = "conflicts.jsonl"
# A header that is silent leaves nothing to check the pixels against: 9 in 10 must be right.
CONFIDENCE_TO_STAND_ALONE = 0.8


class Phase(enum.StrEnum):
    """Whether blood and organs hold contrast agent."""

    CONTRAST = "contrast"
    NONCONTRAST = "noncontrast"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class PixelPhase:
    """What the pixels say.

    Attributes:
        phase: the phase, unknown where the pixels do not tell.
        confidence: from 0, a coin's toss, to 1, certainty.
        plain_cm2: area per slice of blood and organs without agent; None where
            the pixels were not asked.
        enhanced_cm2: likewise with agent.
    """

    phase: Phase
    confidence: float
    plain_cm2: float | None = None
    enhanced_cm2: float | None = None


@dataclasses.dataclass(frozen=True)
class PhaseRecord:
    """The phase of one series, as written down.

    Attributes:
        series: pseudonym of the series.
        phase: the verdict.
        header: what the header says.
        pixels: what the pixels say; unknown where they were not asked.
        confidence: of the pixels' word, 0 to 1.
        conflict: whether header and pixels disagree.
    """

    series: str
    phase: Phase
    header: Phase
    pixels: Phase
    confidence: float
    conflict: bool


@dataclasses.dataclass(frozen=True)
class PhaseConflict:
    """A series whose header and pixels disagree, with what a person needs to settle it.

    Attributes:
        series: pseudonym of the series.
        header: what the header says.
        header_evidence: codes of `medsynth.cohort.phase_header.Evidence`.
        pixels: what the pixels say.
        confidence: of the pixels' word, 0 to 1.
        plain_cm2: area per slice of blood and organs without agent.
        enhanced_cm2: likewise with agent.
    """

    series: str
    header: Phase
    header_evidence: tuple[str, ...]
    pixels: Phase
    confidence: float
    plain_cm2: float | None
    enhanced_cm2: float | None

    @classmethod
    def of(
        cls, record: PhaseRecord, header_evidence: tuple[str, ...], pixels: PixelPhase
    ) -> "PhaseConflict":
        """Give the conflict behind a verdict.

        Args:
            record: the verdict.
            header_evidence: the codes behind the header's word.
            pixels: what the pixels said.
        """
        return cls(
            series=record.series,
            header=record.header,
            header_evidence=header_evidence,
            pixels=record.pixels,
            confidence=record.confidence,
            plain_cm2=_rounded(pixels.plain_cm2),
            enhanced_cm2=_rounded(pixels.enhanced_cm2),
        )


def decide_phase(series: str, header: Phase, pixels: PixelPhase) -> PhaseRecord:
    """Weigh header and pixels.

    The header's word stands where the pixels agree or do not tell. Where it is
    silent, the pixels' word stands if they are confident. Where the two
    disagree, the phase is unknown: one of them is wrong.

    Args:
        series: pseudonym of the series.
        header: what the header says.
        pixels: what the pixels say.
    """
    conflict = Phase.UNKNOWN not in (header, pixels.phase) and header != pixels.phase
    if conflict:
        phase = Phase.UNKNOWN
    elif header is not Phase.UNKNOWN:
        phase = header
    elif pixels.confidence >= CONFIDENCE_TO_STAND_ALONE:
        phase = pixels.phase
    else:
        phase = Phase.UNKNOWN
    return PhaseRecord(
        series=series,
        phase=phase,
        header=header,
        pixels=pixels.phase,
        confidence=round(pixels.confidence, 4),
        conflict=conflict,
    )


def write_phases(sort_folder: Path, records: Iterable[PhaseRecord]) -> None:
    """Write `phases.jsonl`, one series a line."""
    write_json_lines(sort_folder / PHASES_NAME, map(dataclasses.asdict, records))


def write_conflicts(sort_folder: Path, conflicts: Iterable[PhaseConflict]) -> None:
    """Write `conflicts.jsonl`, one series a line; empty where nothing disagrees."""
    write_json_lines(sort_folder / CONFLICTS_NAME, map(dataclasses.asdict, conflicts))


def read_phases(sort_folder: Path) -> tuple[PhaseRecord, ...]:
    """Read what the sort stage found, in its order.

    Raises:
        RecordError: the file is missing or is not JSON.
    """
    return tuple(
        PhaseRecord(
            series=row["series"],
            phase=Phase(row["phase"]),
            header=Phase(row["header"]),
            pixels=Phase(row["pixels"]),
            confidence=row["confidence"],
            conflict=row["conflict"],
        )
        for row in read_json_lines(sort_folder / PHASES_NAME)
    )


def _rounded(area_cm2: float | None) -> float | None:
    return None if area_cm2 is None else round(area_cm2, 2)
