"""A CT volume: Hounsfield units on a grid in patient space."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import ImageError

AIR_HU = -1024
LOWEST_HU = -1024
HIGHEST_HU = 3071


@dataclasses.dataclass(frozen=True)
class Volume:
    """Hounsfield units with their place in the patient.

    Array order is (slices, rows, columns). A volume made by this program is
    axial: slices run from feet to head, rows from front to back, columns from
    the patient's right to left.

    Attributes:
        voxels_hu: (slices, rows, columns), int16 or float32, HU.
        affine: (4, 4), float64, maps (column, row, slice, 1) indices to
            millimetres in NIfTI's RAS+ patient space. Note the index order:
            it is NIfTI's, the reverse of the array's.
    """

    voxels_hu: NDArray[np.int16] | NDArray[np.float32]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check that both arrays have the promised shapes."""
        if self.voxels_hu.ndim != 3 or 0 in self.voxels_hu.shape:
            raise ImageError(
                f"CT array has shape {self.voxels_hu.shape}. Expected (slices, rows, columns), "
                "none of them zero. Check the file it was read from."
            )
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            raise ImageError(
                f"Affine has shape {self.affine.shape} or a value that is not finite. Expected "
                "a finite (4, 4) matrix. Check the file it was read from."
            )

    @property
    def spacing_slice_row_column_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along each array axis, in mm."""
        column, row, slice_ = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(slice_), float(row), float(column)

    def with_voxels(self, voxels_hu: NDArray[np.int16] | NDArray[np.float32]) -> "Volume":
        """Give a volume with other values on the same grid.

        Raises:
            ImageError: the shape differs from this volume's.
        """
        if voxels_hu.shape != self.voxels_hu.shape:
            raise ImageError(
                f"Values have shape {voxels_hu.shape}. Expected the grid's "
                f"{self.voxels_hu.shape}. Resample them first."
            )
        return Volume(voxels_hu, self.affine)


def axial_affine(
    spacing_slice_row_column_mm: tuple[float, float, float],
    first_voxel_ras_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> NDArray[np.float64]:
    """Give the affine of an axial volume in this program's orientation.

    Columns run to the patient's left and rows to the back, so both are
    negative in RAS+; slices run to the head.

    Args:
        spacing_slice_row_column_mm: distances between voxel centres, mm, above zero.
        first_voxel_ras_mm: centre of voxel (0, 0, 0) in RAS+, mm.

    Returns:
        (4, 4), float64, a new array.

    Example:
        >>> axial_affine((5.0, 2.0, 3.0))[0].tolist()
        [-3.0, 0.0, 0.0, 0.0]
    """
    slice_mm, row_mm, column_mm = spacing_slice_row_column_mm
    affine = np.diag([-column_mm, -row_mm, slice_mm, 1.0])
    affine[:3, 3] = first_voxel_ras_mm
    return affine
