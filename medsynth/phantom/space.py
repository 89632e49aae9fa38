"""The grid of a scan, bent by a patient's own smooth deformation."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.randomness import Stream, random_stream

Field = NDArray[np.float32]
Region = tuple[slice, slice, slice]

# The fields are laid out in patient space, so the grid's size changes no anatomy.
_FIELD_HALF_EXTENT_MM = (330.0, 230.0, 230.0)
_COARSE_WARP_MM = 95.0
_COARSE_WARP_SIZE_MM = 5.4
_FINE_WARP_MM = 42.0
_FINE_WARP_SIZE_MM = 2.4
_SHAPE_SCALES_MM = (34.0, 34.0, 34.0, 17.0, 17.0)
# What the deformation can move a point by, for the search boxes of organs.
_WARP_MARGIN_MM = 20.0
# The fields end at 230 mm; above this height they are met again on the way back.
_FIELD_MIRROR_MM = 190.0


@dataclasses.dataclass(frozen=True)
class ScanPosition:
    """Where the patient lies in the scanner.

    Attributes:
        left_mm: shift of the patient towards the left of the field of view.
        back_mm: shift towards the table.
        head_mm: height in the patient of the middle of the scan.
        breath_mm: how far the organs under the diaphragm are pushed down.
    """

    left_mm: float
    back_mm: float
    head_mm: float
    breath_mm: float


@dataclasses.dataclass(frozen=True)
class Space:
    """Where each voxel of a scan lies in the undeformed anatomy.

    Lengths are in mm: x to the patient's left, y to the back, z to the head,
    from the middle of the abdomen at the first lumbar vertebra. All arrays are
    (slices, rows, columns).

    Attributes:
        x_mm: deformed x.
        y_mm: deformed y.
        z_mm: deformed z.
        straight_mm: undeformed z, y and x of the grid lines.
        thickness_ratio: slice thickness relative to the distance of slices.
        shape_fields: smooth random fields of unit variance, three of about 34
            mm and two of about 17 mm, which roughen the surface of organs.
        texture: fine random field of unit variance.
    """

    x_mm: Field
    y_mm: Field
    z_mm: Field
    straight_mm: tuple[Field, Field, Field]
    thickness_ratio: float
    shape_fields: tuple[Field, ...]
    texture: Field

    @property
    def shape(self) -> tuple[int, int, int]:
        """Give (slices, rows, columns)."""
        slices, rows, columns = self.x_mm.shape
        return slices, rows, columns

    def whole(self) -> Region:
        """Give the region that holds every voxel."""
        slices, rows, columns = self.shape
        return slice(0, slices), slice(0, rows), slice(0, columns)

    def box(self, low_mm: NDArray[np.float64], high_mm: NDArray[np.float64]) -> Region | None:
        """Give the voxels that may lie between two corners of the anatomy.

        Args:
            low_mm: least x, y, z.
            high_mm: greatest x, y, z.

        Returns:
            A region that holds them with room for the deformation, or None when
            the scan does not reach there.
        """
        bounds = []
        for axis, lines in enumerate(self.straight_mm):
            low = float(low_mm[2 - axis]) - _WARP_MARGIN_MM
            high = float(high_mm[2 - axis]) + _WARP_MARGIN_MM
            first = int(np.searchsorted(lines, low))
            last = int(np.searchsorted(lines, high))
            if first == last:
                return None
            bounds.append(slice(first, last))
        return bounds[0], bounds[1], bounds[2]

    def coordinates(self, region: Region) -> tuple[Field, Field, Field]:
        """Give views of x, y and z within a region, mm."""
        return self.x_mm[region], self.y_mm[region], self.z_mm[region]

    def roughness(self, region: Region, weights: NDArray[np.float64]) -> Field:
        """Give an organ's own mixture of the shape fields.

        Args:
            region: where.
            weights: one weight a field, mm.
        """
        mixture = np.zeros(self.x_mm[region].shape, dtype=np.float32)
        for weight, field in zip(weights, self.shape_fields, strict=True):
            mixture += np.float32(weight) * field[region]
        return mixture

    def coverage(self, level: Field) -> Field:
        """Give the share of each voxel that lies inside a surface.

        The surface is taken as flat within a voxel, which makes the share exact
        for planes along the grid and good to a few per cent otherwise.

        Args:
            level: a function that is positive inside, in any unit.

        Returns:
            0 to 1, a new array of the same shape.
        """
        change = np.abs(_change(level, axis=1)) + np.abs(_change(level, axis=2))
        change += self.thickness_ratio * np.abs(_change(level, axis=0))
        share = level / np.maximum(change, np.float32(1e-3)) + np.float32(0.5)
        covered: Field = np.clip(share, 0, 1)
        return covered


def build_space(
    seed: int,
    patient_index: int,
    options: PhantomOptions,
    *,
    position: ScanPosition,
    thickness_ratio: float,
) -> Space:
    """Lay the grid into a patient.

    Args:
        seed: the cohort's seed.
        patient_index: decides the deformation.
        options: the grid.
        position: where the patient lies.
        thickness_ratio: slice thickness relative to the distance of slices.
    """
    random = random_stream(seed, patient_index, Stream.SHAPE_FIELDS)
    z_lines = _lines(options.slices, options.slice_mm, position.head_mm)
    y_lines = _lines(options.matrix, options.spacing_mm, -position.back_mm)
    x_lines = _lines(options.matrix, options.spacing_mm, -position.left_mm)
    lines = (z_lines, y_lines, x_lines)
    # Organs move with the breath where the diaphragm pushes them.
    moved = z_lines + np.float32(position.breath_mm) * np.clip(z_lines / 120 + 0.6, 0, 1)
    if options.region is BodyRegion.CHEST:
        lines = (np.minimum(z_lines, 2 * np.float32(_FIELD_MIRROR_MM) - z_lines), y_lines, x_lines)
    bent = []
    for straight in (x_lines[None, None, :], y_lines[None, :, None], moved[:, None, None]):
        warp = smooth_field(random, lines, _COARSE_WARP_MM) * np.float32(_COARSE_WARP_SIZE_MM)
        warp += smooth_field(random, lines, _FINE_WARP_MM) * np.float32(_FINE_WARP_SIZE_MM)
        bent.append(straight + warp)
    fields = tuple(smooth_field(random, lines, scale_mm) for scale_mm in _SHAPE_SCALES_MM)
    # Two sizes of grain: one finer than an organ's lobule, one coarser.
    texture = np.float32(0.8) * smooth_field(random, lines, 5.5)
    texture += np.float32(0.6) * smooth_field(random, lines, 13.0)
    return Space(
        x_mm=bent[0],
        y_mm=bent[1],
        z_mm=bent[2],
        straight_mm=(z_lines, y_lines, x_lines),
        thickness_ratio=thickness_ratio,
        shape_fields=fields,
        texture=texture,
    )


def smooth_field(
    random: np.random.Generator, lines_mm: tuple[Field, Field, Field], scale_mm: float
) -> Field:
    """Draw a smooth random field of unit variance.

    It is a cubic B-spline through random knots at fixed places of the anatomy,
    so it does not depend on the grid it is drawn on.

    Args:
        random: the generator; the same count of numbers is drawn for any grid.
        lines_mm: z, y and x of the grid lines.
        scale_mm: distance between knots.

    Returns:
        (slices, rows, columns), float32.
    """
    weights = []
    knots = []
    for lines, half_extent_mm in zip(lines_mm, _FIELD_HALF_EXTENT_MM, strict=True):
        first = -half_extent_mm
        count = int(np.ceil(2 * half_extent_mm / scale_mm)) + 3
        weights.append(_spline_weights(lines, first, scale_mm, count))
        knots.append(count)
    values = random.standard_normal(knots, dtype=np.float32)
    rows_first = np.tensordot(weights[0], values, axes=(1, 0))
    field = np.matmul(np.matmul(weights[1], rows_first), weights[2].T)
    # The variance of a cubic B-spline of independent knots, averaged over a cell.
    return np.ascontiguousarray(field / np.float32((151 / 315) ** 1.5), dtype=np.float32)


def _lines(count: int, spacing_mm: float, centre_mm: float) -> Field:
    steps = np.arange(count, dtype=np.float64) - (count - 1) / 2
    return (steps * spacing_mm + centre_mm).astype(np.float32)


def _spline_weights(lines: Field, first: float, scale_mm: float, count: int) -> Field:
    position = (lines.astype(np.float64) - first) / scale_mm + 1
    position = np.clip(position, 1, count - 2.001)
    distance = np.abs(position[:, None] - np.arange(count)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _change(level: Field, axis: int) -> Field:
    """Give the change of a field from voxel to voxel, zero along a single voxel."""
    if level.shape[axis] < 2:
        return np.zeros_like(level)
    change: Field = np.gradient(level, axis=axis)
    return change
