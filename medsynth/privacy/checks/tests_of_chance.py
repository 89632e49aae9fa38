"""P-values of simple questions to numbers that were drawn."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special


def p_of_spread(sum_of_squares: float, count: int) -> float:
    """Give how likely a sum of squares of standard normal values is so far off, either way.

    Args:
        sum_of_squares: of `count` values that should have mean 0 and variance 1.
        count: above 0.

    Source: the chi-square distribution, exact.
    """
    low = float(special.chdtr(count, sum_of_squares))
    return min(1.0, 2.0 * min(low, float(special.chdtrc(count, sum_of_squares))))


def p_of_score(score: float) -> float:
    """Give how likely a standard normal value is so far from 0, either way."""
    return float(special.erfc(abs(score) / math.sqrt(2.0)))


def p_of_shape(values: NDArray[np.float64]) -> float:
    """Give how likely standard normal values are so far from their distribution.

    Args:
        values: at least some hundred.

    Source: Kolmogorov 1933, the limiting distribution, which is on the safe side for few.
    """
    ordered = special.ndtr(np.sort(values))
    steps = np.arange(values.size + 1) / values.size
    distance = max(float((steps[1:] - ordered).max()), float((ordered - steps[:-1]).max()))
    return float(special.kolmogorov(distance * math.sqrt(values.size)))


def p_of_agreement(sum_of_products: float, count: int) -> float:
    """Bound how likely independent standard normal values agree so much, or so little.

    Args:
        sum_of_products: of `count` pairs.
        count: above 0; may be as low as 1.

    Source: own derivation, Chernoff's bound with the moments (1 - t^2)^(-count / 2) of a sum
    of products.
    """
    distance = abs(sum_of_products)
    if distance == 0.0:
        return 1.0
    tilt = (math.hypot(count, 2.0 * distance) - count) / (2.0 * distance)
    exponent = -tilt * distance - count / 2.0 * math.log1p(-(tilt**2))
    return min(1.0, 2.0 * math.exp(exponent))


def p_of_count(successes: int, trials: int, chance: float) -> float:
    """Give how likely a count is so far from what its chance makes it, either way; exact.

    Args:
        successes: seen.
        trials: made.
        chance: of each, independent of the others.
    """
    low = float(special.bdtr(successes, trials, chance))
    high = 1.0 if successes == 0 else float(special.bdtrc(successes - 1, trials, chance))
    return min(1.0, 2.0 * min(low, high))


def spread_bounds(sum_of_squares: float, count: float, miss: float) -> tuple[float, float]:
    """Give the interval of a normal standard deviation from values of mean 0.

    Args:
        sum_of_squares: of the values.
        count: how many, or as how many they count.
        miss: chance that the interval misses on each side.
    """
    quantiles = 2.0 * special.gammaincinv(count / 2.0, np.array([1.0 - miss, miss]))
    low, high = np.sqrt(sum_of_squares / quantiles)
    return float(low), float(high)


def share_bounds(successes: int, trials: int, miss: float) -> tuple[float, float]:
    """Give the exact interval of a share.

    Args:
        successes: seen.
        trials: made, above 0.
        miss: chance that the interval misses on each side.

    Source: Clopper and Pearson 1934, by quantiles of the beta distribution.
    """
    low, high = 0.0, 1.0
    if successes > 0:
        low = float(special.betaincinv(successes, trials - successes + 1, miss))
    if successes < trials:
        high = float(special.betaincinv(successes + 1, trials - successes, 1.0 - miss))
    return low, high
