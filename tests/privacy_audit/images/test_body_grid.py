from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.images.body_grid import BODY_RADIUS, GRID, fit_body_grid, pixel_fingerprint
from privacy_audit.images.image_reading import Pixels

Body = Callable[..., NDArray[np.float32]]


def test_body_has_the_same_size_whatever_the_matrix(body: Body) -> None:
    disc = np.pi * BODY_RADIUS**2
    for size in (72, 150, 320):
        grid = fit_body_grid(Pixels(body(1, size=size), None), "a")
        assert grid.values.shape == (1, GRID, GRID)
        assert grid.body.sum() == pytest.approx(disc, rel=0.03)


def test_table_and_padding_do_not_move_the_body(body: Body) -> None:
    plain = body(1)
    with_table = np.full((1, 100, 90), -2000.0, dtype=np.float32)
    with_table[:, 10:82, 9:81] = plain
    with_table[:, 80:82, 20:70] = 300.0
    first = fit_body_grid(Pixels(plain, None), "a")
    second = fit_body_grid(Pixels(with_table, None), "b")
    assert (first.body != second.body).mean() < 0.01


@pytest.mark.parametrize(("low_hu", "high_hu"), [(-1024.0, 400.0), (-160.0, 240.0)])
def test_body_of_a_grey_picture_is_that_of_its_hounsfield_units(
    body: Body, low_hu: float, high_hu: float
) -> None:
    scan = np.full((1, 100, 90), -1000.0, dtype=np.float32)
    scan[:, 10:82, 9:81] = body(1)
    # Clothes and a mattress: above air, and no body.
    scan[:, 84:97, 5:85] = -800.0
    grey = np.rint(np.clip((scan - low_hu) / (high_hu - low_hu), 0, 1) * 255).astype(np.float32)
    first = fit_body_grid(Pixels(scan, None), "a")
    second = fit_body_grid(Pixels(grey, None), "b")
    assert (first.body != second.body).mean() < 0.03


def test_slabs_are_ten_millimetres_apart(body: Body) -> None:
    volume = body(1, slices=12)
    assert fit_body_grid(Pixels(volume, 5.0), "a").values.shape[0] == 6
    assert fit_body_grid(Pixels(volume, 20.0), "a").values.shape[0] == 12
    assert fit_body_grid(Pixels(volume, None), "a").values.shape[0] == 12


def test_image_of_air_alone_is_refused() -> None:
    generator = np.random.default_rng(0)
    air = generator.normal(-1000, 10, (1, 40, 40)).astype(np.float32)
    with pytest.raises(AuditError, match="all of it is air"):
        fit_body_grid(Pixels(air, None), "a.npy")


def test_fingerprint_does_not_depend_on_unit_or_bit_depth(body: Body) -> None:
    stored = np.rint(body(1)).astype(np.int16)
    hounsfield = pixel_fingerprint(Pixels(stored.astype(np.float32), None))
    assert pixel_fingerprint(Pixels((stored + 1024.0).astype(np.float32), 5.0)) == hounsfield
    changed = stored.astype(np.float32)
    changed[0, 30, 30] += 5
    assert pixel_fingerprint(Pixels(changed, None)) != hounsfield
