"""A mean over patients and how sure it is.

The patient is the unit: voxels and slices of one patient are not independent,
and an interval over them would be far too narrow.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

COVERAGE = 0.95


@dataclasses.dataclass(frozen=True)
class MeanEstimate:
    """A mean over patients with its interval.

    Attributes:
        mean: mean over patients, each with equal weight.
        interval: lower and upper end of the 95% interval, or None for a
            single patient: nothing tells how the next one would differ.
        patients: number of patients.
    """

    mean: float
    interval: tuple[float, float] | None
    patients: int


@dataclasses.dataclass(frozen=True)
class Resampling:
    """How intervals are drawn.

    Attributes:
        resamples: number of resamples, above zero.
        seed: fixes the draws.
    """

    resamples: int
    seed: int


def mean_over_patients(values: Sequence[float], resampling: Resampling) -> MeanEstimate:
    """Give the mean of one value a patient, with a percentile bootstrap interval.

    With few patients such intervals are too narrow; the number of patients is
    given beside them for that reason.

    Args:
        values: one finite value a patient, at least one.
        resampling: how the interval is drawn. Equal values and settings give
            an equal interval, whatever was drawn before.

    Returns:
        The mean with its interval.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 1:
        return MeanEstimate(float(sample[0]), None, 1)
    generator = np.random.default_rng(resampling.seed)
    drawn = generator.integers(0, sample.size, size=(resampling.resamples, sample.size))
    means = sample[drawn].mean(axis=1)
    tail = (1.0 - COVERAGE) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return MeanEstimate(float(sample.mean()), (float(low), float(high)), int(sample.size))
