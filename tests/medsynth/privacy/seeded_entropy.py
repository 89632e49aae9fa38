"""Chance that repeats, for tests alone."""

import numpy as np
from numpy.typing import NDArray


class SeededEntropy:
    """Gives the same values for the same seed."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def normal(self, count: int) -> NDArray[np.float64]:
        return self._generator.standard_normal(count)

    def uniform(self, count: int) -> NDArray[np.float64]:
        return self._generator.random(count)

    def seed(self) -> int:
        return int.from_bytes(self._generator.bytes(16), "little")


class SilentEntropy(SeededEntropy):
    """Adds no noise, so that what is noised can be seen."""

    def normal(self, count: int) -> NDArray[np.float64]:
        return np.zeros(count)
