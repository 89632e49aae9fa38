from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.image_reading import Pixels
from privacy_audit.plants import plant_copies

Body = Callable[..., NDArray[np.float32]]


def test_every_kind_but_the_exact_one_changes_pixels(body: Body) -> None:
    pixels = Pixels(body(1), None)
    for kind, copy in plant_copies(pixels, seed=0).items():
        assert np.array_equal(copy.values, pixels.values) == (kind == "exact")


def test_equal_seeds_give_equal_copies_and_other_seeds_others(body: Body) -> None:
    pixels = Pixels(body(1), None)
    first, again, other = (plant_copies(pixels, seed)["noise"].values for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_is_a_twentieth_of_the_range_of_soft_tissue(body: Body) -> None:
    pixels = Pixels(body(1), None)
    noise = plant_copies(pixels, seed=0)["noise"].values - pixels.values
    # From -150 to 350 HU are 500 HU; a twentieth is 25 HU.
    assert noise.std() == pytest.approx(25.0, rel=0.03)


def test_change_of_contrast_leaves_air_and_bone_alone() -> None:
    values = np.array([[[-1000.0, 50.0, 1200.0]]], dtype=np.float32)
    changed = plant_copies(Pixels(values, None), seed=0)["contrast"].values[0, 0]
    assert changed[0] == -1000.0
    assert changed[1] != 50.0
    assert changed[2] == 1200.0


def test_large_volume_is_thinned(body: Body) -> None:
    volume = Pixels(np.repeat(body(1, size=400), 130, axis=0), 1.0)
    copy = plant_copies(volume, seed=0)["exact"]
    # 400 / 3 = 134 columns, 130 / 3 = 44 slices, 3 mm apart.
    assert copy.values.shape == (44, 134, 134)
    assert copy.slice_gap_mm == 3.0
