"""A grid that does not tell which scan a volume was made from."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsynth.imaging.geometry import resample_in_plane
from medsynth.imaging.volume import AIR_HU, Volume, axial_affine

_SPACING_STEP_MM = 0.1
_SPACING_TOLERANCE_MM = 1e-6


@dataclasses.dataclass(frozen=True)
class RoundGrid:
    """A grid with round pixel spacing that shows the same field of view, and where it came from.

    Attributes:
        source_mm: row and column spacing of the source, mm.
        shape: rows and columns.
        spacing_mm: slice, row and column spacing, mm.
    """

    source_mm: tuple[float, float]
    shape: tuple[int, int]
    spacing_mm: tuple[float, float, float]

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4), axial, beginning at zero: where the patient lay on the table is the source's."""
        return axial_affine(self.spacing_mm)

    def resampled(self, values: NDArray[Any]) -> NDArray[np.int16]:
        """Interpolate HU linearly onto the grid; as they are where the source's is round.

        Args:
            values: (slices, rows, columns), HU, on the source's grid.
        """
        if self._is_source(values.shape):
            return values.astype(np.int16, copy=False)
        on_grid = self._interpolated(values.astype(np.float32), outside=float(AIR_HU))
        return np.rint(on_grid).astype(np.int16)

    def resampled_labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give each pixel the label that covers most of it, or 0.

        Args:
            labels: (slices, rows, columns), uint8, on the source's grid.
        """
        if self._is_source(labels.shape):
            return labels
        best = np.zeros((len(labels), *self.shape), dtype=np.uint8)
        share = np.full(best.shape, 0.5, dtype=np.float32)
        for value in np.unique(labels[labels > 0]):
            covered = self._interpolated((labels == value).astype(np.float32), outside=0.0)
            is_most = covered > share
            best[is_most], share[is_most] = value, covered[is_most]
        return best

    def _is_source(self, shape: tuple[int, ...]) -> bool:
        return shape[1:] == self.shape and self.source_mm == self.spacing_mm[1:]

    def _interpolated(self, values: NDArray[np.float32], *, outside: float) -> NDArray[np.float32]:
        return resample_in_plane(
            values,
            self.source_mm,
            shape_out=self.shape,
            spacing_out_mm=self.spacing_mm[1:],
            outside=outside,
        )


def round_grid(volume: Volume) -> RoundGrid:
    """Give the grid that a volume goes out on.

    Pixel spacing becomes the nearest tenth of a millimetre, because an odd one tells the scan
    it came from; a round one, and the slices, stay as they are.

    Args:
        volume: axial, HU.
    """
    slice_mm, *in_plane_mm = volume.spacing_slice_row_column_mm
    source_mm = (in_plane_mm[0], in_plane_mm[1])
    steps = [max(1, round(one / _SPACING_STEP_MM)) for one in source_mm]
    row_mm, column_mm = (round(count * _SPACING_STEP_MM, 6) for count in steps)
    is_round = all(
        abs(one - other) < _SPACING_TOLERANCE_MM
        for one, other in zip(source_mm, (row_mm, column_mm), strict=True)
    )
    rows, columns = volume.voxels_hu.shape[1:]
    if is_round:
        return RoundGrid(source_mm, (rows, columns), (slice_mm, *source_mm))
    shape = round(rows * source_mm[0] / row_mm), round(columns * source_mm[1] / column_mm)
    return RoundGrid(source_mm, shape, (slice_mm, row_mm, column_mm))
