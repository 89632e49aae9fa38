"""Rows of small sharp marks of one brightness and height, as written text makes them.

It reads nothing: it tells that there are marks like letters, and where.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FEWEST_MARKS = 5
"""Marks in a row that are told; real anatomy was not seen to make as many."""

_WIDEST_STROKE = 7
# Blurred letters part at a high threshold, faint ones show at a low one.
_CONTRAST_SHARES = (0.15, 0.25, 0.5, 0.9)
_SMALLEST_HEIGHT = 5
_LARGEST_HEIGHT = 48
_LARGEST_ASPECT = 1.5
_MOST_MARKS = 4000
_BRIGHTNESS_SPREAD = 0.15


@dataclasses.dataclass(frozen=True)
class _Marks:
    """Small sharp marks, each a row of the arrays, ordered by column.

    Attributes:
        top, bottom, left, right: bounding boxes, pixels; bottom and right are behind the last.
        brightness: contrast of the brightest tenth, in units of the image.
    """

    top: NDArray[np.int64]
    bottom: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    brightness: NDArray[np.float64]


def longest_row_of_marks(stored: NDArray[Any]) -> int:
    """Give how many marks stand in the longest row that looks like a line of text.

    Bright marks on a darker ground and dark ones on a brighter are both looked for.

    Args:
        stored: (rows, columns), numbers; those that are not finite count as zero.
    """
    plane = np.nan_to_num(stored.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = (float(value) for value in np.percentile(plane, [0.5, 99.5]))
    if high <= low:
        low, high = float(plane.min()), float(plane.max())
    if high <= low or min(plane.shape) < 2 * _WIDEST_STROKE:
        return 0
    return max(
        _longest_row(_marks(above, share * (high - low)))
        for values in (plane, -plane)
        for above in (_above_ground(values),)
        for share in _CONTRAST_SHARES
    )


def _above_ground(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give how far each pixel stands above what is wider than a stroke."""
    size = (_WIDEST_STROKE, _WIDEST_STROKE)
    ground = ndimage.grey_opening(plane, size=size, mode="nearest")
    return np.asarray(plane - ground, dtype=np.float32)


def _marks(above: NDArray[np.float32], threshold: float) -> _Marks:
    labels, count = ndimage.label(above > threshold, structure=np.ones((3, 3)))
    boxes = ndimage.find_objects(labels) if count <= _MOST_MARKS else []
    kept = []
    for number, (rows, columns) in enumerate(boxes, start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if _SMALLEST_HEIGHT <= height <= _LARGEST_HEIGHT and width <= _LARGEST_ASPECT * height:
            inside = np.sort(above[rows, columns][labels[rows, columns] == number])
            kept.append(
                (rows.start, rows.stop, columns.start, columns.stop, inside[len(inside) * 9 // 10])
            )
    table = np.array(sorted(kept, key=lambda mark: (mark[2], mark[0])), dtype=np.float64)
    table = table.reshape(-1, 5)
    whole = table[:, :4].astype(np.int64)
    return _Marks(whole[:, 0], whole[:, 1], whole[:, 2], whole[:, 3], table[:, 4])


def _longest_row(marks: _Marks) -> int:
    """Follow each mark to its right neighbours of the same height, foot and brightness."""
    length = np.ones(len(marks.top), dtype=np.int64)
    heights = marks.bottom - marks.top
    for index in range(len(length)):
        before = np.arange(index)
        gap = marks.left[index] - marks.right[before]
        height = heights[index]
        is_near = (gap >= -1) & (gap <= np.maximum(2, 0.8 * height))
        is_level = np.abs(marks.bottom[before] - marks.bottom[index]) <= max(1, height // 12)
        is_alike = np.abs(heights[before] - height) <= max(1, 0.35 * height)
        dimmer = np.minimum(marks.brightness[before], marks.brightness[index])
        apart = np.abs(marks.brightness[before] - marks.brightness[index])
        follows = is_near & is_level & is_alike & (apart <= _BRIGHTNESS_SPREAD * dimmer)
        if follows.any():
            length[index] = 1 + int(length[before[follows]].max())
    return int(length.max(initial=0))
