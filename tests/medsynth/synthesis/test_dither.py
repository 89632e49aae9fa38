import numpy as np
import pytest

from medsynth.errors import ConfigurationError
from medsynth.synthesis.dither import Dither


def test_noise_is_triangular_around_zero() -> None:
    noise = Dither("secret", "s1", 2.0).noise(0, (4, 64, 64))
    assert float(np.abs(noise).max()) <= 2.0
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.03)
    # The variance of a triangle from -a to a is a squared over 6.
    assert float(noise.std()) == pytest.approx(2.0 / np.sqrt(6), rel=0.02)
    # A quarter of a triangle lies beyond half of its reach, where of a uniform density half does.
    assert float((np.abs(noise) > 1.0).mean()) == pytest.approx(0.25, abs=0.01)


def test_noise_of_a_slice_does_not_depend_on_its_neighbours() -> None:
    dither = Dither("secret", "s1", 1.0)
    assert np.array_equal(dither.noise(0, (5, 8, 8))[3:], dither.noise(3, (2, 8, 8)))


def test_slices_series_and_secrets_have_their_own_noise() -> None:
    shape = (1, 32, 32)
    first = Dither("secret", "s1", 1.0).noise(0, shape).ravel()
    for other in (
        Dither("secret", "s1", 1.0).noise(1, shape),
        Dither("secret", "s2", 1.0).noise(0, shape),
        Dither("other", "s1", 1.0).noise(0, shape),
    ):
        # 1,024 independent draws correlate by 0.03 or so.
        assert abs(float(np.corrcoef(first, other.ravel())[0, 1])) < 0.15


def test_the_same_secret_and_series_give_the_same_noise() -> None:
    one, same = (Dither("secret", "s1", 1.0).noise(2, (1, 4, 4)) for _ in range(2))
    assert np.array_equal(one, same)


def test_an_amplitude_of_zero_adds_nothing() -> None:
    assert not Dither("secret", "s1", 0.0).noise(0, (1, 4, 4)).any()


@pytest.mark.parametrize("amplitude_hu", [-1.0, float("nan"), float("inf")])
def test_an_amplitude_that_is_none_is_refused(amplitude_hu: float) -> None:
    with pytest.raises(ConfigurationError, match=r"synthesize\.dither_hu"):
        Dither("secret", "s1", amplitude_hu)


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="secret is empty"):
        Dither("", "s1", 1.0)
