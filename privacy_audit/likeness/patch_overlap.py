"""How much of one image is another again, once they lie roughly on each other.

Two edge maps are correlated within windows of several sizes and only where
both have edges. A high correlation over a small window happens by chance, the
same over a large one does not, so correlations are weighed by what they cover:
evidence = artanh(correlation) * sqrt(cells covered / cells of a patch).
Evidence of unrelated patients then hardly depends on the size of the window.

Source: Fisher 1915 for artanh, whose spread falls with the root of the number
of independent points; the rest is own derivation.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from privacy_audit.likeness.patch_poses import CELLS, PatchPose, pose_cells_each

PATCH = 12
"""Rows and columns of a patch, in cells: about three eighths of a body's width."""
NO_EDGE = 1e-6
_WINDOWS = (PATCH, 16, 22, CELLS)
_WINDOW_STRIDE = 2
# Of a patch; below this share there is too little to compare.
_SMALLEST_OVERLAP = 0.55 * PATCH**2
_HIGHEST_CORRELATION = 0.999
_ROUNDS = 5
# Degrees, logarithm of the scale, cells, cells.
_FIRST_STEPS = np.array([2.0, 0.025, 0.5, 0.5])
_DIRECTIONS = np.concatenate([np.eye(4), -np.eye(4)])
_SHRINKAGE = 0.7


@dataclasses.dataclass(frozen=True)
class Overlap:
    """The part in which a probe is most like a reference.

    Attributes:
        evidence: not negative; comparable between parts of any size.
        correlation: of the edges within the part, from -1 to 1.
        cells: how many cells the part covers; a whole body has about 450.
        pose: how the probe lies.
        shift: rows and columns, in cells, by which the posed probe is moved onto the reference.
    """

    evidence: float
    correlation: float
    cells: int
    pose: PatchPose
    shift: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class _Parts:
    """The most telling part of each probe with each reference; all are (probes, references)."""

    evidence: NDArray[np.float32]
    correlation: NDArray[np.float32]
    covered: NDArray[np.float32]

    def overlap(
        self, probe: int, reference: int, pose: PatchPose, shift: tuple[float, float]
    ) -> Overlap:
        """Give one of them by itself."""
        at = (probe, reference)
        cells = round(float(self.covered[at]))
        return Overlap(float(self.evidence[at]), float(self.correlation[at]), cells, pose, shift)


def measure_overlap(
    averaged: NDArray[np.float32],
    reference: NDArray[np.float32],
    pose: PatchPose,
    shift: tuple[int, int],
) -> Overlap:
    """Find the most telling common part near a pose.

    Turns of 4 degrees, scales of 5 % and shifts of one cell about it are tried.

    Args:
        averaged: (2, GRID, GRID), the probe, of `average_over_cells`.
        reference: (2, CELLS, CELLS), upright.
        pose: where to begin.
        shift: likewise.
    """
    poses = [
        dataclasses.replace(pose, angle_degrees=pose.angle_degrees + turn, scale=pose.scale * size)
        for turn in (-4.0, 0.0, 4.0)
        for size in (1 / 1.05, 1.0, 1.05)
    ]
    shifts = [(shift[0] + down, shift[1] + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    probes = pose_cells_each(averaged, poses, [(0.0, 0.0)] * len(poses))
    # Whole cells need no interpolation: the reference is moved the other way.
    references = np.stack([_move(reference, -down, -right) for down, right in shifts])
    parts = _common_parts(probes, references)
    probe, other = np.unravel_index(int(parts.evidence.argmax()), parts.evidence.shape)
    return parts.overlap(int(probe), int(other), poses[int(probe)], shifts[int(other)])


def sharpen_overlap(
    averaged: NDArray[np.float32], reference: NDArray[np.float32], overlap: Overlap
) -> Overlap:
    """Follow a common part to its best pose, to fractions of a cell.

    Angle, scale and both shifts are moved by steps that shrink, each alone and
    all those together that helped.

    Args:
        averaged: (2, GRID, GRID), the probe, of `average_over_cells`.
        reference: (2, CELLS, CELLS), upright.
        overlap: where to begin.

    Returns:
        An overlap with at least the same evidence.
    """
    best = overlap
    steps = _FIRST_STEPS
    for _ in range(_ROUNDS):
        start = _to_vector(best)
        alone = [start + direction * steps for direction in _DIRECTIONS]
        evidence = _place_and_compare(averaged, reference, best, alone)
        helped = [evidence[index].evidence > best.evidence for index in range(len(alone))]
        every = start + (_DIRECTIONS[np.array(helped)] * steps).sum(axis=0)
        together = _place_and_compare(averaged, reference, best, [every])
        best = max((best, *together, *evidence), key=lambda each: each.evidence)
        steps = steps * _SHRINKAGE
    return best


def _to_vector(overlap: Overlap) -> NDArray[np.float64]:
    """Give angle, logarithm of the scale, and both shifts."""
    return np.array([overlap.pose.angle_degrees, np.log(overlap.pose.scale), *overlap.shift])


def _place_and_compare(
    averaged: NDArray[np.float32],
    reference: NDArray[np.float32],
    overlap: Overlap,
    vectors: list[NDArray[np.float64]],
) -> list[Overlap]:
    """Give the overlap in each of some poses, mirrored as in `overlap`."""
    poses = [
        dataclasses.replace(
            overlap.pose, angle_degrees=float(vector[0]), scale=float(np.exp(vector[1]))
        )
        for vector in vectors
    ]
    shifts = [(float(vector[2]), float(vector[3])) for vector in vectors]
    probes = pose_cells_each(averaged, poses, shifts)
    parts = _common_parts(probes, reference[np.newaxis])
    return [
        parts.overlap(index, 0, pose, shift)
        for index, (pose, shift) in enumerate(zip(poses, shifts, strict=True))
    ]


def _move(cells: NDArray[np.float32], down: int, right: int) -> NDArray[np.float32]:
    """Give cells moved by whole cells, with zeros where they came from."""
    down, right = (int(np.clip(step, -CELLS, CELLS)) for step in (down, right))
    moved = np.zeros_like(cells)
    moved[:, max(0, down) : CELLS + min(0, down), max(0, right) : CELLS + min(0, right)] = cells[
        :, max(0, -down) : CELLS - max(0, down), max(0, -right) : CELLS - max(0, right)
    ]
    return moved


def _common_parts(probes: NDArray[np.float32], references: NDArray[np.float32]) -> _Parts:
    """Give the most telling part of every probe with every reference."""
    products = _local_products(probes, references)
    shape = (len(probes), len(references))
    best = _Parts(*(np.zeros(shape, dtype=np.float32) for _ in range(3)))
    for window in _WINDOWS:
        correlation, covered = (part.reshape(*shape, -1) for part in _correlate(products, window))
        evidence = np.arctanh(correlation) * np.sqrt(covered / PATCH**2)
        at = evidence.argmax(axis=2)[..., np.newaxis]
        reached = np.take_along_axis(evidence, at, axis=2)[..., 0]
        better = reached > best.evidence
        best.evidence[better] = reached[better]
        best.correlation[better] = np.take_along_axis(correlation, at, axis=2)[..., 0][better]
        best.covered[better] = np.take_along_axis(covered, at, axis=2)[..., 0][better]
    return best


def _local_products(
    probes: NDArray[np.float32], references: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give product, both energies and the common mask: (4, probes, references, CELLS, CELLS)."""
    own = probes[:, np.newaxis]
    other = references[np.newaxis]
    own_energy = (own**2).sum(axis=2)
    other_energy = (other**2).sum(axis=2)
    own_mask = (own_energy > NO_EDGE).astype(np.float32)
    other_mask = (other_energy > NO_EDGE).astype(np.float32)
    return np.stack(
        [
            own[:, :, 0] * other[:, :, 0] + own[:, :, 1] * other[:, :, 1],
            own_energy * other_mask,
            own_mask * other_energy,
            own_mask * other_mask,
        ]
    )


def _correlate(
    products: NDArray[np.float32], window: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give correlation and covered cells: each (probes, references, places, places)."""
    sums = _window_sums(products, window)
    scale = np.sqrt(np.maximum(sums[1] * sums[2], NO_EDGE**2))
    enough = sums[3] >= _SMALLEST_OVERLAP
    correlation = np.where(enough, sums[0] / scale, 0.0)
    bound = _HIGHEST_CORRELATION
    return np.clip(correlation, -bound, bound).astype(np.float32), sums[3]


def _window_sums(values: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Sum over square windows at every other place, by two matrix products."""
    first = np.arange(0, CELLS - window + 1, _WINDOW_STRIDE)[:, np.newaxis]
    cell = np.arange(CELLS)[np.newaxis]
    inside = ((cell >= first) & (cell < first + window)).astype(np.float32)
    return np.asarray(inside @ values @ inside.T, dtype=np.float32)
