import numpy as np
import pytest

from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scanner import apply_kernel, draw_noise, outside_circle, to_stored_hu
from medsynth.phantom.site import SITES
from medsynth.phantom.space import Field

OPTIONS = PhantomOptions(slices=12)


def _disc(radius_mm: float) -> tuple[Field, Field]:
    steps = (np.arange(128) - 63.5) * 2.8
    inside = steps[:, None] ** 2 + steps[None, :] ** 2 < radius_mm**2
    body = np.repeat(inside[None].astype(np.float32), 12, axis=0)
    return body, (body - 1) * 1000


def _noise(radius_mm: float) -> Field:
    body, plain_hu = _disc(radius_mm)
    random = np.random.default_rng(5)
    return draw_noise(random, body=body, plain_hu=plain_hu, site=SITES[0], options=OPTIONS)


def _middle(noise: Field) -> Field:
    return noise[:, 54:74, 54:74]


def test_noise_at_the_centre_of_a_reference_body_is_the_sites() -> None:
    # A disc of water of 270 mm is the reference, at which the site has 10.5 HU.
    assert _middle(_noise(135.0)).std() == pytest.approx(10.5, rel=0.12)


def test_noise_grows_with_the_body() -> None:
    # Diameters of 240 and 320 mm: exp(80 / 170) = 1.60.
    ratio = _middle(_noise(160.0)).std() / _middle(_noise(120.0)).std()
    assert ratio == pytest.approx(1.60, rel=0.1)


def test_noise_power_rises_with_frequency_and_then_falls() -> None:
    power = (np.abs(np.fft.fft2(_noise(160.0), axes=(1, 2))) ** 2).mean(axis=0)
    frequency = np.hypot(np.fft.fftfreq(128, 2.8)[:, None], np.fft.fftfreq(128, 2.8)[None, :])
    low, middle, high = (
        power[(frequency > first) & (frequency < last)].mean()
        for first, last in ((0.008, 0.02), (0.05, 0.08), (0.16, 0.178))
    )
    assert middle > 1.8 * low
    assert middle > 1.8 * high


def test_sites_differ_in_the_sharpness_of_edges() -> None:
    _, edge = _disc(100.0)
    steepest = [np.abs(np.diff(apply_kernel(edge, site, 2.8), axis=2)).max() for site in SITES[:2]]
    assert steepest[1] > 1.2 * steepest[0]


def test_kernels_keep_uniform_values() -> None:
    flat = np.full((2, 16, 16), 57.0, dtype=np.float32)
    for site in SITES:
        assert np.allclose(apply_kernel(flat, site, 2.8), 57.0, atol=1e-3)


def test_stored_values_stay_in_the_scanners_range() -> None:
    values = np.array([-5000.0, -0.6, 9000.0], dtype=np.float32)
    assert to_stored_hu(values).tolist() == [-1024, -1, 3071]


def test_the_circle_touches_the_edges_and_leaves_out_the_corners() -> None:
    outside = outside_circle(64)
    assert outside[0, 0]
    assert not outside[0, 31]
    assert outside.mean() == pytest.approx(1 - np.pi / 4, abs=0.01)
