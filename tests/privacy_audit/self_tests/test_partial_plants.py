from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.image_reading import Pixels
from privacy_audit.self_tests.partial_plants import plant_partial_copies

Body = Callable[..., NDArray[np.float32]]


def _ramp(rows: int, columns: int, *, first: float) -> Pixels:
    """Give a body in air whose every pixel has a value of its own."""
    values = np.full((1, rows, columns), -1000.0, dtype=np.float32)
    inside = values[0, 10:-10, 10:-10]
    inside[...] = first + np.arange(inside.size).reshape(inside.shape) / inside.size
    return Pixels(values, None)


def test_crop_keeps_seven_tenths_of_the_body_and_none_of_the_air() -> None:
    crop = plant_partial_copies(_ramp(90, 110, first=0), _ramp(90, 110, first=50), 0)["crop"]
    # The body is 70 x 90; smoothing takes up to a pixel of each side: 0.7 * 68 and 0.7 * 90.
    assert crop.pixels.values.shape == (1, 48, 63)
    # Air stays outside of the seen body, but for the pixel that smoothing took.
    assert (crop.pixels.values > -1000).mean() > 0.95


def test_half_is_left_of_one_and_right_of_the_other() -> None:
    half = plant_partial_copies(_ramp(90, 110, first=0), _ramp(90, 110, first=50), 0)["half"]
    body = half.pixels.values[0, 10:-10, 10:-10]
    assert body[:, :45].max() <= 1
    assert body[:, 45:].min() >= 50
    assert half.names_other


def test_blend_is_seven_tenths_of_one() -> None:
    blend = plant_partial_copies(_ramp(90, 110, first=0), _ramp(90, 110, first=50), 0)["blend"]
    # 0.7 * (0 to 1) + 0.3 * (50 to 51) lies between 15 and 16.
    body = blend.pixels.values[0, 10:-10, 10:-10]
    assert (round(float(body.min()), 2), round(float(body.max()), 2)) == (15.0, 16.0)
    assert not blend.names_other


def test_patch_is_a_square_of_the_one_in_the_other() -> None:
    patch = plant_partial_copies(_ramp(90, 110, first=0), _ramp(90, 110, first=50), 0)["patch"]
    own = (patch.pixels.values > -1) & (patch.pixels.values <= 1)
    rows, columns = np.nonzero(own[0])
    # 56 / 128 of 110 pixels are 48.
    assert own.sum() == 48 * 48
    assert (int(np.ptp(rows)), int(np.ptp(columns))) == (47, 47)


def test_other_image_of_another_size_is_brought_to_this_one(body: Body) -> None:
    plants = plant_partial_copies(Pixels(body(1), None), Pixels(body(2, size=100), None), 0)
    assert plants["half"].pixels.values.shape == (1, 72, 72)


def test_equal_seeds_plant_equal_parts(body: Body) -> None:
    first, again = (
        plant_partial_copies(Pixels(body(1), None), Pixels(body(2), None), 3) for _ in range(2)
    )
    assert list(first) == list(again)
    assert all(
        np.array_equal(plant.pixels.values, again[kind].pixels.values)
        for kind, plant in first.items()
    )


def test_parts_of_a_volume_keep_all_slices(body: Body) -> None:
    volume, other = Pixels(body(1, slices=4), 5.0), Pixels(body(2, slices=6), 5.0)
    for plant in plant_partial_copies(volume, other, 0).values():
        assert plant.pixels.values.shape[0] == 4
        assert plant.pixels.slice_gap_mm == 5.0
