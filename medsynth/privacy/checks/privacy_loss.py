"""A lower bound on epsilon that asks no accountant: what an attacker can tell for certain."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

# Beyond it a single value far off tells nearly everything.
_CLEAR_SHIFT = 6.0
_MOST_GRID_POINTS = 2**21
# What lies beyond is less likely than 1e-17.
_TAIL_DEVIATIONS = 9.0
# What rounding losses down may take from epsilon over all updates.
_ROUNDING = 0.01


@dataclasses.dataclass(frozen=True)
class ShiftedUpdates:
    """Equal updates in which a patient, where drawn, shifts a normal value.

    Attributes:
        shift: in standard deviations of the noise, above 0.
        rate: chance that the patient is drawn, 0 to 1.
        steps: number of updates.
    """

    shift: float
    rate: float
    steps: int


def least_epsilon(updates: Sequence[ShiftedUpdates], delta: float) -> float:
    """Give an epsilon below which what these updates tell of a patient cannot lie.

    The attacker compares the world with the patient to that without, by the exact likelihood
    ratio. Losses are rounded down to a grid, so the bound is too low by up to 0.01 and a mesh
    of the grid, never too high but for the rounding of float64.

    Args:
        updates: all that the attacker sees.
        delta: between 0 and 1.

    Returns:
        Epsilon, at least 0; infinite where a shift is.

    Source: own derivation; privacy loss distributions after Sommer et al. 2019,
    doi 10.2478/popets-2019-0029, composed by the Fourier transform after Koskela et al. 2020,
    arXiv 1906.03049, here with the optimistic rounding.
    """
    telling = [one for one in updates if one.shift > 0.0 and one.rate > 0.0 and one.steps > 0]
    if not telling:
        return 0.0
    clear = [one for one in telling if one.shift >= _CLEAR_SHIFT]
    if clear:
        return max(_epsilon_of_highest(one, delta) for one in clear)
    mesh, first, points = _grid(telling)
    frequencies = np.ones(points // 2 + 1, dtype=np.complex128)
    for one in telling:
        places, mass = _losses_of_one(one, mesh)
        alone = np.bincount(places % points, weights=mass, minlength=points)
        frequencies *= np.fft.rfft(alone) ** one.steps
    masses = np.roll(np.fft.irfft(frequencies, points), -(first % points))
    losses = (mesh * (first + np.arange(points))).astype(np.float64)
    return _epsilon_at(losses, np.clip(masses, 0.0, None), delta)


def _epsilon_of_highest(one: ShiftedUpdates, delta: float) -> float:
    """Give the bound of guessing by whether any update, or the first, is above a value."""
    if math.isinf(one.shift):
        return math.inf
    values = np.linspace(0.0, one.shift + _TAIL_DEVIATIONS, 1000)
    found = one.rate * special.ndtr(one.shift - values)
    best = 0.0
    for steps in (1, one.steps):
        told = -np.expm1(steps * np.log1p(-found)) - delta
        falsely = np.log(steps) + special.log_ndtr(-values)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = max(best, float(np.nanmax(np.where(told > 0.0, np.log(told) - falsely, 0.0))))
    return best


def _losses_of_one(
    one: ShiftedUpdates, mesh: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the grid places of one update's losses, and how likely each is with the patient."""
    reach = one.shift + _TAIL_DEVIATIONS
    first = math.floor(_loss_at(-reach, one) / mesh)
    last = math.ceil(_loss_at(reach, one) / mesh)
    places = np.arange(first, last + 1)
    edges = _value_at((np.arange(first, last + 2) * mesh).astype(np.float64), one)
    below = (1.0 - one.rate) * special.ndtr(edges) + one.rate * special.ndtr(edges - one.shift)
    return places, np.diff(below)


def _loss_at(value: float, one: ShiftedUpdates) -> float:
    exponent = one.shift * value - one.shift**2 / 2.0
    if one.rate == 1.0:
        return exponent
    return float(np.logaddexp(math.log1p(-one.rate), math.log(one.rate) + exponent))


def _value_at(losses: NDArray[np.float64], one: ShiftedUpdates) -> NDArray[np.float64]:
    """Give the value that has a loss; below all losses that there are, minus infinity."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        excess = np.exp(losses) - (1.0 - one.rate)
        values = (np.log(excess / one.rate) + one.shift**2 / 2.0) / one.shift
    return np.where(excess > 0.0, values, -np.inf)


def _grid(updates: Sequence[ShiftedUpdates]) -> tuple[float, int, int]:
    """Give the mesh, the lowest place that is kept, and the number of places."""
    mean, variance, largest = 0.0, 0.0, 0.0
    for one in updates:
        highest = _loss_at(one.shift + _TAIL_DEVIATIONS, one)
        largest = max(largest, highest)
        # Coarse, but fine enough to see how far the losses reach.
        mesh = (highest - _loss_at(-one.shift - _TAIL_DEVIATIONS, one)) / 1e5
        places, mass = _losses_of_one(one, mesh)
        losses = mesh * (places + 0.5)
        centre = float(losses @ mass)
        mean += one.steps * centre
        variance += one.steps * float((losses - centre) ** 2 @ mass)
    reach = (_TAIL_DEVIATIONS + 1.0) * math.sqrt(variance) + largest
    mesh = 2.0 * _ROUNDING / sum(one.steps for one in updates)
    mesh = max(mesh, 2.2 * reach / _MOST_GRID_POINTS)
    points = 2 ** math.ceil(math.log2(2.2 * reach / mesh))
    return mesh, math.floor(mean / mesh) - points // 2, points


def _epsilon_at(losses: NDArray[np.float64], masses: NDArray[np.float64], delta: float) -> float:
    """Give the epsilon at which the part of the losses that passes it weighs delta."""

    def passing(epsilon: float) -> float:
        above = losses > epsilon
        return float(masses[above] @ -np.expm1(epsilon - losses[above]))

    if passing(0.0) <= delta:
        return 0.0
    low, high = 0.0, float(losses[-1])
    while high - low > 1e-6:
        middle = (low + high) / 2.0
        low, high = (middle, high) if passing(middle) > delta else (low, middle)
    return low
