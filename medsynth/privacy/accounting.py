"""Epsilon of what was done to a patient: the one file that asks an accountant.

Every update is a Gaussian mechanism on a Poisson sample of patients; a training is the
composition of all of its updates, and a cohort's total that of all its trainings.
"""

import dataclasses
import functools
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from opacus.accountants.analysis import rdp as renyi
from opacus.accountants.analysis.prv import (
    Domain,
    PoissonSubsampledGaussianPRV,
    TruncatedPrivacyRandomVariable,
    compose_heterogeneous,
    discretize,
)
from scipy.fft import next_fast_len
from scipy.integrate import IntegrationWarning
from scipy.optimize import brentq

from medsynth.errors import ConfigurationError

MOST_NOISE = 1e4
_LEAST_NOISE = 0.01
_EPSILON_ERROR = 0.01
# What is tighter is tighter by less than this; else a sum over its grid went wrong.
_LEAST_SHARE = 0.5
_EPSILON_SLACK = 0.1
# Above these the accountant of privacy loss variables takes minutes, or overflows.
_MOST_GRID_POINTS = 2**24
_LARGEST_LOSS = 300.0
_WHOLE_ORDERS = (*range(2, 64), 64, 80, 96, 128, 192, 256, 384, 512)
_LARGEST_SPLIT_ORDER = 11
_NOISE_STEP = 2e-4


@dataclasses.dataclass(frozen=True)
class Mechanism:
    """Updates that share their noise and their sampling.

    Attributes:
        name: whose updates, such as "discriminators" or "generators".
        noise_multiplier: standard deviation of the noise over the clipping norm.
        sample_rate: chance of each patient to take part in an update.
        steps: number of updates.
    """

    name: str
    noise_multiplier: float
    sample_rate: float
    steps: int


@dataclasses.dataclass(frozen=True)
class Spent:
    """What updates cost each patient at most.

    Attributes:
        epsilon: the bound to report, from the accountant named; infinite without noise.
        accountant: "prv", or "rdp" where the tighter one could not answer.
        rdp_epsilon: the Rényi bound, always; looser, by another way.
        reason: why "prv" could not answer; empty where it did.
    """

    epsilon: float
    accountant: Literal["prv", "rdp"]
    rdp_epsilon: float
    reason: str = ""


def spent(mechanisms: Sequence[Mechanism], delta: float) -> Spent:
    """Compose mechanisms on the same patients and give their epsilon at a delta.

    The patients' samples must be independent from update to update, also between
    mechanisms. Adjacency: one patient more or less.

    Args:
        mechanisms: all of the updates; their order and their names do not matter.
        delta: chance that the bound does not hold, between 0 and 1.

    Returns:
        The bound of the accountant of privacy loss variables, which is an upper bound
        including its numerical error of 0.01; or the Rényi bound, with the reason.

    Raises:
        ConfigurationError: delta, a noise, a rate or a number of steps is out of range.

    Source: Gopi et al. 2021, arXiv 2106.02848; Mironov et al. 2019, arXiv 1908.10530;
    Balle et al. 2020, arXiv 1905.09982.
    """
    _check_ranges(mechanisms, delta)
    history = _history(mechanisms)
    if not history:
        return Spent(0.0, "prv", 0.0)
    if any(noise == 0 for noise, _, _ in history):
        return Spent(math.inf, "rdp", math.inf, "An update was made without noise.")
    rdp_epsilon = _rdp_epsilon(history, delta)
    if rdp_epsilon > _LARGEST_LOSS:
        reason = f"The privacy loss of {rdp_epsilon:.3g} is too large for the tighter accountant."
        return Spent(rdp_epsilon, "rdp", rdp_epsilon, reason)
    try:
        prv_epsilon = _prv_epsilon(history, delta)
        if prv_epsilon < _LEAST_SHARE * rdp_epsilon - _EPSILON_SLACK:
            raise RuntimeError("its bound is far below the Rényi bound.")
    except (ValueError, RuntimeError, FloatingPointError, IntegrationWarning) as problem:
        reason = f"The tighter accountant failed: {problem}"
        return Spent(rdp_epsilon, "rdp", rdp_epsilon, reason)
    return Spent(prv_epsilon, "prv", rdp_epsilon)


def noise_for_epsilon(
    target: float, delta: float, *, sample_rate: float, steps_by_name: Mapping[str, int]
) -> float:
    """Search the least noise with which mechanisms together stay within an epsilon.

    Args:
        target: epsilon not to be passed.
        delta: chance that the bound does not hold.
        sample_rate: chance of each patient to take part in an update.
        steps_by_name: number of updates of each mechanism.

    Returns:
        The noise multiplier of all of them, at most 0.1 % above the least.

    Raises:
        ConfigurationError: no noise multiplier up to `MOST_NOISE` is enough.
    """

    def epsilon(noise: float) -> float:
        done = [Mechanism(name, noise, sample_rate, n) for name, n in steps_by_name.items()]
        return spent(done, delta).epsilon

    # The quick bound is the looser one, so what is enough by it is a good place to start from.
    history = [(sample_rate, steps) for steps in steps_by_name.values() if steps]
    enough = _enough_by_rdp(target, delta, history)
    while epsilon(enough) > target:
        if enough >= MOST_NOISE:
            raise _unreachable(target, epsilon(MOST_NOISE))
        enough = min(MOST_NOISE, 1.1 * enough)
    too_little = enough / 1.2
    while epsilon(too_little) <= target:
        if too_little <= _LEAST_NOISE:
            return too_little
        enough, too_little = too_little, too_little / 1.2
    root = brentq(
        lambda log_noise: epsilon(math.exp(log_noise)) - target,
        math.log(too_little),
        math.log(enough),
        xtol=_NOISE_STEP,
    )
    enough = math.exp(float(root))
    while epsilon(enough) > target:
        enough *= 1 + _NOISE_STEP
    return enough


def default_delta(patients: int) -> float:
    """Give a tenth of one patient's share, the largest delta that means something."""
    return 1 / (10 * patients)


def merged(mechanisms: Sequence[Mechanism]) -> tuple[Mechanism, ...]:
    """Add up the steps of mechanisms of equal name, noise and rate; leave out those of none.

    Args:
        mechanisms: in any order.

    Returns:
        One of each kind, in a fixed order.
    """
    steps: dict[tuple[str, float, float], int] = {}
    for one in mechanisms:
        kind = (one.name, one.noise_multiplier, one.sample_rate)
        steps[kind] = steps.get(kind, 0) + one.steps
    return tuple(Mechanism(*kind, count) for kind, count in sorted(steps.items()) if count)


def _enough_by_rdp(target: float, delta: float, history: Sequence[tuple[float, int]]) -> float:
    if not history:
        return _LEAST_NOISE
    too_little, enough = _LEAST_NOISE, MOST_NOISE
    while enough / too_little > 1.02:
        middle = math.sqrt(enough * too_little)
        whole = [(middle, rate, steps) for rate, steps in history]
        if _rdp_at(whole, delta, _WHOLE_ORDERS)[0] <= target:
            enough = middle
        else:
            too_little = middle
    return enough


def _unreachable(target: float, least: float) -> ConfigurationError:
    return ConfigurationError(
        f"Epsilon {target:g} cannot be reached: with noise {MOST_NOISE:g} times the clipping "
        f"norm it is {least:.3g}. Expected a larger epsilon. Raise it, or take fewer steps."
    )


def _check_ranges(mechanisms: Sequence[Mechanism], delta: float) -> None:
    if not 0 < delta < 1:
        raise ConfigurationError(
            f"Delta is {delta:g}. Expected a number between 0 and 1. Set it to at most one over "
            "ten times the number of patients."
        )
    for one in mechanisms:
        in_range = math.isfinite(one.noise_multiplier) and one.noise_multiplier >= 0
        if not (in_range and 0 <= one.sample_rate <= 1 and one.steps >= 0):
            raise ConfigurationError(
                f"The {one.name} have noise {one.noise_multiplier:g}, sample rate "
                f"{one.sample_rate:g} and {one.steps} steps. Expected noise and steps of at "
                "least 0 and a rate from 0 to 1. Mend the setting."
            )


def _history(mechanisms: Sequence[Mechanism]) -> list[tuple[float, float, int]]:
    nameless = [dataclasses.replace(one, name="") for one in mechanisms if one.sample_rate > 0]
    return [(one.noise_multiplier, one.sample_rate, one.steps) for one in merged(nameless)]


def _rdp_epsilon(history: list[tuple[float, float, int]], delta: float) -> float:
    epsilon, order = _rdp_at(history, delta, _WHOLE_ORDERS)
    if order <= _LARGEST_SPLIT_ORDER:
        # The bound has one valley, so the best order is within one of the best whole order.
        split = [order + tenth / 10 for tenth in range(-9, 10) if tenth]
        finer, _ = _rdp_at(history, delta, [one for one in split if one > 1])
        epsilon = min(epsilon, finer)
    return max(0.0, epsilon)


def _rdp_at(
    history: list[tuple[float, float, int]], delta: float, orders: Sequence[float]
) -> tuple[float, float]:
    loss = sum(
        (steps * _renyi_loss(noise, rate, tuple(orders)) for noise, rate, steps in history),
        start=np.zeros(len(orders)),
    )
    with warnings.catch_warnings():
        # That a better order may lie outside of these makes the bound looser, not wrong.
        warnings.filterwarnings("ignore", message="Optimal order is")
        epsilon, order = renyi.get_privacy_spent(orders=list(orders), rdp=loss, delta=delta)
    return float(epsilon), float(order)


# A training asks again after every few of its equal updates, and waits for this the longest.
@functools.lru_cache(maxsize=64)
def _renyi_loss(noise: float, rate: float, orders: tuple[float, ...]) -> NDArray[np.float64]:
    """Give the Rényi divergence that one update costs at each order, not to be written to."""
    loss: NDArray[np.float64] = np.asarray(
        renyi.compute_rdp(q=rate, noise_multiplier=noise, steps=1, orders=list(orders))
    )
    loss.setflags(write=False)
    return loss


def _prv_epsilon(history: list[tuple[float, float, int]], delta: float) -> float:
    """Compose privacy loss variables as Opacus does, on a grid chosen with whole orders only.

    Orders between whole ones take Opacus most of the time, and make the grid no safer.
    """
    delta_error = delta / 1000
    losses = [PoissonSubsampledGaussianPRV(rate, noise) for noise, rate, _ in history]
    domain = _grid(history, delta_error)
    # A rate of 1 takes the logarithm of 0, whose comparisons are meant to be false.
    with warnings.catch_warnings(), np.errstate(divide="ignore", over="raise", invalid="raise"):
        warnings.simplefilter("error", IntegrationWarning)
        pieces = [
            discretize(TruncatedPrivacyRandomVariable(loss, domain.t_min, domain.t_max), domain)
            for loss in losses
        ]
        composed = compose_heterogeneous(
            dprvs=pieces, num_self_compositions=[count for _, _, count in history]
        )
        _, _, upper = composed.compute_epsilon(delta, delta_error, _EPSILON_ERROR)
    if not math.isfinite(upper):
        raise RuntimeError("its bound is no number.")
    # Below its own error it can tell nothing from nothing.
    return max(float(upper), _EPSILON_ERROR)


def _grid(history: list[tuple[float, float, int]], delta_error: float) -> Domain:
    """Choose a grid of privacy losses by remark 5.6 of Gopi et al., where it is not too large."""
    steps = sum(count for _, _, count in history)
    ends = [_rdp_at(history, delta_error / 4, _WHOLE_ORDERS)[0]]
    for noise, rate, _ in history:
        ends.append(_rdp_at([(noise, rate, 1)], delta_error / (8 * steps), _WHOLE_ORDERS)[0])
    end = max(*ends, _EPSILON_ERROR) + 3
    mesh = _EPSILON_ERROR / math.sqrt(steps * math.log(12 / delta_error) / 2)
    if 2 * end / mesh > _MOST_GRID_POINTS:
        raise RuntimeError("its grid would be too large.")
    # An even size of small factors: sums over the grid are Fourier transforms.
    half = next_fast_len(math.ceil(end / mesh) + 1)
    return Domain(-(half - 1) * mesh, half * mesh, 2 * half)
