"""Whether slices lie on one regular grid, and on which."""

import dataclasses
from collections.abc import Sequence

import highdicom
import numpy as np
from numpy.typing import NDArray

from medsynth.imaging.dicom_frames import PlaneGeometry
from medsynth.imaging.dicom_verdict import SeriesReason

TILT_ABOVE_DEGREES = 0.5
_AXIAL_WITHIN_DEGREES = 30.0
_SAME_POSITION_WITHIN_MM = 1e-2
# Slices spread thinner than this are no volume, whatever else they are.
_MOST_PLACES_A_SLICE = 2


@dataclasses.dataclass(frozen=True)
class SliceStack:
    """Slices on a regular grid, some places of which may be empty.

    Attributes:
        order: index of each slice among those given, from the feet to the head.
        places: place of each slice of `order` on the grid; rises from 0.
        origin_mm: centre of the first pixel at place 0, LPS+.
        step_mm: from one place to the next, LPS+.
        tilt_degrees: angle between the step and the slices' normal.
    """

    order: tuple[int, ...]
    places: tuple[int, ...]
    origin_mm: tuple[float, ...]
    step_mm: tuple[float, ...]
    tilt_degrees: float

    @property
    def missing(self) -> tuple[int, ...]:
        """The empty places between the first and the last."""
        return tuple(sorted(set(range(self.places[-1])) - set(self.places)))

    @property
    def is_tilted(self) -> bool:
        """Whether the slices are shifted against each other as by a tilted gantry."""
        return self.tilt_degrees > TILT_ABOVE_DEGREES


def stack_slices(
    geometries: Sequence[PlaneGeometry], max_gap_spread_mm: float
) -> SliceStack | SeriesReason:
    """Find the regular grid on which parallel slices lie.

    Args:
        geometries: two or more slices of one orientation, in any order.
        max_gap_spread_mm: largest difference between gaps, and largest distance of
            a slice from its place.

    Returns:
        The grid, or why there is none: slices at one place, or gaps that are no
        whole multiples of one distance.

    Source: own derivation; a grid without empty places is checked by highdicom, too.
    """
    positions = np.array([geometry.position_mm for geometry in geometries])
    normal = feet_to_head_normal(geometries[0])
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    gaps = np.diff(positions @ normal)
    if gaps.min() < _SAME_POSITION_WITHIN_MM:
        return SeriesReason.DUPLICATE_POSITION
    steps = np.maximum(np.rint(gaps / np.median(gaps)), 1)
    places = np.concatenate([[0], np.cumsum(steps)]).astype(int)
    if places[-1] >= _MOST_PLACES_A_SLICE * len(positions):
        return SeriesReason.IRREGULAR_SPACING
    step_mm = (positions[-1] - positions[0]) / places[-1]
    off_grid_mm = np.linalg.norm(positions - positions[0] - places[:, None] * step_mm, axis=1)
    uneven_mm = np.ptp(gaps - steps * (step_mm @ normal))
    if max(float(off_grid_mm.max()), float(uneven_mm)) > max_gap_spread_mm:
        return SeriesReason.IRREGULAR_SPACING
    along = float(np.clip(step_mm @ normal / np.linalg.norm(step_mm), -1.0, 1.0))
    stack = SliceStack(
        order=tuple(order.tolist()),
        places=tuple(places.tolist()),
        origin_mm=tuple(positions[0].tolist()),
        step_mm=tuple(step_mm.tolist()),
        tilt_degrees=float(np.degrees(np.arccos(along))),
    )
    is_complete = not stack.missing and not stack.is_tilted
    if is_complete and not _highdicom_agrees(positions, geometries[0], max_gap_spread_mm):
        return SeriesReason.IRREGULAR_SPACING
    return stack


def affine_of(stack: SliceStack, geometry: PlaneGeometry) -> NDArray[np.float64]:
    """Give the affine of stacked slices.

    Args:
        stack: their grid.
        geometry: any of the slices; they share orientation and spacing.

    Returns:
        (4, 4), float64, as in `Volume`, a new array.
    """
    row_mm, column_mm = geometry.spacing_row_column_mm
    affine_lps = np.eye(4)
    affine_lps[:3, 0] = np.multiply(geometry.orientation[:3], column_mm)
    affine_lps[:3, 1] = np.multiply(geometry.orientation[3:], row_mm)
    affine_lps[:3, 2] = stack.step_mm
    affine_lps[:3, 3] = stack.origin_mm
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps


def feet_to_head_normal(geometry: PlaneGeometry) -> NDArray[np.float64]:
    """Give the unit normal of a slice that points to the head, LPS+.

    A sagittal or coronal slice has no such side; its normal follows its orientation.
    """
    normal = np.cross(geometry.orientation[:3], geometry.orientation[3:])
    normal /= np.linalg.norm(normal)
    return -normal if normal[2] < -1e-6 else normal


def is_axial(geometry: PlaneGeometry) -> bool:
    """Tell whether a slice is axial, or oblique by no more than a gantry tilts."""
    return bool(feet_to_head_normal(geometry)[2] >= np.cos(np.radians(_AXIAL_WITHIN_DEGREES)))


def _highdicom_agrees(
    positions: NDArray[np.float64], geometry: PlaneGeometry, max_gap_spread_mm: float
) -> bool:
    spacing, _ = highdicom.spatial.get_volume_positions(
        positions,
        geometry.orientation,
        # highdicom compares with the mean gap; the limit compares gaps with each other.
        atol=max_gap_spread_mm,
        perpendicular_tol=1 - np.cos(np.radians(TILT_ABOVE_DEGREES)),
    )
    return spacing is not None
