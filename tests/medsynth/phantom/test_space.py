import numpy as np
import pytest

from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.space import ScanPosition, Space, build_space, smooth_field

CENTRED = ScanPosition(left_mm=0.0, back_mm=0.0, head_mm=0.0, breath_mm=0.0)


def _space(options: PhantomOptions) -> Space:
    return build_space(1, 0, options, position=CENTRED, thickness_ratio=1.0)


def test_coverage_of_a_plane_is_the_share_of_the_voxel_it_cuts_off() -> None:
    space = _space(PhantomOptions(matrix=8, slices=4, spacing_mm=3.0))
    # The surface x = 1.25 voxels: voxel 1 reaches from 0.5 to 1.5, so 3/4 lie inside.
    level = np.broadcast_to(1.25 - np.arange(8, dtype=np.float32), (4, 8, 8))
    share = space.coverage(np.ascontiguousarray(level))
    assert share[2, 3, :4].tolist() == pytest.approx([1.0, 0.75, 0.0, 0.0])


def test_coverage_of_a_single_slice_is_defined() -> None:
    space = _space(PhantomOptions(matrix=8, slices=1))
    assert space.coverage(np.ones((1, 8, 8), dtype=np.float32)).min() == 1.0


def test_smooth_fields_have_unit_variance_and_vary_slowly() -> None:
    lines = np.linspace(-150, 150, 61, dtype=np.float32)
    field = smooth_field(np.random.default_rng(0), (lines, lines, lines), 20.0)
    assert field.std() == pytest.approx(1.0, abs=0.12)
    assert np.abs(np.diff(field, axis=2)).mean() < 0.3 * field.std()


def test_the_deformation_does_not_depend_on_the_grid() -> None:
    # Both grids hold the point at 0.5 voxels of 5 mm = 2.5 mm from the centre.
    wide = _space(PhantomOptions(matrix=32, slices=8, spacing_mm=5.0, slice_mm=5.0))
    narrow = _space(PhantomOptions(matrix=16, slices=4, spacing_mm=5.0, slice_mm=5.0))
    assert np.allclose(wide.x_mm[2:6, 8:24, 8:24], narrow.x_mm, atol=1e-3)


def test_the_deformation_bends_and_does_not_only_scale() -> None:
    space = _space(PhantomOptions(matrix=48, slices=12, spacing_mm=7.0, slice_mm=12.0))
    lines = space.straight_mm[2]
    shift = space.x_mm - lines
    columns = np.ones((shift.size, 4))
    grid = np.meshgrid(*space.straight_mm, indexing="ij")
    columns[:, 1:] = np.column_stack([axis.ravel() for axis in grid])
    fitted = columns @ np.linalg.lstsq(columns, shift.ravel(), rcond=None)[0]
    left_mm = np.sqrt(np.mean((shift.ravel() - fitted) ** 2))
    assert left_mm > 2.0


def test_a_box_outside_the_scan_is_none() -> None:
    space = _space(PhantomOptions(matrix=16, slices=4))
    assert space.box(np.array([0, 0, 400.0]), np.array([9, 9, 420.0])) is None
