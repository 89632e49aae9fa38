"""What ingest says of made-up series."""

from medsynth.cohort.phase import Phase
from medsynth.cohort.series import ACCEPTED, SeriesRecord
from medsynth.deidentify.allow_list import TechnicalFields

NO_TECHNICAL = TechnicalFields("unknown", "unknown", None, None)
TECHNICAL = TechnicalFields(manufacturer="ge", kernel="soft", kvp=120, slice_thickness_mm=5.0)


def accepted_series(
    series: str,
    patient: str,
    phase: Phase = Phase.UNKNOWN,
    *,
    shape: tuple[int, int, int] = (12, 128, 128),
    spacing_mm: tuple[float, float, float] = (5.0, 2.8, 2.8),
    has_labels: bool = False,
    has_truth: bool = False,
    technical: TechnicalFields = NO_TECHNICAL,
) -> SeriesRecord:
    """Give the record of a series that became a volume.

    Args:
        series: its pseudonym.
        patient: its patient's.
        phase: what the header says; its evidence stays empty.
        shape: slices, rows, columns.
        spacing_mm: of slices, rows and columns.
        has_labels: whether there are labels.
        has_truth: whether there is a paired truth.
        technical: how the scan was made.
    """
    return SeriesRecord(
        series=series,
        patient=patient,
        verdict=ACCEPTED,
        reason="accepted",
        slices=shape[0],
        shape=shape,
        spacing_mm=spacing_mm,
        header_phase=phase,
        header_evidence=(),
        has_labels=has_labels,
        has_truth=has_truth,
        technical=technical,
    )
