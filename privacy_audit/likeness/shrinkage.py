"""A covariance from few samples of many numbers."""

import numpy as np
from numpy.typing import NDArray


def shrunk_covariance(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the covariance drawn towards a multiple of the identity, as far as the data ask.

    Args:
        samples: (samples, numbers), at least 2 samples.

    Returns:
        (numbers, numbers), positive definite unless all samples are equal.

    Source: Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional
    covariance matrices".
    """
    count, numbers = samples.shape
    centred = samples - samples.mean(axis=0)
    covariance = centred.T @ centred / count
    mean_variance = np.trace(covariance) / numbers
    target = mean_variance * np.eye(numbers)
    distance = float(((covariance - target) ** 2).sum())
    # The sum over samples of |x x' - S|^2, without building the matrices.
    lengths = (centred**2).sum(axis=1)
    scatter = float((lengths**2).sum() - count * (covariance**2).sum()) / count**2
    weight = 1.0 if distance == 0 else min(1.0, max(0.0, scatter / distance))
    return np.asarray(weight * target + (1 - weight) * covariance)
