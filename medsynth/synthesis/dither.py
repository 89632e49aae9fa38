"""Noise that covers what a network may hide in its output.

A cycle translator is rewarded for being reversible, and learns to write what it
removed into changes too small to be seen. Noise of their size makes them unreadable.

Source: Chu et al. 2017, arXiv 1712.02950, for the hidden signal; Wannamaker et al. 2000,
doi 10.1109/78.824655, for the triangular density.
"""

import dataclasses
import hashlib
import hmac
import math

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import ConfigurationError

_PURPOSE = "medsynth dither"


@dataclasses.dataclass(frozen=True)
class Dither:
    """The noise of one series: who does not hold the secret cannot compute it again.

    Attributes:
        secret: the key; not the seed of a run, which is written into reports.
        series: keeps the noise of two series apart.
        amplitude_hu: largest absolute value, HU; 0 for no noise.
    """

    secret: str
    series: str
    amplitude_hu: float

    def __post_init__(self) -> None:
        """Check that the amplitude is one and that there is a secret."""
        if not (math.isfinite(self.amplitude_hu) and self.amplitude_hu >= 0):
            raise ConfigurationError(
                f"The dither's amplitude is {self.amplitude_hu} HU. Expected a finite number, "
                "not below 0. Change synthesize.dither_hu."
            )
        if not self.secret:
            raise ConfigurationError(
                "The dither's secret is empty. Expected the workspace's secret, since noise "
                "without a secret can be computed and taken away. Give a key file."
            )

    def noise(self, first: int, shape: tuple[int, int, int]) -> NDArray[np.float32]:
        """Give the noise of some slices; it does not depend on which others are asked for.

        Args:
            first: number of the first slice.
            shape: slices, rows and columns wanted.

        Returns:
            (slices, rows, columns), float32, HU, triangular between -amplitude and
            amplitude with mean 0, a new array.
        """
        slices, rows, columns = shape
        drawn = np.empty(shape, dtype=np.float32)
        for index in range(slices):
            generator = np.random.Generator(self._bits(first + index))
            one, other = generator.random((2, rows, columns), dtype=np.float32)
            drawn[index] = (one - other) * np.float32(self.amplitude_hu)
        return drawn

    def _bits(self, number: int) -> np.random.Philox:
        message = f"{_PURPOSE}\0{self.series}".encode()
        digest = hmac.new(self.secret.encode(), message, hashlib.sha256).digest()
        # The number is the counter's highest word: each slice has 2**192 draws of its own.
        return np.random.Philox(key=int.from_bytes(digest[:16], "little"), counter=number << 192)
