"""How well one set of points stands for another, by balls around the points.

Around each real point lies a ball that reaches to its k-th nearest real
neighbour. Density asks how many balls a synthetic point lies in, coverage how
many balls hold a synthetic point. All functions take distances, so that any
likeness can be judged.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.spatial.distance import cdist

NEIGHBOURS = 5
"""k of the balls."""
# A point at the very edge of a ball is inside, however its distance was rounded.
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Balls:
    """How synthetic points lie in the balls of real points.

    Attributes:
        density: mean number of balls that hold a synthetic point, over k; 1 where the
            sets are alike, and above 1 where synthetic points crowd.
        coverage: share of balls with a synthetic point.
        clipped_density: from 0 to 1; share of synthetic points that lie as real ones do.
        clipped_coverage: from 0 to 1; share of synthetic points that do what points of
            the real kind would, counted by the balls they fill.
        is_inside: (real, synthetic), whether each real point's ball holds each synthetic point.
    """

    density: float
    coverage: float
    clipped_density: float
    clipped_coverage: float
    is_inside: NDArray[np.bool_]

    @property
    def is_covered(self) -> NDArray[np.bool_]:
        """Whether each real point's ball holds any synthetic point, (real,)."""
        return np.asarray(self.is_inside.any(axis=1))


def measure_balls(
    among_real: NDArray[np.float64],
    to_synthetic: NDArray[np.float64],
    neighbours: int = NEIGHBOURS,
) -> Balls:
    """Measure density and coverage, plain and clipped.

    Args:
        among_real: (real, real), distances, zeros on the diagonal.
        to_synthetic: (real, synthetic), distances in the same unit.
        neighbours: k, at least 1 and less than the number of real points.

    Source: Naeem and others 2020, "Reliable Fidelity and Diversity Metrics for
    Generative Models"; Salvy and others 2025, arXiv 2507.01761, for the clipped
    ones: no radius above the median one and no more than k balls a point for
    density, no more than k points a ball for coverage, each brought to a scale on
    which the share of good points is read off.
    """
    real, synthetic = to_synthetic.shape
    radius = _radii(among_real, neighbours)
    inside = _is_inside(to_synthetic, radius)
    short = np.minimum(radius, np.median(radius))
    in_short = _is_inside(to_synthetic, short).sum(axis=0)
    usual = _is_inside(among_real, short).sum(axis=0) - 1
    usual_density = np.minimum(usual / neighbours, 1.0).mean()
    clipped_density = np.minimum(in_short / neighbours, 1.0).mean() / max(usual_density, 1e-12)
    filled = float(np.minimum(inside.sum(axis=1) / neighbours, 1.0).mean())
    return Balls(
        density=float(inside.sum() / (neighbours * synthetic)),
        coverage=float(inside.any(axis=1).mean()),
        clipped_density=float(min(clipped_density, 1.0)),
        clipped_coverage=_share_that_fills(filled, real, synthetic, neighbours),
        is_inside=inside,
    )


def expected_filling(good: int, real: int, neighbours: int) -> float:
    """Give the mean of min(points in a ball / k, 1) for so many points of the real kind.

    A ball holds a share of the real kind that follows a beta distribution with
    parameters k and real - k, wherever the points lie: the number of good points
    in it is beta-binomial.

    Args:
        good: points of the same kind as the real ones.
        real: real points, more than `neighbours`.
        neighbours: k.

    Source: Salvy and others 2025; the sum of P(count >= j) over j = 1 ... k is own.
    """
    count = np.arange(neighbours)
    other = real - neighbours
    with np.errstate(invalid="ignore", divide="ignore"):
        logarithm = (
            special.gammaln(good + 1)
            - special.gammaln(count + 1)
            - special.gammaln(good - count + 1)
            + special.betaln(count + neighbours, good - count + other)
            - special.betaln(neighbours, other)
        )
    exactly = np.where(count <= good, np.exp(logarithm), 0.0)
    return float((1.0 - np.cumsum(exactly)).sum() / neighbours)


def vendi_score(similarity: NDArray[np.float64]) -> float:
    """Give the effective number of different ones: 1 for all alike, n for all unlike.

    Args:
        similarity: (n, n), 1 on the diagonal; made symmetric, and directions in which
            it is negative are left out, as a likeness found by a search may have some.

    Source: Friedman and Dieng 2023, "The Vendi Score": the exponential of the
    entropy of the eigenvalues of similarity / n.
    """
    symmetric = (similarity + similarity.T) / 2
    eigenvalues = np.linalg.eigvalsh(symmetric / symmetric.shape[0]).clip(0.0)
    shares = eigenvalues / eigenvalues.sum()
    positive = shares[shares > 0]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the Euclidean distances (first, second) of points in rows."""
    return np.asarray(cdist(first, second), dtype=np.float64)


def bootstrap_weights(
    count: int, draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Give how often each patient is drawn when as many are drawn with replacement.

    Args:
        count: patients.
        draws: how often all are drawn.
        generator: of the draws.

    Returns:
        (draws, count); each row sums to `count`.
    """
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=draws)
    return drawn.astype(np.float64)


def _radii(among_real: NDArray[np.float64], neighbours: int) -> NDArray[np.float64]:
    """Give each real point's distance to its k-th nearest other."""
    # Sorted, place 0 is the point itself.
    return np.asarray(np.partition(among_real, neighbours, axis=1)[:, neighbours])


def _is_inside(distance: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(distance <= radius[:, np.newaxis] * (1 + _ROUNDING) + _ROUNDING)


def _share_that_fills(filled: float, real: int, synthetic: int, neighbours: int) -> float:
    """Give the share of good points whose expected filling is what was measured."""
    expected = np.array([expected_filling(good, real, neighbours) for good in range(synthetic + 1)])
    return float(np.interp(filled, expected, np.arange(synthetic + 1) / synthetic))
