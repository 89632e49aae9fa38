"""Surfaces as functions that are positive inside and about as steep as distance in mm."""

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.space import Field, Region, Space

# Beyond this depth outside a tube its function is flat.
TUBE_FLOOR_MM = 12.0
Point = tuple[float, float, float]


def smooth_minimum(first: Field, second: Field, rounding_mm: float) -> Field:
    """Give the lesser of two functions with a rounded edge where they meet.

    Args:
        first: one surface.
        second: the other, of the same shape.
        rounding_mm: how wide the rounding is, above zero.

    Returns:
        A new array, never above the lesser of the two.

    Source: Quilez, "smooth minimum", polynomial form.
    """
    share = np.clip(np.float32(0.5) + (second - first) / np.float32(2 * rounding_mm), 0, 1)
    mixed = second + share * (first - second)
    rounded: Field = mixed - np.float32(rounding_mm) * share * (1 - share)
    return rounded


def ellipsoid(space: Space, region: Region, centre: Point, half_axes: Point, tilt: Point) -> Field:
    """Give an ellipsoid's function.

    Args:
        space: the grid.
        region: where to compute.
        centre: x, y, z in mm.
        half_axes: along the ellipsoid's own x, y, z, mm.
        tilt: rotations about x, y and z in radians, applied in this order.
    """
    x_mm, y_mm, z_mm = space.coordinates(region)
    x, y, z = (x_mm - centre[0], y_mm - centre[1], z_mm - centre[2])
    rotation = rotation_matrix(tilt)
    radius = np.zeros(x.shape, dtype=np.float32)
    for own_axis, half_axis in zip(rotation, half_axes, strict=True):
        along = np.float32(own_axis[0]) * x + np.float32(own_axis[1]) * y
        along += np.float32(own_axis[2]) * z
        along /= np.float32(half_axis)
        radius += along * along
    np.sqrt(radius, out=radius)
    mean_axis = np.float32(np.prod(half_axes) ** (1 / 3))
    return (1 - radius) * mean_axis


def rotation_matrix(tilt: Point) -> NDArray[np.float64]:
    """Give the rotation about x, then y, then z; the rows are the turned axes.

    Args:
        tilt: three angles in radians.
    """
    (cx, cy, cz), (sx, sy, sz) = np.cos(tilt), np.sin(tilt)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turned: NDArray[np.float64] = (about_z @ about_y @ about_x).T
    return turned


def ellipsoid_region(space: Space, centre: Point, half_axes: Point) -> Region | None:
    """Give the region an ellipsoid of any tilt can reach."""
    reach = np.full(3, max(half_axes) + 8.0)
    middle = np.array(centre)
    return space.box(middle - reach, middle + reach)


def tube(
    space: Space, points_mm: NDArray[np.float64], radii_mm: NDArray[np.float64]
) -> tuple[Region, Field] | None:
    """Give the function of a bent tube of changing width.

    Args:
        space: the grid.
        points_mm: (points, 3), x, y, z along the middle of the tube.
        radii_mm: (points,), radius at each point.

    Returns:
        The region it was computed in, and the function there, never below
        minus `TUBE_FLOOR_MM`; None when the scan does not reach the tube.
    """
    reach = float(radii_mm.max()) + TUBE_FLOOR_MM
    region = space.box(points_mm.min(axis=0) - reach, points_mm.max(axis=0) + reach)
    if region is None:
        return None
    level = np.full(space.x_mm[region].shape, -TUBE_FLOOR_MM, dtype=np.float32)
    for index in range(len(points_mm) - 1):
        ends = points_mm[index : index + 2]
        widths = radii_mm[index : index + 2]
        reach = float(widths.max()) + TUBE_FLOOR_MM
        part = space.box(ends.min(axis=0) - reach, ends.max(axis=0) + reach)
        if part is None:
            continue
        inner = _within(part, region)
        np.maximum(level[inner], _segment(space, part, ends, widths), out=level[inner])
    return region, level


def smooth_path(
    points_mm: NDArray[np.float64], radii_mm: NDArray[np.float64], steps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Round the corners of a path.

    Args:
        points_mm: (points, 3), corners of the path, at least two.
        radii_mm: (points,), radius at each corner.
        steps: points a leg in the result.

    Returns:
        The finer path and its radii, on a Catmull-Rom spline through the corners.
    """
    corners = np.column_stack([points_mm, radii_mm])
    before = np.vstack([2 * corners[0] - corners[1], corners, 2 * corners[-1] - corners[-2]])
    pieces = []
    for index in range(len(corners) - 1):
        p0, p1, p2, p3 = before[index : index + 4]
        t = np.linspace(0, 1, steps, endpoint=False)[:, None]
        pieces.append(
            p1
            + 0.5 * t * (p2 - p0)
            + 0.5 * t**2 * (2 * p0 - 5 * p1 + 4 * p2 - p3)
            + 0.5 * t**3 * (3 * p1 - p0 - 3 * p2 + p3)
        )
    path = np.vstack([*pieces, corners[-1:]])
    return path[:, :3], np.maximum(path[:, 3], 0.5)


def _within(part: Region, region: Region) -> Region:
    """Give the place of `part` in an array that covers `region`."""
    shifted = [
        slice(inner.start - outer.start, inner.stop - outer.start)
        for inner, outer in zip(part, region, strict=True)
    ]
    return shifted[0], shifted[1], shifted[2]


def _segment(
    space: Space, region: Region, ends: NDArray[np.float64], radii: NDArray[np.float64]
) -> Field:
    x_mm, y_mm, z_mm = space.coordinates(region)
    start = ends[0].astype(np.float32)
    way = (ends[1] - ends[0]).astype(np.float32)
    length_squared = np.float32(max(float(way @ way), 1e-6))
    x, y, z = x_mm - start[0], y_mm - start[1], z_mm - start[2]
    along = (x * way[0] + y * way[1] + z * way[2]) / length_squared
    np.clip(along, 0, 1, out=along)
    x -= along * way[0]
    y -= along * way[1]
    z -= along * way[2]
    distance = np.sqrt(x * x + y * y + z * z)
    radius = np.float32(radii[0]) + along * np.float32(radii[1] - radii[0])
    level: Field = radius - distance
    return level
