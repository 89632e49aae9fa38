from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.image_reading import Pixels
from privacy_audit.self_tests.plants import plant_copies

Body = Callable[..., NDArray[np.float32]]


def test_every_kind_but_the_exact_one_changes_pixels(body: Body) -> None:
    pixels = Pixels(body(1), None)
    for kind, copy in plant_copies(pixels, seed=0).items():
        assert np.array_equal(copy.values, pixels.values) == (kind == "exact")


def test_only_volumes_are_reversed(body: Body) -> None:
    volume = Pixels(body(1, slices=3), 5.0)
    assert "reversed" not in plant_copies(Pixels(body(1), None), seed=0)
    assert np.array_equal(plant_copies(volume, seed=0)["reversed"].values, volume.values[::-1])


def test_eight_bits_are_whole_numbers_of_which_soft_tissue_fills_a_window(body: Body) -> None:
    copies = plant_copies(Pixels(body(1), None), seed=0)
    for kind in ("eight_bit", "windowed", "compressed"):
        assert copies[kind].values.min() >= 0
        assert copies[kind].values.max() <= 255
    windowed = copies["windowed"].values
    assert np.array_equal(windowed, np.rint(windowed))
    # Soft tissue is from -150 to 350 HU: 40 HU are (40 + 150) / 500 * 255 = 96.9.
    assert np.median(windowed[windowed > 0]) == pytest.approx(97, abs=8)


def test_eight_bits_do_not_span_the_padding_of_a_scanner(body: Body) -> None:
    padded = body(1)
    padded[:, :4] = -3024.0
    grey = plant_copies(Pixels(padded, None), seed=0)["eight_bit"].values
    # Air at -1000 is just above the lowest value shown, -1024.
    assert grey[0, 6, 0] < 10


def test_elastic_copy_bends_by_at_most_three_hundredths_of_the_field_of_view() -> None:
    # Where each value is its own row, the change is the displacement along rows.
    rows = np.repeat(np.arange(100, dtype=np.float32)[np.newaxis, :, np.newaxis], 100, axis=2)
    bent = plant_copies(Pixels(rows, None), seed=0)["elastic"].values
    inner = (bent - rows)[0, 5:-5, 5:-5]
    assert 0.5 < np.abs(inner).max() <= 3.0 + 1e-4


def test_resampled_copy_has_six_tenths_of_the_pixels_a_side(body: Body) -> None:
    assert plant_copies(Pixels(body(1), None), seed=0)["resampled"].values.shape == (1, 43, 43)


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
