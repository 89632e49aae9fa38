"""How alike two images are in anatomy, whatever their contrast, and in which pose.

Edge maps are compared by correlation over all shifts, rotations and flips; 1 is
the same anatomy in the same pose. A rough likeness picks the references that
are worth it, the pose search is exact on these, and the nearest of different
patients are matched once more with scale and small deformations free.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from privacy_audit.likeness.alignment import Alignment, list_alignments
from privacy_audit.likeness.edge_maps import EdgeMap, build_placement, map_edges, mirror, place
from privacy_audit.likeness.elastic_match import ElasticMatcher, Pose
from privacy_audit.likeness.prefilter import (
    CANDIDATE_VOLUMES,
    CANDIDATES,
    CoarseGallery,
    build_coarse_gallery,
    pick_candidates,
    rough_likeness,
)

__all__ = [
    "ANGLES_DEGREES",
    "CELLS",
    "POSES",
    "EdgeMap",
    "Gallery",
    "Match",
    "Pose",
    "PoseSearch",
    "ReducedMap",
    "map_edges",
]

CELLS = 32
"""Rows and columns after neighbouring grid points are averaged."""
ANGLES_DEGREES = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
OWNERS_REFINED = 4
"""Nearest patients that are matched elastically: a source, the nearest other, and the next."""
_LARGEST_SHIFT_CELLS = 5

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
        similarity: (references,), float32, from -1 to 1. For references that are no
            candidates it is the rough likeness, at most the lowest candidate's.
        pose: (references,), index into `POSES`; 0 for no candidate.
        slab_shift: (references,), the reference's slab that lies on the probe's slab 0,
            of the reversed probe where `is_reversed`.
        is_reversed: (references,), whether the probe's slabs are taken in reverse order.
        shift_cells: (references, 2), rows and columns by which the probe is shifted.
    """

    similarity: NDArray[np.float32]
    pose: NDArray[np.int64]
    slab_shift: NDArray[np.int64]
    is_reversed: NDArray[np.bool_]
    shift_cells: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class ReducedMap:
    """What is kept of a reference: a seventh of its edge map.

    Attributes:
        cells: (slabs, 2, CELLS, CELLS), float32.
        fine: (slabs, 2, FINE_CELLS, FINE_CELLS), float16.
    """

    cells: NDArray[np.float32]
    fine: NDArray[np.float16]


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One reference.

    `spectra` is (frequencies, slabs * 2), conjugated; `energy` is (slabs,).
    """

    spectra: NDArray[np.complex64]
    energy: NDArray[np.float64]
    fine: NDArray[np.float16]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Reference images, ready to be searched.

    Attributes:
        entries: the references.
        owners: (references,), the patient of each, numbered.
        coarse: the references, roughly described; None where all are searched exactly.
    """

    entries: tuple[_Entry, ...]
    owners: NDArray[np.int64]
    coarse: CoarseGallery | None

    @property
    def size(self) -> int:
        """The number of references."""
        return len(self.entries)


class PoseSearch:
    """Lays edge maps on each other in every pose.

    It keeps the rotations as sparse matrices, which cost more to make than to use.
    """

    def __init__(self) -> None:
        """Prepare the rotations."""
        self._rotations = {angle: build_placement(angle, 1.0, CELLS) for angle in ANGLES_DEGREES}
        self._matcher = ElasticMatcher(ANGLES_DEGREES)

    def reduce(self, edges: EdgeMap) -> ReducedMap:
        """Give what a gallery keeps of a reference."""
        return ReducedMap(place(edges, self._rotations[0.0]), self._matcher.reduce(edges))

    def build_gallery(self, references: Sequence[EdgeMap]) -> Gallery:
        """Prepare references for searching, each of a patient of its own.

        Args:
            references: at least one; the order is that of the results.
        """
        owners = np.arange(len(references))
        return self.gather([self.reduce(reference) for reference in references], owners)

    def gather(self, references: Sequence[ReducedMap], owners: NDArray[np.int64]) -> Gallery:
        """Prepare references for searching, when patients may have several.

        Args:
            references: at least one; the order is that of the results.
            owners: (references,), the number of each one's patient.
        """
        fewest = min(CANDIDATES, CANDIDATE_VOLUMES)
        cells = [reference.cells for reference in references]
        coarse = build_coarse_gallery(cells) if len(references) > fewest else None
        return Gallery(tuple(map(_make_entry, references)), owners, coarse)

    def search(self, probe: EdgeMap, gallery: Gallery) -> Match:
        """Find the best pose of a probe on each candidate among the references.

        Volumes are also slid along each other by up to three slabs, in both
        orders, and must share at least half of the shorter one; a single slice is
        tried at every height.

        Args:
            probe: the edge map to lay on the references.
            gallery: the references.
        """
        posed = self._posed_cells(probe)
        match = _no_match(gallery.size)
        candidates = _choose(posed, gallery, match)
        _search_candidates(posed, gallery, candidates, match)
        self._refine(probe, gallery, candidates, match)
        others = np.setdiff1d(np.arange(gallery.size), candidates)
        if others.size:
            lowest = match.similarity[candidates].min()
            match.similarity[others] = np.minimum(match.similarity[others], lowest)
        return match

    def rough_likeness(self, probe: EdgeMap, gallery: Gallery) -> NDArray[np.float32]:
        """Give what picks the candidates: a likeness to each reference, or nothing where all are.

        Args:
            probe: the edge map to lay on the references.
            gallery: the references.
        """
        if gallery.coarse is None:
            return np.empty(0, dtype=np.float32)
        return rough_likeness(self._posed_cells(probe), gallery.coarse)

    def _posed_cells(self, probe: EdgeMap) -> NDArray[np.float32]:
        """Give the probe in all poses: (poses, slabs, 2, CELLS, CELLS)."""
        rotated = {angle: place(probe, turn) for angle, turn in self._rotations.items()}
        return np.stack(
            [
                mirror(
                    rotated[pose.angle_degrees],
                    rows_flipped=pose.rows_flipped,
                    columns_flipped=pose.columns_flipped,
                )
                for pose in POSES
            ]
        )

    def _refine(
        self, probe: EdgeMap, gallery: Gallery, candidates: NDArray[np.int64], match: Match
    ) -> None:
        """Match the nearest of each of the nearest patients elastically."""
        elastic = self._matcher.begin(probe)
        refined: set[int] = set()
        for index in candidates[np.argsort(-match.similarity[candidates], kind="stable")]:
            owner = int(gallery.owners[index])
            if owner in refined:
                continue
            refined.add(owner)
            alignment = Alignment(int(match.slab_shift[index]), bool(match.is_reversed[index]))
            pose = POSES[int(match.pose[index])]
            similarity = elastic.similarity(gallery.entries[index].fine, pose, alignment)
            match.similarity[index] = max(match.similarity[index], similarity)
            if len(refined) == OWNERS_REFINED:
                return


def _make_entry(reference: ReducedMap) -> _Entry:
    slabs = reference.cells.shape[0]
    spectra = _spectra(reference.cells).transpose(2, 0, 1).reshape(-1, slabs * 2)
    energy = np.square(reference.cells, dtype=np.float64).sum(axis=(1, 2, 3))
    return _Entry(np.ascontiguousarray(np.conj(spectra)), energy, reference.fine)


def _spectra(cells: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Transform the last two axes and flatten them into one."""
    spectra = fft.rfft2(cells, axes=(-2, -1))
    return np.asarray(spectra.reshape(*cells.shape[:-2], -1), dtype=np.complex64)


def _no_match(references: int) -> Match:
    return Match(
        similarity=np.full(references, -np.inf, dtype=np.float32),
        pose=np.zeros(references, dtype=np.int64),
        slab_shift=np.zeros(references, dtype=np.int64),
        is_reversed=np.zeros(references, dtype=np.bool_),
        shift_cells=np.zeros((references, 2), dtype=np.int64),
    )


def _choose(posed: NDArray[np.float32], gallery: Gallery, match: Match) -> NDArray[np.int64]:
    """Give the candidates; of all others the rough likeness is written into `match`."""
    slabs = min(posed.shape[1], max(entry.energy.size for entry in gallery.entries))
    wanted = CANDIDATES if slabs == 1 else CANDIDATE_VOLUMES
    if gallery.coarse is None or gallery.size <= wanted:
        return np.arange(gallery.size)
    likeness = rough_likeness(posed, gallery.coarse)
    candidates = pick_candidates(likeness, gallery.owners, wanted)
    match.similarity[:] = likeness
    match.similarity[candidates] = -np.inf
    return candidates


def _search_candidates(
    posed: NDArray[np.float32], gallery: Gallery, candidates: NDArray[np.int64], match: Match
) -> None:
    slabs = posed.shape[1]
    energy = np.square(posed, dtype=np.float64).sum(axis=(2, 3, 4))
    # Axes: frequencies, poses, slabs, cosine and sine.
    spectra = np.ascontiguousarray(_spectra(posed).transpose(3, 0, 1, 2))
    by_slabs: dict[int, list[int]] = {}
    for index in candidates:
        by_slabs.setdefault(gallery.entries[index].energy.size, []).append(int(index))
    for reference_slabs, indices in by_slabs.items():
        entries = [gallery.entries[index] for index in indices]
        # Axes: frequencies, each slab's cosine and sine, references.
        other = np.stack([entry.spectra for entry in entries], axis=2)
        other_energy = np.stack([entry.energy for entry in entries], axis=1)
        for alignment in list_alignments(slabs, reference_slabs):
            first, second = alignment.shared(slabs, reference_slabs)
            order = slice(None, None, -1 if alignment.is_reversed else 1)
            own = spectra[:, :, order][:, :, first].reshape(len(spectra), len(POSES), -1)
            product = np.matmul(own, other[:, second.start * 2 : second.stop * 2])
            own_energy = energy[:, order][:, first].sum(axis=1)
            scale = np.sqrt(np.outer(own_energy, other_energy[second].sum(axis=0)))
            _improve(match, np.array(indices), product, scale, alignment)


def _improve(
    match: Match,
    indices: NDArray[np.int64],
    product: NDArray[np.complex64],
    scale: NDArray[np.float64],
    alignment: Alignment,
) -> None:
    """Write into `match` where this alignment gives a higher similarity.

    `product` is (frequencies, poses, references), `scale` is (poses, references).
    """
    peaks, shifts = _peaks(product)
    # Nothing to compare is no likeness.
    similarity = np.where(scale > 0, peaks / np.where(scale > 0, scale, 1.0), 0.0)
    best_pose = similarity.argmax(axis=0)
    reference = np.arange(indices.size)
    best = similarity[best_pose, reference].astype(np.float32)
    better = best > match.similarity[indices]
    rows = indices[better]
    match.similarity[rows] = best[better]
    match.pose[rows] = best_pose[better]
    match.slab_shift[rows] = alignment.slab_shift
    match.is_reversed[rows] = alignment.is_reversed
    match.shift_cells[rows] = shifts[best_pose, reference][better]


def _peaks(
    product: NDArray[np.complex64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Give the highest correlation among the allowed shifts, and minus the shift it lies at."""
    poses, references = product.shape[1:]
    allowed = np.arange(-_LARGEST_SHIFT_CELLS, _LARGEST_SHIFT_CELLS + 1)
    # Few shifts are asked for: two small matrices are faster than the transform of all.
    waves = np.exp(2j * np.pi / CELLS * np.outer(allowed, np.arange(CELLS))) / CELLS
    half = CELLS // 2 + 1
    # A real image's spectrum is half told; all but its first and last column count twice.
    twice = np.where(np.isin(np.arange(half), (0, half - 1)), 1.0, 2.0)
    by_row = waves.astype(np.complex64) @ product.reshape(CELLS, -1)
    by_row = by_row.reshape(allowed.size, half, poses * references)
    columns = (waves[:, :half] * twice).astype(np.complex64)
    near = np.matmul(columns, by_row).real.reshape(-1, poses * references)
    at = near.argmax(axis=0)
    row, column = np.unravel_index(at, (allowed.size, allowed.size))
    # The product is probe times conjugate reference: a peak at s lays reference at probe - s.
    shifts = -np.stack([allowed[row], allowed[column]], axis=-1)
    peaks = near[at, np.arange(at.size)]
    return peaks.reshape(poses, references), shifts.reshape(poses, references, 2)
