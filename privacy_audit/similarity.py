"""How alike two images are in anatomy, whatever their contrast, and in which pose.

An image is described by the direction of its edges, not by their height: the
gradient direction with its angle doubled, so that bright beside dark equals
dark beside bright, and its length saturated, so that a vessel filled with
contrast weighs like one that is not (normalised gradient field, Haber and
Modersitzki 2006). Two such maps are compared by correlation over all shifts,
rotations and flips; 1 is the same anatomy in the same pose.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, sparse

from privacy_audit.body_grid import GRID, BodyGrid

CELLS = 32
"""Rows and columns after neighbouring grid points are averaged."""
ANGLES_DEGREES = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
_SMOOTHING = 1.5
_SKIN = 2
_LARGEST_SHIFT_CELLS = 5
_LARGEST_SLAB_SHIFT = 3
_REFERENCES_AT_ONCE = 128


@dataclasses.dataclass(frozen=True)
class EdgeMap:
    """Directions of an image's edges.

    Attributes:
        directions: (slabs, 2, GRID, GRID), float32: cosine and sine of twice
            the direction, times the saturated strength; zero outside the body.
    """

    directions: NDArray[np.float32]


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


POSES = tuple(
    Pose(angle, rows_flipped, columns_flipped)
    for rows_flipped in (False, True)
    for columns_flipped in (False, True)
    for angle in ANGLES_DEGREES
)


@dataclasses.dataclass(frozen=True)
class Match:
    """The best match of one probe with each reference.

    Attributes:
        similarity: (references,), float32, from -1 to 1.
        pose: (references,), index into `POSES`.
        slab_shift: (references,), the reference's slab that lies on the probe's slab 0.
        shift_cells: (references, 2), rows and columns by which the probe is shifted.
    """

    similarity: NDArray[np.float32]
    pose: NDArray[np.int64]
    slab_shift: NDArray[np.int64]
    shift_cells: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class _Block:
    """References with equally many slabs.

    `spectra` is (frequencies, slabs * 2, references), conjugated; `energy` is (slabs, references).
    """

    indices: NDArray[np.int64]
    spectra: NDArray[np.complex64]
    energy: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Reference images, ready to be searched."""

    size: int
    blocks: tuple[_Block, ...]


def map_edges(grid: BodyGrid) -> EdgeMap:
    """Give the directions of an image's edges.

    The skin itself is left out: all bodies have one.

    Args:
        grid: the image on the common grid.
    """
    by_row = ndimage.gaussian_filter(grid.values, (0, _SMOOTHING, _SMOOTHING), order=(0, 1, 0))
    by_column = ndimage.gaussian_filter(grid.values, (0, _SMOOTHING, _SMOOTHING), order=(0, 0, 1))
    inside = ndimage.binary_erosion(grid.body, np.ones((1, 3, 3)), iterations=_SKIN)
    strength = by_row**2 + by_column**2
    usual = float(np.median(strength[inside])) if inside.any() else 0.0
    # A body of one single value has no edges; the tiny term keeps the division defined.
    weight = inside / (strength + usual + 1e-12)
    cosine = (by_column**2 - by_row**2) * weight
    sine = 2 * by_row * by_column * weight
    return EdgeMap(np.stack([cosine, sine], axis=1).astype(np.float32))


class PoseSearch:
    """Lays edge maps on each other in every pose.

    It keeps the rotations as sparse matrices, which cost more to make than to use.
    """

    def __init__(self) -> None:
        """Prepare the rotations."""
        self._rotations = [_rotation_into_cells(angle) for angle in ANGLES_DEGREES]

    def build_gallery(self, references: Sequence[EdgeMap]) -> Gallery:
        """Prepare references for searching.

        Args:
            references: at least one; the order is that of the results.
        """
        by_slabs: dict[int, list[int]] = {}
        for index, reference in enumerate(references):
            by_slabs.setdefault(reference.directions.shape[0], []).append(index)
        blocks = []
        for indices in by_slabs.values():
            for start in range(0, len(indices), _REFERENCES_AT_ONCE):
                part = indices[start : start + _REFERENCES_AT_ONCE]
                blocks.append(self._make_block(part, [references[index] for index in part]))
        return Gallery(size=len(references), blocks=tuple(blocks))

    def search(self, probe: EdgeMap, gallery: Gallery) -> Match:
        """Find the best pose of a probe on each reference of a gallery.

        Volumes are also slid along each other by up to three slabs, and must
        share at least half of the shorter one; a single slice is tried at
        every height.

        Args:
            probe: the edge map to lay on the references.
            gallery: the references.
        """
        cells = self._posed_cells(probe)
        slabs = cells.shape[1]
        energy = np.square(cells, dtype=np.float64).sum(axis=(2, 3, 4))
        # Axes: frequencies, poses, and each slab's cosine and sine.
        spectra = _spectra(cells).transpose(3, 0, 1, 2).reshape(-1, len(POSES), slabs * 2)
        match = _no_match(gallery.size)
        for block in gallery.blocks:
            for slab_shift in _slab_shifts(slabs, block.energy.shape[0]):
                _improve(match, block, np.ascontiguousarray(spectra), energy, slab_shift)
        return match

    def _make_block(self, indices: list[int], references: list[EdgeMap]) -> _Block:
        upright = self._rotations[ANGLES_DEGREES.index(0.0)]
        cells = np.stack([_to_cells(upright, reference) for reference in references])
        slabs = cells.shape[1]
        # Axes: frequencies, each slab's cosine and sine, references.
        spectra = _spectra(cells).transpose(3, 1, 2, 0).reshape(-1, slabs * 2, len(indices))
        energy = np.square(cells, dtype=np.float64).sum(axis=(2, 3, 4)).T
        return _Block(np.array(indices), np.ascontiguousarray(np.conj(spectra)), energy)

    def _posed_cells(self, probe: EdgeMap) -> NDArray[np.float32]:
        """Give the probe in all poses: (poses, slabs, 2, CELLS, CELLS)."""
        rotated = {
            angle: _rotate(rotation, probe, angle)
            for angle, rotation in zip(ANGLES_DEGREES, self._rotations, strict=True)
        }
        return np.stack([_flip(rotated[pose.angle_degrees], pose) for pose in POSES])


def _rotation_into_cells(angle_degrees: float) -> sparse.csr_matrix:
    """Give the matrix that rotates a grid about its middle and averages it into cells."""
    angle = np.deg2rad(angle_degrees)
    middle = (GRID - 1) / 2
    row, column = np.mgrid[0:GRID, 0:GRID].reshape(2, -1)
    from_row = middle + np.cos(angle) * (row - middle) + np.sin(angle) * (column - middle)
    from_column = middle - np.sin(angle) * (row - middle) + np.cos(angle) * (column - middle)
    cell = (row * CELLS // GRID) * CELLS + column * CELLS // GRID
    share = (CELLS / GRID) ** 2
    low_row, low_column = np.floor(from_row).astype(int), np.floor(from_column).astype(int)
    cells, points, weights = [], [], []
    for up in (0, 1):
        for right in (0, 1):
            at_row, at_column = low_row + up, low_column + right
            weight = (1 - np.abs(from_row - at_row)) * (1 - np.abs(from_column - at_column))
            inside = (at_row >= 0) & (at_row < GRID) & (at_column >= 0) & (at_column < GRID)
            cells.append(cell[inside])
            points.append((at_row * GRID + at_column)[inside])
            weights.append((share * weight)[inside])
    entries = (np.concatenate(weights), (np.concatenate(cells), np.concatenate(points)))
    return sparse.csr_matrix(entries, shape=(CELLS**2, GRID**2), dtype=np.float32)


def _to_cells(rotation: sparse.csr_matrix, edges: EdgeMap) -> NDArray[np.float32]:
    slabs = edges.directions.shape[0]
    flat = edges.directions.reshape(slabs * 2, GRID**2)
    return np.asarray((rotation @ flat.T).T.reshape(slabs, 2, CELLS, CELLS), dtype=np.float32)


def _rotate(
    rotation: sparse.csr_matrix, edges: EdgeMap, angle_degrees: float
) -> NDArray[np.float32]:
    """Rotate the places by the matrix, and the doubled directions by twice the angle."""
    cells = _to_cells(rotation, edges)
    turn = 2 * np.deg2rad(angle_degrees)
    cosine, sine = cells[:, 0], cells[:, 1]
    turned = [
        np.cos(turn) * cosine - np.sin(turn) * sine,
        np.sin(turn) * cosine + np.cos(turn) * sine,
    ]
    return np.stack(turned, axis=1).astype(np.float32)


def _flip(cells: NDArray[np.float32], pose: Pose) -> NDArray[np.float32]:
    """Mirror the places; one mirror also negates the sine of the doubled direction."""
    if pose.rows_flipped:
        cells = cells[:, :, ::-1, :]
    if pose.columns_flipped:
        cells = cells[:, :, :, ::-1]
    sine_sign = -1.0 if pose.rows_flipped != pose.columns_flipped else 1.0
    return cells * np.array([1.0, sine_sign], dtype=np.float32)[:, np.newaxis, np.newaxis]


def _spectra(cells: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Transform the last two axes and flatten them into one."""
    spectra = fft.rfft2(cells, axes=(-2, -1))
    return np.asarray(spectra.reshape(*cells.shape[:-2], -1), dtype=np.complex64)


def _slab_shifts(probe_slabs: int, reference_slabs: int) -> range:
    """Give every slab shift to try: reference slab = probe slab + shift."""
    fewest = min(probe_slabs, reference_slabs)
    shared = max(1, fewest // 2)
    lowest, highest = shared - probe_slabs, reference_slabs - shared
    if fewest > 1:
        centred = round((reference_slabs - probe_slabs) / 2)
        lowest = max(lowest, centred - _LARGEST_SLAB_SHIFT)
        highest = min(highest, centred + _LARGEST_SLAB_SHIFT)
    return range(lowest, highest + 1)


def _no_match(references: int) -> Match:
    return Match(
        similarity=np.full(references, -np.inf, dtype=np.float32),
        pose=np.zeros(references, dtype=np.int64),
        slab_shift=np.zeros(references, dtype=np.int64),
        shift_cells=np.zeros((references, 2), dtype=np.int64),
    )


def _improve(
    match: Match,
    block: _Block,
    spectra: NDArray[np.complex64],
    energy: NDArray[np.float64],
    slab_shift: int,
) -> None:
    """Write into `match` where this slab shift gives a higher similarity."""
    first = max(0, -slab_shift)
    last = min(energy.shape[1], block.energy.shape[0] - slab_shift)
    own = spectra[:, :, first * 2 : last * 2]
    other = block.spectra[:, (first + slab_shift) * 2 : (last + slab_shift) * 2]
    # (frequencies, poses, references) -> (poses, references, CELLS, CELLS // 2 + 1)
    product = np.matmul(own, other).transpose(1, 2, 0)
    product = product.reshape(len(POSES), -1, CELLS, CELLS // 2 + 1)
    peaks, places = _peaks(product)
    own_energy = energy[:, first:last].sum(axis=1)
    other_energy = block.energy[first + slab_shift : last + slab_shift].sum(axis=0)
    scale = np.sqrt(np.outer(own_energy, other_energy))
    # Nothing to compare is no likeness.
    similarity = np.where(scale > 0, peaks / np.where(scale > 0, scale, 1.0), 0.0)
    best_pose = similarity.argmax(axis=0)
    reference = np.arange(similarity.shape[1])
    best = similarity[best_pose, reference].astype(np.float32)
    better = best > match.similarity[block.indices]
    rows = block.indices[better]
    match.similarity[rows] = best[better]
    match.pose[rows] = best_pose[better]
    match.slab_shift[rows] = slab_shift
    match.shift_cells[rows] = places[best_pose, reference][better]


def _peaks(
    product: NDArray[np.complex64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Give the highest correlation among the allowed shifts, and minus the shift it lies at."""
    allowed = np.arange(-_LARGEST_SHIFT_CELLS, _LARGEST_SHIFT_CELLS + 1)
    # One axis after the other, as most rows need not be transformed back.
    rows = fft.ifft(product, axis=2)[:, :, allowed]
    near = fft.irfft(rows, n=CELLS, axis=3)[:, :, :, allowed]
    flat = near.reshape(*near.shape[:2], -1)
    at = flat.argmax(axis=2)
    row, column = np.unravel_index(at, (allowed.size, allowed.size))
    # The product is probe times conjugate reference: a peak at s lays reference at probe - s.
    shifts = -np.stack([allowed[row], allowed[column]], axis=-1)
    return np.take_along_axis(flat, at[..., np.newaxis], axis=2)[..., 0], shifts
