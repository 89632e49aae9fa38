"""The gate in Hounsfield units: which translated volumes measure what they should."""

import dataclasses
import statistics
from collections.abc import Sequence

from medsynth.synthesis.index import SyntheticRecord, count_gates
from medsynth.synthesis.intensity_gate import (
    NONCONTRAST_RANGES,
    GateVerdict,
    PopulationRange,
)
from pipelines.report.tables import Table

_MEANING = {
    GateVerdict.INSIDE: "every organ found lies within its range",
    GateVerdict.OUTSIDE: "flagged and never released: an organ lies outside its range",
    GateVerdict.UNJUDGED: "too little of any organ was found",
    GateVerdict.OFF: "synthesize.gate is off",
}


@dataclasses.dataclass(frozen=True)
class GateView:
    """What the page shows of the gate.

    Attributes:
        verdicts: how many volumes got which verdict.
        organs: what the organs of all volumes measure; None where none was judged.
    """

    verdicts: Table
    organs: Table | None


def gate_view(records: Sequence[SyntheticRecord]) -> GateView | None:
    """Tabulate the gate's verdicts, or give None where nothing was translated.

    Args:
        records: the index of the synthetic volumes.
    """
    if not records:
        return None
    organs = tuple(
        row for population in NONCONTRAST_RANGES if (row := _organ_row(population, records))
    )
    header = ("organ", "range, HU", "volumes", "lowest, HU", "median, HU", "highest, HU", "outside")
    return GateView(_verdict_table(records), Table(header, organs) if organs else None)


def gate_warnings(records: Sequence[SyntheticRecord]) -> tuple[str, ...]:
    """Say at the top of the page what must not be overlooked.

    Args:
        records: the index of the synthetic volumes.
    """
    counts = count_gates(records)
    sentences = []
    if counts.outside:
        sentences.append(
            f"{counts.outside} of {counts.total} translated volumes are flagged, because an organ "
            "lies outside what patients measure without contrast. They are never released; the "
            "figures of this page count them."
        )
    if counts.off:
        sentences.append(
            f"{counts.off} of {counts.total} translated volumes were not judged in Hounsfield "
            "units, because synthesize.gate is off."
        )
    return tuple(sentences)


def _verdict_table(records: Sequence[SyntheticRecord]) -> Table:
    rows = []
    for verdict, meaning in _MEANING.items():
        counts = [
            sum(one.role == role and one.gate == verdict for one in records)
            for role in ("source", "holdout")
        ]
        if any(counts):
            rows.append((str(verdict), *map(str, counts), meaning))
    return Table(("verdict", "source volumes", "held-out volumes", "meaning"), tuple(rows))


def _organ_row(
    population: PopulationRange, records: Sequence[SyntheticRecord]
) -> tuple[str, ...] | None:
    medians = [
        one.organ_median_hu[population.organ]
        for one in records
        if population.organ in one.organ_median_hu
    ]
    if not medians:
        return None
    outside = sum(not population.low_hu <= value <= population.high_hu for value in medians)
    return (
        population.organ.replace("_", " "),
        f"{population.low_hu:.0f} to {population.high_hu:.0f}",
        str(len(medians)),
        f"{min(medians):.0f}",
        f"{statistics.median(medians):.0f}",
        f"{max(medians):.0f}",
        str(outside),
    )
