"""Whether organs that should be brighter are brighter: correlation with the truth's medians."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.evaluation.intervals import COVERAGE, Resampling
from medsynth.evaluation.lesions import is_lesion_name
from medsynth.evaluation.measurements import Measurement, patient_means

# Bone and lung are far off and would alone make any correlation nearly 1.
SOFT_TISSUE_HU = (-20.0, 100.0)
_FEWEST_PAIRS = 3

JsonObject = dict[str, object]


def intensity_correlation_report(
    measurements: Sequence[Measurement], resampling: Resampling
) -> JsonObject | None:
    """Correlate the medians of organs after translation with those of the truth.

    One pair for each patient and organ. Only organs whose median without
    contrast lies between -20 and 100 HU on average count, and no lesions. The interval resamples
    patients, each with all its organs.

    Args:
        measurements: of all scans; organs have `after_hu` and `truth_hu`.
        resampling: how the interval is drawn.

    Returns:
        {"value", "ci", "before" (the same of the scans as they came), "pairs",
        "patients", "organs"}, or None with fewer than three pairs or without truth.

    Source: the organ intensity correlation of SMILE, arXiv 2512.07251, with
    patients resampled for the interval.
    """
    organs = _soft_organs(measurements)
    pairs = _pairs(measurements, organs, "after_hu")
    if sum(map(len, pairs.values())) < _FEWEST_PAIRS:
        return None
    value = _correlation(list(pairs.values()))
    if value is None:
        return None
    return {
        "value": value,
        "ci": _interval(list(pairs.values()), resampling),
        "before": _correlation(list(_pairs(measurements, organs, "before_hu").values())),
        "pairs": sum(map(len, pairs.values())),
        "patients": len(pairs),
        "organs": organs,
    }


def _soft_organs(measurements: Sequence[Measurement]) -> list[str]:
    regions = dict.fromkeys(m.region for m in measurements if m.region is not None)
    low, high = SOFT_TISSUE_HU
    soft = []
    for region in regions:
        if is_lesion_name(region):
            continue
        truths = list(patient_means(measurements, region, "truth_hu").values())
        if truths and low < float(np.mean(truths)) < high:
            soft.append(region)
    return soft


def _pairs(
    measurements: Sequence[Measurement], organs: list[str], quantity: str
) -> dict[str, NDArray[np.float64]]:
    """Give each patient's (organs, 2) medians: of `quantity`, and of the truth."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for organ in organs:
        truths = patient_means(measurements, organ, "truth_hu")
        for patient, value in patient_means(measurements, organ, quantity).items():
            if patient in truths:
                rows.setdefault(patient, []).append((value, truths[patient]))
    return {patient: np.array(rows[patient]) for patient in sorted(rows)}


def _correlation(by_patient: Sequence[NDArray[np.float64]]) -> float | None:
    values: NDArray[np.float64] = np.concatenate(by_patient)
    # Of equal medians there is no correlation to speak of.
    if np.ptp(values[:, 0]) < 1e-9 or np.ptp(values[:, 1]) < 1e-9:
        return None
    return float(np.corrcoef(values[:, 0], values[:, 1]).min())


def _interval(
    by_patient: Sequence[NDArray[np.float64]], resampling: Resampling
) -> list[float] | None:
    if len(by_patient) == 1:
        return None
    generator = np.random.default_rng(resampling.seed)
    drawn = generator.integers(0, len(by_patient), (resampling.resamples, len(by_patient)))
    found = [_correlation([by_patient[index] for index in row]) for row in drawn]
    known = [value for value in found if value is not None]
    if not known:
        return None
    tail = (1.0 - COVERAGE) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return [float(low), float(high)]
