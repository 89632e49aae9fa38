"""Volumes turned alike, however a file stores them."""

import nibabel
import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.decoding import Stack

# Beyond it a slice's pixels are too long to show a body's shape.
_LONGEST_PIXEL = 2.0


def turn_upright(values: NDArray[np.float32], steps_mm: NDArray[np.float64]) -> Stack:
    """Turn a volume so that rows run to the back, columns to the left and slices to the head.

    Where pixels of such slices would be more than twice as long as wide, as
    for few thick coronal slices, slices lie along the direction in which the
    volume is coarsest, and run to the back or to the left; rows of these run
    to the foot, or columns to the back.

    Args:
        values: (first, second, third).
        steps_mm: (3, 3); column k is the step of axis k towards head, back and left, mm.

    Returns:
        A new array, with the distances between its slices, rows and columns.

    Raises:
        OrientationError: two axes run the same way.
        ValueError: a step is zero or not finite.
    """
    lengths = np.linalg.norm(steps_mm, axis=0)
    if not np.isfinite(steps_mm).all() or lengths.min() <= 0:
        raise ValueError("no directions")
    affine = np.eye(4)
    affine[:3, :3] = steps_mm
    turns = nibabel.orientations.io_orientation(affine)
    turned = nibabel.orientations.apply_orientation(values, turns)
    head, back, left = (float(lengths[int(np.argmax(turns[:, 0] == axis))]) for axis in range(3))
    gap_mm, row_column_mm = head, (back, left)
    if max(back, left) > _LONGEST_PIXEL * min(back, left):
        # From (head, back, left) to slices, rows and columns of a coronal or sagittal stack.
        is_coronal = back > left
        order = (1, 0, 2) if is_coronal else (2, 0, 1)
        turned = turned.transpose(order)[:, ::-1]
        gap_mm, row_column_mm = max(back, left), (head, min(back, left))
    return Stack(np.ascontiguousarray(turned, dtype=np.float32), gap_mm, row_column_mm)
