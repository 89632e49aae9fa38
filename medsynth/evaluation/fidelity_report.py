"""The content of `fidelity.json`: means over patients, and what could not be measured."""

import dataclasses
from collections.abc import Sequence

from medsynth.evaluation.intensity_correlation import intensity_correlation_report
from medsynth.evaluation.intervals import MeanEstimate, Resampling
from medsynth.evaluation.kept_content import kept_report
from medsynth.evaluation.lesion_report import ScanLesions, lesion_report
from medsynth.evaluation.measurements import BODY, Measurement, patient_means, summarise
from medsynth.evaluation.typical_hu import typical_noncontrast_range

JsonObject = dict[str, object]

NO_TRANSLATIONS = "No scan was translated, so no Hounsfield units could be compared."
NO_LABELS = (
    "No translated scan has organ labels, so Hounsfield units of organs were not measured. "
    "Give labels with --labels DIR."
)
NO_TRUTH = (
    "No translated scan has a paired non-contrast truth, so errors in HU and the structural "
    "similarity were not measured. Give truth with --truth DIR if there is any."
)


@dataclasses.dataclass(frozen=True)
class GroupMeasurements:
    """What was measured on the translations of one group of patients.

    Attributes:
        values: single values of body and organs.
        lesions: lesions and blobs, one entry a scan that could be searched.
    """

    values: tuple[Measurement, ...]
    lesions: tuple[ScanLesions, ...] = ()


def fidelity_report(
    source: GroupMeasurements, holdout: GroupMeasurements, resampling: Resampling
) -> JsonObject:
    """Summarise the measurements of translated scans.

    Args:
        source: of the source patients' translations.
        holdout: of the holdout patients', reported apart; may be empty.
        resampling: how intervals are drawn.

    Returns:
        What `fidelity.json` holds. Entries that need truth or labels are
        absent without them, and `not_measured` says so.
    """
    report = _group_report(source, resampling)
    report["not_measured"] = _not_measured(source.values)
    if holdout.values:
        report["holdout"] = _group_report(holdout, resampling)
    return report


def _group_report(group: GroupMeasurements, resampling: Resampling) -> JsonObject:
    measurements = group.values
    regions = dict.fromkeys(m.region for m in measurements if m.region is not None)
    report: JsonObject = {
        "n_patients": len({measurement.patient for measurement in measurements}),
        "organs": {region: _organ_report(measurements, region, resampling) for region in regions},
    }
    error = summarise(measurements, BODY, "mae_hu", resampling)
    input_error = summarise(measurements, BODY, "input_mae_hu", resampling)
    if error is not None and input_error is not None:
        report["n_patients_with_truth"] = error.patients
        report["body_mae_hu"] = error.mean
        report["body_mae_ci"] = interval_as_json(error)
        report["input_body_mae_hu"] = input_error.mean
        report["ratio"] = error.mean / input_error.mean if input_error.mean > 0 else None
    for key, quantity in (
        ("body_change_hu", "change_hu"),
        ("body_bias_hu", "bias_hu"),
        ("input_body_bias_hu", "input_bias_hu"),
        ("ssim", "ssim"),
        ("input_ssim", "input_ssim"),
    ):
        estimate = summarise(measurements, BODY, quantity, resampling)
        if estimate is not None:
            report[key] = estimate.mean
    for key, section in (
        ("organ_intensity_correlation", intensity_correlation_report(measurements, resampling)),
        ("kept", kept_report(measurements, resampling)),
        ("lesions", lesion_report(group.lesions, resampling)),
    ):
        if section is not None:
            report[key] = section
    return report


def _organ_report(
    measurements: Sequence[Measurement], organ: str, resampling: Resampling
) -> JsonObject:
    report: JsonObject = {}
    for key in (
        "before_hu",
        "after_hu",
        "truth_hu",
        "input_mae_hu",
        "input_bias_hu",
        "flicker_ratio",
    ):
        estimate = summarise(measurements, organ, key, resampling)
        if estimate is not None:
            report[key] = estimate.mean
    report["n"] = len(patient_means(measurements, organ, "before_hu"))
    for key in ("mae", "bias"):
        estimate = summarise(measurements, organ, f"{key}_hu", resampling)
        if estimate is not None:
            report[f"{key}_hu"] = estimate.mean
            report[f"{key}_ci"] = interval_as_json(estimate)
            # Errors are what is judged: n is the number of patients behind them.
            report["n"] = estimate.patients
    typical = typical_noncontrast_range(organ)
    if typical is not None:
        report["typical_hu"] = [typical.low_hu, typical.high_hu]
        report["typical_source"] = typical.source
    return report


def interval_as_json(estimate: MeanEstimate) -> list[float] | None:
    """Give the interval as a JSON list, or null where one patient allows none."""
    return None if estimate.interval is None else list(estimate.interval)


def _not_measured(measurements: Sequence[Measurement]) -> list[str]:
    if not measurements:
        return [NO_TRANSLATIONS]
    sentences = []
    if all(measurement.region is None for measurement in measurements):
        sentences.append(NO_LABELS)
    if all(measurement.quantity != "mae_hu" for measurement in measurements):
        sentences.append(NO_TRUTH)
    return sentences
