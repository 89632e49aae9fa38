"""Chance that nobody can repeat: for noise, and for who takes part in an update."""

import os
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_BYTES_OF_UNIFORM = 8
# What a float64 between 0 and 1 holds without rounding.
_BITS_OF_UNIFORM = 53
_BYTES_OF_SEED = 16


class Entropy(Protocol):
    """Where the private step takes its chance from."""

    def normal(self, count: int) -> NDArray[np.float64]:
        """Give independent standard normal values.

        Args:
            count: how many.

        Returns:
            (count,), float64, a new array.
        """
        ...

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Give independent values from 0 on and below 1.

        Args:
            count: how many.

        Returns:
            (count,), float64, a new array.
        """
        ...

    def seed(self) -> int:
        """Give a fresh seed of 128 bits, for drawing slices."""
        ...


class SystemEntropy:
    """The operating system's entropy: no seed, no state, nothing to save or to repeat.

    Whoever knows the noise can take it away again, so a run's seed has no say here, and a
    resumed training cannot draw the same noise twice.
    """

    def normal(self, count: int) -> NDArray[np.float64]:
        """Give independent standard normal values.

        They are made in float64; added to a sum and rounded to the float32 of the weights, the
        gaps between neighbouring values of the noise are far below what is kept.

        Args:
            count: how many.

        Returns:
            (count,), float64, a new array.

        Source: Box and Muller 1958, doi 10.1214/aoms/1177706645. The gaps matter after
        Mironov 2012, doi 10.1145/2382196.2382264.
        """
        pairs = (count + 1) // 2
        # 1 - u is never 0, whose logarithm does not exist.
        radius = np.sqrt(-2.0 * np.log(1.0 - self.uniform(pairs)))
        angle = 2.0 * np.pi * self.uniform(pairs)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Give independent values from 0 on and below 1, multiples of 2^-53.

        Args:
            count: how many.

        Returns:
            (count,), float64, a new array.
        """
        bits = np.frombuffer(os.urandom(_BYTES_OF_UNIFORM * count), dtype=np.uint64)
        kept = bits >> np.uint64(64 - _BITS_OF_UNIFORM)
        return kept.astype(np.float64) / 2.0**_BITS_OF_UNIFORM

    def seed(self) -> int:
        """Give a fresh seed of 128 bits, for drawing slices."""
        return int.from_bytes(os.urandom(_BYTES_OF_SEED), "little")
