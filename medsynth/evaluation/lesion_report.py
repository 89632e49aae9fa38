"""The content of "lesions" in `fidelity.json`: how many were kept, and what was invented."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from medsynth.evaluation.fidelity import TranslatedScan
from medsynth.evaluation.intervals import COVERAGE, Resampling
from medsynth.evaluation.invented_blobs import (
    InventedBlob,
    find_invented,
    has_searched_organ,
)
from medsynth.evaluation.lesions import (
    DETECTABLE_CONTRAST_TO_NOISE,
    LesionFate,
    LesionReading,
    read_lesions,
)
from medsynth.evaluation.organs import OrganTable

JsonObject = dict[str, object]


@dataclasses.dataclass(frozen=True)
class ScanLesions:
    """Lesions and blobs of one scan.

    Attributes:
        patient: pseudonym of the patient.
        lesions: each labelled lesion.
        invented: blobs that only the translation shows.
    """

    patient: str
    lesions: tuple[LesionReading, ...]
    invented: tuple[InventedBlob, ...]


def read_scan_lesions(scan: TranslatedScan, organs: OrganTable) -> ScanLesions | None:
    """Measure the lesions of a scan and search it for invented ones.

    Args:
        scan: the scan.
        organs: what its labels mean.

    Returns:
        What was found, or None where no label marks an organ to search in.
    """
    if scan.labels is None or not has_searched_organ(scan, organs):
        return None
    return ScanLesions(scan.patient, read_lesions(scan, organs), find_invented(scan, organs))


def lesion_report(scans: Sequence[ScanLesions], resampling: Resampling) -> JsonObject | None:
    """Count lesions that were kept and blobs that were invented.

    Args:
        scans: all scans that were searched.
        resampling: how intervals are drawn.

    Returns:
        None without a scan; else "scans", "labelled" (lesions in the labels), of these
        "too_small", "no_host", "undetectable" (the truth does not show them) and
        "no_truth", which are not judged; "truth" (judged), "kept", "kept_share", "ci",
        medians "volume_ratio" and "contrast_ratio"; "invented" and "invented_by_organ",
        "scans_with_invented"; and for scans without a truth "visible_before" and
        "visible_after". Shares are null where nothing was judged.
    """
    if not scans:
        return None
    readings = [reading for scan in scans for reading in scan.lesions]
    fates = collections.Counter(reading.fate for reading in readings)
    kept = fates[LesionFate.KEPT]
    judged = kept + fates[LesionFate.LOST]
    unpaired = [reading for reading in readings if reading.fate is LesionFate.NO_TRUTH]
    visible = [r for r in unpaired if r.contrast_to_noise >= DETECTABLE_CONTRAST_TO_NOISE]
    blobs = [blob for scan in scans for blob in scan.invented]
    report: JsonObject = {
        "scans": len(scans),
        "labelled": len(readings),
        "too_small": fates[LesionFate.TOO_SMALL],
        "no_host": fates[LesionFate.NO_HOST],
        "undetectable": fates[LesionFate.UNDETECTABLE],
        "no_truth": len(unpaired),
        "truth": judged,
        "kept": kept,
        "kept_share": kept / judged if judged else None,
        "ci": _interval(readings, resampling),
        "volume_ratio": _median([r.volume_ratio for r in readings]),
        "contrast_ratio": _median([r.contrast_ratio for r in readings]),
        "invented": len(blobs),
        "invented_by_organ": dict(sorted(collections.Counter(b.organ for b in blobs).items())),
        "scans_with_invented": sum(bool(scan.invented) for scan in scans),
    }
    if unpaired:
        report["visible_before"] = len(visible)
        report["visible_after"] = sum(reading.is_visible_in_output for reading in visible)
    return report


def _interval(readings: Sequence[LesionReading], resampling: Resampling) -> list[float] | None:
    """Give the wider of two intervals on each side.

    Lesions of one patient are alike, which resampled patients show; and where every
    lesion was kept there may still be others that are not, which the exact
    interval of a share shows.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404, and a bootstrap of patients.
    """
    counts: dict[str, tuple[int, int]] = {}
    for reading in readings:
        if reading.fate in (LesionFate.KEPT, LesionFate.LOST):
            kept, judged = counts.get(reading.patient, (0, 0))
            is_kept = reading.fate is LesionFate.KEPT
            counts[reading.patient] = (kept + is_kept, judged + 1)
    if not counts:
        return None
    kept = sum(pair[0] for pair in counts.values())
    judged = sum(pair[1] for pair in counts.values())
    tail = (1.0 - COVERAGE) / 2.0
    low = float(stats.beta.ppf(tail, kept, judged - kept + 1)) if kept else 0.0
    high = float(stats.beta.ppf(1.0 - tail, kept + 1, judged - kept)) if kept < judged else 1.0
    drawn_low, drawn_high = _resampled(counts, resampling, tail)
    return [min(low, drawn_low), max(high, drawn_high)]


def _resampled(
    counts: Mapping[str, tuple[int, int]], resampling: Resampling, tail: float
) -> tuple[float, float]:
    pairs = np.array([counts[patient] for patient in sorted(counts)])
    generator = np.random.default_rng(resampling.seed)
    drawn = generator.integers(0, len(pairs), (resampling.resamples, len(pairs)))
    sums = pairs[drawn].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [tail, 1.0 - tail])
    return float(low), float(high)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
