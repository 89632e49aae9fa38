"""Turning a volume into this program's axial orientation without resampling."""

import nibabel
import numpy as np
from numpy.typing import NDArray

from medsynth.imaging.volume import Volume

# Columns to the patient's left, rows to the back, slices to the head: see `Volume`.
_AXIAL = nibabel.orientations.axcodes2ornt(("L", "P", "S"))


def to_axial(volume: Volume) -> Volume:
    """Give the same volume with its axes in the order and direction of `Volume`.

    Axes are swapped and flipped, values are not changed, and each voxel keeps
    its place in the patient. A volume cut obliquely stays oblique.

    Args:
        volume: a volume in any orientation.

    Returns:
        A new volume; its voxels are a contiguous copy.
    """
    # NIfTI's index order (column, row, slice) is the reverse of the array's.
    indexed = volume.voxels_hu.transpose(2, 1, 0)
    transform = _transform_to_axial(volume.affine)
    turned = nibabel.orientations.apply_orientation(indexed, transform)
    affine = volume.affine @ nibabel.orientations.inv_ornt_aff(transform, indexed.shape)
    return Volume(np.ascontiguousarray(turned.transpose(2, 1, 0)), affine)


def labels_to_axial(
    labels: NDArray[np.uint8], affine: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Do for a label map what `to_axial` does for a volume.

    Args:
        labels: (slices, rows, columns), uint8.
        affine: (4, 4), as in `Volume`.

    Returns:
        The turned labels, a new array, and their affine.
    """
    turned = to_axial(Volume(labels.astype(np.int16), affine))
    return turned.voxels_hu.astype(np.uint8), turned.affine


def largest_corner_distance_mm(
    affine: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, int, int]
) -> float:
    """Give how far the corners of a grid lie apart under two affines.

    Args:
        affine: (4, 4), as in `Volume`.
        other: (4, 4), likewise.
        shape: (slices, rows, columns) of the grid.

    Returns:
        The largest distance between equal corners, mm.
    """
    slices, rows, columns = shape
    corners = np.array(
        [
            (column, row, slice_, 1.0)
            for column in (0, columns - 1)
            for row in (0, rows - 1)
            for slice_ in (0, slices - 1)
        ]
    )
    apart = corners @ (affine - other).T
    return float(np.linalg.norm(apart[:, :3], axis=1).max())


def _transform_to_axial(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    present = nibabel.orientations.io_orientation(affine)
    transform: NDArray[np.float64] = nibabel.orientations.ornt_transform(present, _AXIAL)
    return transform
