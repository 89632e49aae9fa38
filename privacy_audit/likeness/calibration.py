"""P-values of several statistics together, and from a fitted tail where patients are few.

Each statistic is higher where it is more suspicious; one row a patient.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

FEWEST_FOR_TAIL = 200
"""Null patients from which on a tail may be fitted."""
TAIL_REACH = 25
"""How many times smaller than 1 / (n + 1) a p-value from the tail may be."""
TAIL_SHARE = 0.1
_LOWEST_FIT = 0.1
_FIT_DRAWS = 400
_FIT_SEED = 20


@dataclasses.dataclass(frozen=True)
class Tail:
    """A generalised Pareto distribution of what lies above a threshold.

    Attributes:
        threshold: the null's 90 % quantile.
        shape: not negative: no bound is believed, though one may fit better.
        scale: positive.
        share: share of the null above the threshold.
        fit: p-value of the Kolmogorov-Smirnov distance, by simulation.
    """

    threshold: float
    shape: float
    scale: float
    share: float
    fit: float

    def p_values(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how often the null is at least as high; 1 below the threshold."""
        above = np.maximum(values - self.threshold, 0.0) / self.scale
        beyond = self.share * _survival(above, self.shape)
        return np.where(values > self.threshold, beyond, 1.0)


def joint_p_values(tested: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give, for each tested patient, how often the null is as extreme in any statistic.

    A patient is as extreme as its best rank in any statistic among the null and
    itself. All ranks are taken with the tested patient in their midst, so the
    p-value is exact when it is one of them, and never below 1 / (n + 1).

    Args:
        tested: (patients, statistics).
        null: (null patients, statistics).

    Source: the permutation of the smallest p-value, Westfall and Young 1993, with one
    tested patient; own derivation. With one statistic it is Phipson and Smyth's.
    """
    count = len(null)
    # Ranks of the null among itself; equals count against the tested patient.
    ordered = np.sort(null, axis=0)
    below = np.stack(
        [
            np.searchsorted(ordered[:, column], null[:, column], side="right") - 1
            for column in range(null.shape[1])
        ],
        axis=1,
    )
    p_values = np.ones(len(tested))
    for row, values in enumerate(tested):
        own = (null < values).sum(axis=0).max(initial=0)
        others = (below + (null >= values)).max(axis=1, initial=0)
        p_values[row] = (1 + int((others >= own).sum())) / (1 + count)
    return p_values


def correct_for_images(
    p_values: NDArray[np.float64], images: int, null_images: int
) -> NDArray[np.float64]:
    """Raise p-values of patients with more images than the null patients had.

    Args:
        p_values: from the highest of each patient's images.
        images: how many images the tested patients have.
        null_images: how many a null patient has, at least 1.

    Source: Sidak 1967, for as many independent draws as fit into the images.
    """
    times = -(-images // null_images)
    return p_values if times <= 1 else 1.0 - (1.0 - p_values) ** times


def fit_tail(null: NDArray[np.float64]) -> Tail | None:
    """Fit the highest tenth of one statistic of the null; None where it may not be.

    Args:
        null: (null patients,), without an upper bound: a logarithm of a distance.

    Returns:
        None with fewer than `FEWEST_FOR_TAIL` patients, or where the Kolmogorov-Smirnov
        distance is one that a true tail shows in fewer than a tenth of draws.

    Source: probability-weighted moments, Hosking and Wallis 1987.
    """
    if null.size < FEWEST_FOR_TAIL:
        return None
    threshold = float(np.quantile(null, 1.0 - TAIL_SHARE))
    excess = np.sort(null[null > threshold] - threshold)
    if excess.size < FEWEST_FOR_TAIL * TAIL_SHARE / 2 or excess[0] == excess[-1]:
        return None
    shape, scale = _fit_moments(excess)
    fit = _simulated_fit(excess, shape, scale)
    if fit < _LOWEST_FIT:
        return None
    if shape < 0.0:
        # An exponential tail of the same mean lies above one with a bound.
        shape, scale = 0.0, float(excess.mean())
    return Tail(threshold, shape, scale, excess.size / null.size, fit)


def tail_p_values(
    tested: NDArray[np.float64], tails: tuple[Tail, ...], size: int
) -> NDArray[np.float64]:
    """Give p-values of the best statistic, each by its own tail (Bonferroni).

    Args:
        tested: (patients, statistics).
        tails: one a statistic.
        size: null patients that the tails were fitted to.

    Returns:
        Never below 1 / (25 (n + 1)): what was not seen is not believed for ever.
    """
    each = np.stack([tail.p_values(tested[:, column]) for column, tail in enumerate(tails)], axis=1)
    together = np.minimum(1.0, each.min(axis=1) * len(tails))
    return np.asarray(np.maximum(together, 1.0 / (TAIL_REACH * (size + 1))), dtype=np.float64)


def _fit_moments(excess: NDArray[np.float64]) -> tuple[float, float]:
    """Give shape and scale from sorted excesses; the shape is below 1 and may be negative."""
    count = excess.size
    position = (np.arange(1, count + 1) - 0.35) / count
    mean = float(excess.mean())
    weighted = float(((1.0 - position) * excess).mean())
    apart = mean - 2.0 * weighted
    return 2.0 - mean / apart, 2.0 * mean * weighted / apart


def _simulated_fit(excess: NDArray[np.float64], shape: float, scale: float) -> float:
    """Give how often a sample of this very tail, fitted likewise, lies as far from its fit."""
    seen = _distance(excess, shape, scale)
    generator = np.random.default_rng(_FIT_SEED)
    further = 0
    for _ in range(_FIT_DRAWS):
        drawn = np.sort(_quantiles(generator.random(excess.size), shape, scale))
        further += int(_distance(drawn, *_fit_moments(drawn)) >= seen)
    return (1 + further) / (1 + _FIT_DRAWS)


def _distance(excess: NDArray[np.float64], shape: float, scale: float) -> float:
    """Give the Kolmogorov-Smirnov distance of sorted excesses."""
    expected = 1.0 - _survival(excess / scale, shape)
    step = np.arange(excess.size + 1) / excess.size
    return float(max((step[1:] - expected).max(), (expected - step[:-1]).max()))


def _survival(scaled: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    if shape == 0.0:
        return np.asarray(np.exp(-scaled))
    # With a negative shape nothing lies beyond the bound.
    return np.asarray(np.maximum(1.0 + shape * scaled, 0.0) ** (-1.0 / shape))


def _quantiles(share: NDArray[np.float64], shape: float, scale: float) -> NDArray[np.float64]:
    if shape == 0.0:
        return np.asarray(-scale * np.log1p(-share))
    return np.asarray(scale / shape * ((1.0 - share) ** -shape - 1.0))
