import math
import os

import numpy as np
import pytest
import torch
from scipy import stats

from medsynth.privacy.entropy import SystemEntropy

_COUNT = 100_000
# A Kolmogorov-Smirnov test that rejects once in a million, sqrt(ln(2e6) / 2n).
_LARGEST_GAP = math.sqrt(math.log(2e6) / (2 * _COUNT))


def test_normal_values_follow_the_standard_normal_distribution() -> None:
    gap = stats.kstest(SystemEntropy().normal(_COUNT), "norm").statistic
    assert gap < _LARGEST_GAP


def test_neighbouring_normal_values_are_uncorrelated() -> None:
    values = SystemEntropy().normal(_COUNT)
    half = _COUNT // 2
    # The two values of a pair share a radius; their product has mean 0 and variance 1.
    for one, other in ((values[:half], values[half:]), (values[:-1], values[1:])):
        assert abs(float(np.mean(one * other))) < 5.5 / math.sqrt(half)


def test_uniform_values_follow_the_uniform_distribution_below_one() -> None:
    values = SystemEntropy().uniform(_COUNT)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert stats.kstest(values, "uniform").statistic < _LARGEST_GAP


@pytest.mark.parametrize("count", [0, 1, 7])
def test_as_many_values_are_given_as_asked_for(count: int) -> None:
    assert SystemEntropy().normal(count).shape == (count,)
    assert SystemEntropy().uniform(count).shape == (count,)


def test_seeds_of_numpy_and_torch_do_not_repeat_the_values() -> None:
    drawn = []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        entropy = SystemEntropy()
        drawn.append((entropy.normal(4), entropy.uniform(4), entropy.seed()))
    (first_normal, first_uniform, first_seed), (normal, uniform, seed) = drawn
    assert not np.any(first_normal == normal)
    assert not np.any(first_uniform == uniform)
    assert first_seed != seed


def test_values_come_from_the_system_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: b"\xff" * count)
    # The 53 highest bits are set: 1 - 2^-53, whose radius is sqrt(2 * 53 * ln 2) = 8.57.
    assert SystemEntropy().uniform(1)[0] == 1.0 - 2.0**-53
    assert SystemEntropy().normal(2)[0] == pytest.approx(math.sqrt(106 * math.log(2)))
    assert SystemEntropy().seed() == 2**128 - 1
    monkeypatch.setattr(os, "urandom", bytes)
    assert SystemEntropy().uniform(1)[0] == 0.0
    assert SystemEntropy().normal(2).tolist() == [0.0, 0.0]
