"""Single measured values, and their summary with the patient as the unit."""

import dataclasses
from collections.abc import Iterable

from medsynth.evaluation.intervals import MeanEstimate, Resampling, mean_over_patients

BODY = None


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One value measured on one scan.

    Attributes:
        patient: pseudonym of the patient.
        region: the organ's name, or None for the body as a whole.
        quantity: what was measured, with its unit, such as "mae_hu".
        value: the value, finite.
    """

    patient: str
    region: str | None
    quantity: str
    value: float


def summarise(
    measurements: Iterable[Measurement],
    region: str | None,
    quantity: str,
    resampling: Resampling,
) -> MeanEstimate | None:
    """Give a quantity's mean over patients; a patient's scans are averaged first.

    Args:
        measurements: any measurements; those of other regions and quantities are left out.
        region: the organ's name, or None for the body.
        quantity: which quantity.
        resampling: how the interval is drawn.

    Returns:
        The mean with its interval, or None where nobody has this measurement.
    """
    by_patient = patient_means(measurements, region, quantity)
    if not by_patient:
        return None
    return mean_over_patients(list(by_patient.values()), resampling)


def summarise_difference(
    above: Iterable[Measurement],
    base: Iterable[Measurement],
    region: str | None,
    quantity: str,
    resampling: Resampling,
) -> MeanEstimate | None:
    """Give the mean of each patient's own difference, `above` minus `base`.

    Args:
        above: measurements of one method.
        base: measurements of the other, on the same patients.
        region: the organ's name, or None for the body.
        quantity: which quantity.
        resampling: how the interval is drawn.

    Returns:
        The mean difference over the patients that both have, or None if there is none.
    """
    base_values = patient_means(base, region, quantity)
    differences = [
        value - base_values[patient]
        for patient, value in patient_means(above, region, quantity).items()
        if patient in base_values
    ]
    return mean_over_patients(differences, resampling) if differences else None


def patient_means(
    measurements: Iterable[Measurement], region: str | None, quantity: str
) -> dict[str, float]:
    """Give each patient's mean of one quantity in one region, patients in sorted order."""
    values: dict[str, list[float]] = {}
    for measurement in measurements:
        if measurement.region == region and measurement.quantity == quantity:
            values.setdefault(measurement.patient, []).append(measurement.value)
    return {patient: sum(values[patient]) / len(values[patient]) for patient in sorted(values)}
