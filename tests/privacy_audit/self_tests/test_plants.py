from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.likeness.edge_maps import map_edges
from privacy_audit.self_tests.plants import plant_copies, thin_out

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


def test_large_volume_is_made_smaller_but_for_the_exact_copy(body: Body) -> None:
    volume = Pixels(np.repeat(body(1, size=400), 130, axis=0), 1.0)
    copies = plant_copies(volume, seed=0)
    # 400 / 3 = 134 columns, 130 / 3 = 44 slices, 3 mm apart.
    assert copies["flip"].values.shape == (44, 134, 134)
    assert copies["flip"].slice_gap_mm == 3.0
    assert copies["exact"].values.shape == (130, 400, 400)
    assert copies["exact"].slice_gap_mm == 1.0


def test_pixels_are_averaged_in_blocks_of_which_the_last_may_be_smaller() -> None:
    values = np.zeros((1, 1, 193), dtype=np.float32)
    values[0, 0, [0, 1, 2, 192]] = [4.0, 8.0, 6.0, 5.0]
    small = thin_out(Pixels(values, None)).values[0, 0]
    # (4 + 8) / 2 = 6, (6 + 0) / 2 = 3, and 5 alone.
    assert (small.size, small[0], small[1], small[-1]) == (97, 6.0, 3.0, 5.0)


def test_fine_texture_is_no_other_image_when_made_smaller(body: Body) -> None:
    # Waves of 2.1 pixels, which leaving out every second pixel would turn into waves of 42.
    wave = np.cos(2 * np.pi * np.arange(256) / 2.1)
    scan = body(1, size=256)
    striped = np.where(scan > -500, scan + 200 * np.outer(wave, wave), scan).astype(np.float32)
    comparer = Comparer(1)
    edges = [
        map_edges(fit_body_grid(pixels, "made-up"))
        for pixels in (Pixels(striped, None), thin_out(Pixels(striped, None)))
    ]
    gallery = comparer.search.gather([comparer.search.reduce(edges[0])], np.zeros(1, np.int64))
    assert comparer.search.search(edges[1], gallery).similarity.max() > 0.95


@pytest.mark.parametrize(("low", "high"), [(-1000.0, 400.0), (-1024.0, 1500.0)])
def test_noise_of_a_picture_that_shows_air_is_as_strong_as_in_hounsfield_units(
    body: Body, low: float, high: float
) -> None:
    grey = np.rint((body(1) - low) / (high - low) * 255).clip(0, 255).astype(np.float32)
    noise = plant_copies(Pixels(grey, None), seed=0)["noise"].values - grey
    inside = grey > 150 if high < 1000 else grey > 80
    # 25 HU, in grey values.
    assert noise[inside].std() == pytest.approx(25.0 * 255 / (high - low), rel=0.15)


def test_noise_of_a_picture_of_a_window_is_a_twentieth_of_what_it_shows(body: Body) -> None:
    grey = np.rint((body(1) + 150) / 500 * 255).clip(0, 255).astype(np.float32)
    noise = plant_copies(Pixels(grey, None), seed=0)["noise"].values - grey
    # The body's brightest hundredth is at 40 + 2.3 * 60 = 180 HU, or 168 grey values.
    middle = (grey > 60) & (grey < 130)
    assert noise[middle].std() == pytest.approx(0.05 * 168, rel=0.2)


def test_noise_of_a_picture_is_no_blacker_than_black(body: Body) -> None:
    grey = np.rint((body(1) + 150) / 500 * 255).clip(0, 255).astype(np.float32)
    copies = plant_copies(Pixels(grey, None), seed=0)
    for kind in ("noise", "contrast", "contrast_rotation_noise"):
        assert copies[kind].values.min() >= 0.0
        assert copies[kind].values.max() <= grey.max()


def test_picture_with_a_bright_label_beside_a_dim_body_is_copied() -> None:
    row, column = np.mgrid[-1:1:72j, -1:1:72j]
    dim = np.where(row**2 + column**2 < 0.5, 60.0 + 5.0 * row, 0.0).astype(np.float32)[np.newaxis]
    dim[:, :3, :60] = 255.0
    copies = plant_copies(Pixels(dim, None), seed=0)
    assert all(np.isfinite(copy.values).all() for copy in copies.values())
    assert 0.0 < np.abs(copies["noise"].values - dim).mean() < 13.0
