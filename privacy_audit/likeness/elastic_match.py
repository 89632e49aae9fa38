"""How alike two images are when parts of one may give way a little, as in an elastic deformation.

A pose found by the search is refined: the probe is also made a little larger and
smaller, and each part of it may then lie a few grid points off. Unrelated
images gain by that too, so it is done alike to all, the null included.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from privacy_audit.likeness.alignment import Alignment
from privacy_audit.likeness.edge_maps import EdgeMap, Placement, build_placement, mirror, place

FINE_CELLS = 48
SCALES = (0.94, 1.0, 1.06)
_LARGEST_SHIFT = 9
_REACH = 2
_BLOCK = 6


@dataclasses.dataclass(frozen=True)
class Pose:
    """How a probe is laid on a reference: flipped, after it was rotated, after it was shifted.

    Attributes:
        angle_degrees: rotation, from the row axis to the column axis.
        rows_flipped: whether front and back are exchanged.
        columns_flipped: whether left and right are exchanged.
    """

    angle_degrees: float
    rows_flipped: bool
    columns_flipped: bool


class ElasticMatcher:
    """Refines poses; it keeps the placements, which cost more to make than to use."""

    def __init__(self, angles_degrees: tuple[float, ...]) -> None:
        """Prepare the placements.

        Args:
            angles_degrees: the rotations that a pose may have, zero among them.
        """
        self._placements = {
            (angle, scale): build_placement(angle, scale, FINE_CELLS)
            for angle in angles_degrees
            for scale in SCALES
        }

    def reduce(self, edges: EdgeMap) -> NDArray[np.float16]:
        """Give what is kept of a reference: (slabs, 2, FINE_CELLS, FINE_CELLS)."""
        return place(edges, self._placements[0.0, 1.0]).astype(np.float16)

    def begin(self, probe: EdgeMap) -> "ElasticProbe":
        """Prepare a probe that is to be matched with several references."""
        return ElasticProbe(probe, self._placements)


class ElasticProbe:
    """A probe, placed in each way once."""

    def __init__(self, edges: EdgeMap, placements: dict[tuple[float, float], Placement]) -> None:
        """Keep what is needed.

        Args:
            edges: the probe.
            placements: for each angle and scale.
        """
        self._edges = edges
        self._placements = placements
        self._placed: dict[tuple[float, float], NDArray[np.float32]] = {}

    def similarity(self, reference: NDArray[np.float16], pose: Pose, alignment: Alignment) -> float:
        """Give the likeness with scale and small local shifts free.

        Args:
            reference: as `ElasticMatcher.reduce` gives it.
            pose: the pose that the search found.
            alignment: the slabs that it laid on each other.

        Returns:
            From -1 to 1; 0 where one of them has no edges.
        """
        slabs = self._edges.directions.shape[0]
        first, second = alignment.shared(slabs, reference.shape[0])
        other = reference[second].astype(np.float32)
        best_score, best_own = -np.inf, other
        for scale in SCALES:
            placed = self._place(pose.angle_degrees, scale)
            if alignment.is_reversed:
                placed = placed[::-1]
            own = mirror(
                placed[first], rows_flipped=pose.rows_flipped, columns_flipped=pose.columns_flipped
            )
            score, shift = _best_shift(own, other)
            if score > best_score:
                best_score, best_own = score, np.roll(own, shift, axis=(2, 3))
        return _local_likeness(best_own, other)

    def _place(self, angle_degrees: float, scale: float) -> NDArray[np.float32]:
        key = (angle_degrees, scale)
        if key not in self._placed:
            self._placed[key] = place(self._edges, self._placements[key])
        return self._placed[key]


def _best_shift(
    own: NDArray[np.float32], other: NDArray[np.float32]
) -> tuple[float, tuple[int, int]]:
    """Give the highest correlation and the shift that lays `own` on `other`."""
    product = (fft.rfft2(other) * np.conj(fft.rfft2(own))).sum(axis=(0, 1))
    allowed = np.arange(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1)
    near = fft.irfft2(product, s=(FINE_CELLS, FINE_CELLS))[np.ix_(allowed, allowed)]
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    energy = float(np.square(own).sum()) * float(np.square(other).sum())
    score = float(near[row, column]) / np.sqrt(energy) if energy > 0 else 0.0
    return score, (int(allowed[row]), int(allowed[column]))


def _local_likeness(own: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlate windows of `own` with `other`, each at its best small shift."""
    reach = range(-_REACH, _REACH + 1)
    best = np.max(
        [
            _sum_windows((own * np.roll(other, (row, column), axis=(2, 3))).sum(axis=1))
            for row in reach
            for column in reach
        ],
        axis=0,
    )
    energy = [float(_sum_windows(np.square(one).sum(axis=1)).sum()) for one in (own, other)]
    if min(energy) <= 0:
        return 0.0
    # Unequal shifts of neighbouring windows can count an edge of `other` twice.
    return min(1.0, float(best.sum()) / float(np.sqrt(energy[0] * energy[1])))


def _sum_windows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum (slabs, cells, cells) over square windows, each overlapping the next by half."""
    slabs, size, _ = values.shape
    blocks = values.reshape(slabs, size // _BLOCK, _BLOCK, size // _BLOCK, _BLOCK).sum(axis=(2, 4))
    rows = blocks[:, :-1] + blocks[:, 1:]
    return np.asarray(rows[:, :, :-1] + rows[:, :, 1:], dtype=np.float32)
