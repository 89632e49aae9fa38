import numpy as np
import pytest

from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.shapes import (
    ellipsoid,
    rotation_matrix,
    smooth_minimum,
    smooth_path,
    tube,
)
from medsynth.phantom.space import Field, Space


def _straight_space(matrix: int, slices: int) -> Space:
    """Give a space of 2 mm voxels without deformation."""
    options = PhantomOptions(matrix=matrix, slices=slices, spacing_mm=2.0, slice_mm=2.0)
    lines: list[Field] = [
        ((np.arange(count) - (count - 1) / 2) * 2.0).astype(np.float32)
        for count in (options.slices, matrix, matrix)
    ]
    z, y, x = np.meshgrid(*lines, indexing="ij")
    flat = np.zeros_like(x)
    return Space(
        x_mm=x,
        y_mm=y,
        z_mm=z,
        straight_mm=(lines[0], lines[1], lines[2]),
        thickness_ratio=1.0,
        shape_fields=(flat,) * 5,
        texture=flat,
    )


def test_an_ellipsoid_has_the_volume_of_an_ellipsoid() -> None:
    space = _straight_space(40, 40)
    level = ellipsoid(space, space.whole(), (1.0, -2.0, 3.0), (24.0, 16.0, 12.0), (0.3, 0.2, 0.5))
    found_mm3 = space.coverage(level).sum() * 8.0
    expected_mm3 = 4 / 3 * np.pi * 24 * 16 * 12
    assert found_mm3 == pytest.approx(expected_mm3, rel=0.02)


def test_a_straight_tube_has_the_cross_section_of_a_disc() -> None:
    space = _straight_space(40, 20)
    drawn = tube(space, np.array([[0, 0, -90.0], [0, 0, 90.0]]), np.array([10.0, 10.0]))
    assert drawn is not None
    _, level = drawn
    areas_mm2 = space.coverage(level).sum(axis=(1, 2)) * 4.0
    assert areas_mm2 == pytest.approx(np.pi * 100, rel=0.02)


def test_a_tube_outside_the_scan_is_none() -> None:
    space = _straight_space(20, 10)
    assert tube(space, np.array([[0, 0, 300.0], [0, 0, 340.0]]), np.array([5.0, 5.0])) is None


def test_the_smooth_minimum_is_never_above_the_minimum() -> None:
    first = np.linspace(-5, 5, 50, dtype=np.float32)
    second = np.zeros_like(first)
    rounded = smooth_minimum(first, second, 2.0)
    assert (rounded <= np.minimum(first, second) + 1e-6).all()
    # Where they meet it lies a quarter of the rounding below: 2.0 / 4.
    assert np.interp(0.0, first, rounded) == pytest.approx(-0.5, abs=0.02)


def test_a_smooth_path_goes_through_its_corners() -> None:
    corners = np.array([[0, 0, 0], [10, 5, 0], [20, 0, 5.0]])
    path, radii = smooth_path(corners, np.array([3.0, 4.0, 5.0]), 4)
    assert path[[0, 4, 8]].tolist() == corners.tolist()
    assert radii[[0, 4, 8]].tolist() == [3.0, 4.0, 5.0]


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    own_x = rotation_matrix((0.0, 0.0, np.pi / 2))[0]
    assert own_x.tolist() == pytest.approx([0.0, 1.0, 0.0])
