"""How well a segmentation covers what it should."""

import numpy as np
from numpy.typing import NDArray


def dice(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Give the Dice overlap of two masks of one patient: twice the shared over the sum.

    Args:
        predicted: mask of any shape.
        reference: mask of the same shape, not empty: where there is nothing
            to find, no overlap can be told from any other.

    Returns:
        From 0 (nothing shared) to 1 (equal).

    Source: Dice, Ecology 26 (1945) 297.

    Example:
        >>> dice(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666
    """
    shared = np.count_nonzero(predicted & reference)
    return 2.0 * shared / (np.count_nonzero(predicted) + np.count_nonzero(reference))
