"""What policies do to slices that are not yet a volume.

Both repairs compute values that were never measured, so a volume names them.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from medsynth.imaging.dicom_frames import PlaneGeometry
from medsynth.imaging.dicom_geometry import SliceStack, feet_to_head_normal
from medsynth.imaging.volume import AIR_HU


def fill_missing_slices(voxels_hu: NDArray[np.int16], stack: SliceStack) -> None:
    """Interpolate the empty places of a stack linearly between their neighbours, in place.

    Args:
        voxels_hu: (places, rows, columns), int16, HU; changed at the empty places.
        stack: which places hold slices.
    """
    for place in stack.missing:
        below = max(known for known in stack.places if known < place)
        above = min(known for known in stack.places if known > place)
        weight = (place - below) / (above - below)
        blended = (1 - weight) * voxels_hu[below] + weight * voxels_hu[above]
        voxels_hu[place] = np.rint(blended)


def deshear(
    voxels_hu: NDArray[np.int16], stack: SliceStack, geometry: PlaneGeometry
) -> tuple[NDArray[np.int16], SliceStack]:
    """Shift each slice in its plane so that slices lie upon each other.

    The planes stay as tilted as they were taken; only the step between them is
    turned onto their normal. The matrix grows by the way the slices had slid, so
    nothing scanned is lost, and what was not scanned is air.

    Args:
        voxels_hu: (places, rows, columns), int16, HU.
        stack: where the slices lie.
        geometry: of any slice.

    Returns:
        The shifted slices, a new array, and their stack, whose tilt is 0.

    Source: own derivation; linear interpolation along rows and columns.
    """
    along_row, down_column = np.reshape(geometry.orientation, (2, 3))
    row_mm, column_mm = geometry.spacing_row_column_mm
    step_mm, normal = np.array(stack.step_mm), feet_to_head_normal(geometry)
    straight_mm = (step_mm @ normal) * normal
    plane = np.stack([down_column * row_mm, along_row * column_mm], axis=1)
    slide, *_ = np.linalg.lstsq(plane, step_mm - straight_mm, rcond=None)
    places = len(voxels_hu)
    # Headers round: a way of a millionth of a pixel is none, and asks for no line more.
    way = np.round(slide * (places - 1), 6)
    start = np.floor(np.minimum(way, 0.0))
    grown = [math.ceil(abs(float(one))) for one in way]
    shifted = np.stack(
        [
            _shifted(voxels_hu[place], tuple(slide * place - start), (grown[0], grown[1]))
            for place in range(places)
        ]
    )
    origin_mm = np.array(stack.origin_mm) + plane @ start
    straight = dataclasses.replace(
        stack,
        origin_mm=tuple(origin_mm.tolist()),
        step_mm=tuple(straight_mm.tolist()),
        tilt_degrees=0.0,
    )
    return shifted, straight


def _shifted(
    slice_hu: NDArray[np.int16], shift: tuple[float, ...], grown: tuple[int, int]
) -> NDArray[np.int16]:
    """Give a slice moved by rows and columns on a grid that is larger by `grown`."""
    moved = slice_hu.astype(np.float64)
    for axis in (0, 1):
        moved = _shifted_along(moved, shift[axis], moved.shape[axis] + grown[axis], axis)
    return np.rint(moved).astype(np.int16)


def _shifted_along(
    values: NDArray[np.float64], shift: float, length: int, axis: int
) -> NDArray[np.float64]:
    lines = np.moveaxis(values, axis, 0)
    count = len(lines)
    # One line of air on each side, so that the outermost lines fade into what was not scanned.
    padded = np.pad(lines, ((1, 1), (0, 0)), constant_values=AIR_HU)
    source = np.clip(np.arange(length) - shift, -1, count) + 1
    low = np.minimum(np.floor(source).astype(int), count)
    weight = (source - low)[:, None]
    blended = (1 - weight) * padded[low] + weight * padded[low + 1]
    return np.moveaxis(blended, 0, axis)
