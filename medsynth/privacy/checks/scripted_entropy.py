"""Chance in the hands of a check: who is drawn is written down, and noise is chosen."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Noise = Callable[[int], NDArray[np.float64]]
# No rate is above it, not even 1: who gets it is not drawn.
_NEVER = 2.0
# So loud that float32 keeps nothing of a patient beside it.
_FLOOD = 1e9


class ScriptedEntropy:
    """An entropy that draws whom a script names, one entry for each sample of patients."""

    def __init__(self, drawn: Iterable[tuple[int, ...]], noise: Noise) -> None:
        """Take the script.

        Args:
            drawn: places of those who are drawn, an entry for each sample; nobody after it.
            noise: count -> (count,) values for the noise; may be changed between updates.
        """
        self.noise = noise
        self.normal_values = 0
        self.sample_sizes: set[int] = set()
        self._drawn = iter(drawn)
        self._seed = 0

    def normal(self, count: int) -> NDArray[np.float64]:
        """Give what the check wants for noise."""
        self.normal_values += count
        return self.noise(count)

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Give 0 to those whom the next entry names, and to the others more than any rate."""
        self.sample_sizes.add(count)
        values = np.full(count, _NEVER)
        values[list(next(self._drawn, ()))] = 0.0
        return values

    def seed(self) -> int:
        """Give the next whole number."""
        self._seed += 1
        return self._seed


def silence(count: int) -> NDArray[np.float64]:
    """Give no noise, so that un-noised sums can be seen."""
    return np.zeros(count)


def flood(seed: int) -> Noise:
    """Give noise that drowns every patient, equal for equal seeds and equal calls.

    Its values are all of one size: beside none of them would a patient be seen.
    """
    generator = np.random.default_rng(seed)

    def noise(count: int) -> NDArray[np.float64]:
        return _FLOOD * generator.choice(np.array([-1.0, 1.0]), size=count)

    return noise
