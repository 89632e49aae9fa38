"""P-values, false discovery control and intervals. One value a patient, always."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

_BOOTSTRAP_DRAWS = 2000


def empirical_p_values(
    values: NDArray[np.float64], null_values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give, for each value, how often the null is at least as high.

    p = (1 + number of null values >= value) / (1 + number of null values), so
    no p-value is below 1 / (n + 1), whatever the value.

    Args:
        values: one a tested patient; higher is more suspicious.
        null_values: one a patient that cannot have leaked.

    Source: Phipson and Smyth 2010, "Permutation p-values should never be zero".
    """
    at_least = (null_values[np.newaxis, :] >= values[:, np.newaxis]).sum(axis=1)
    return np.asarray((1 + at_least) / (1 + null_values.size), dtype=np.float64)


def benjamini_hochberg(p_values: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """Tell which hypotheses are rejected at a false discovery rate.

    Args:
        p_values: one a tested patient.
        rate: the allowed share of false ones among the rejected, from 0 to 1.

    Source: Benjamini and Hochberg 1995: reject the k smallest, where k is the
    largest with p_(k) <= k * rate / m.
    """
    count = p_values.size
    ordered = np.sort(p_values)
    passing = np.flatnonzero(ordered <= rate * np.arange(1, count + 1) / count)
    if passing.size == 0:
        return np.zeros(count, dtype=np.bool_)
    return np.asarray(p_values <= ordered[passing[-1]], dtype=np.bool_)


def null_size_to_flag_one(tested: int, rate: float) -> int:
    """Give the number of null patients from which one copy among `tested` can be called.

    Own derivation from Benjamini-Hochberg: 1 / (n + 1) <= rate / tested.
    """
    return math.ceil(tested / rate - 1e-9) - 1


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """Give the exact 95 % interval of a share; (0, 1) without trials.

    Source: Clopper and Pearson 1934, by quantiles of the beta distribution.

    Example:
        >>> [round(bound, 4) for bound in clopper_pearson(0, 10)]
        [0.0, 0.3085]
    """
    low = 0.0
    high = 1.0
    if successes > 0:
        low = float(special.betaincinv(successes, trials - successes + 1, 0.025))
    if successes < trials:
        high = float(special.betaincinv(successes + 1, trials - successes, 0.975))
    return low, high


def smallest_telling_count(trials: int, threshold: float) -> int | None:
    """Give the fewest successes whose interval lies above a threshold; None where none does.

    Example:
        >>> smallest_telling_count(20, 0.05)
        4
    """
    for successes in range(1, trials + 1):
        if clopper_pearson(successes, trials)[0] > threshold:
            return successes
    return None


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Give Wilson's 95 % interval of a share; (0, 1) without trials.

    Shorter than Clopper and Pearson's and not always as wide as it claims: for
    description, not for verdicts.

    Source: Wilson 1927.
    """
    if trials == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    share = successes / trials
    middle = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def bootstrap_mean(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Give the 95 % percentile interval of a mean, patients drawn with replacement.

    Args:
        values: one a patient, at least one.
        seed: equal seeds give equal intervals.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, values.size, size=(_BOOTSTRAP_DRAWS, values.size))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
