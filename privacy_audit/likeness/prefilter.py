"""Which references are worth the exact search: a rough likeness that any pose may have.

The edge maps are averaged into few cells and described by their shares of the
references' main patterns (principal components). So described, a probe in all
its rotations, flips and small shifts is held against all references by one
product of matrices.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privacy_audit.likeness.alignment import list_alignments

COARSE_CELLS = 16
CANDIDATES = 32
"""References that the exact search looks at, where they or the probe are single slices."""
CANDIDATE_VOLUMES = 12
"""The same where both are volumes, which carry more to tell them apart."""
_PATTERNS = 96
_MOST_SLABS_FOR_PATTERNS = 4096
_SHIFTS = (-1, 0, 1)
# More images of one patient would crowd out the second nearest patient.
_MOST_OF_ONE_OWNER = 3


@dataclasses.dataclass(frozen=True)
class _CoarseBlock:
    """References with equally many slabs.

    `codes` is (slabs, patterns, references), `energy` (slabs, references).
    """

    indices: NDArray[np.int64]
    codes: NDArray[np.float32]
    energy: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class CoarseGallery:
    """References, roughly described.

    Attributes:
        patterns: (2 * cells * cells, shifts * patterns), float32: what describes a probe,
            for each shift.
        blocks: the references by their number of slabs.
        size: number of references.
    """

    patterns: NDArray[np.float32]
    blocks: tuple[_CoarseBlock, ...]
    size: int


def build_coarse_gallery(references: Sequence[NDArray[np.float32]]) -> CoarseGallery:
    """Describe references roughly.

    Args:
        references: (slabs, 2, cells, cells) each, upright; cells are a multiple of
            `COARSE_CELLS`.
    """
    coarse = [_average(reference) for reference in references]
    patterns = _main_patterns(np.concatenate(coarse))
    by_slabs: dict[int, list[int]] = {}
    for index, reference in enumerate(coarse):
        by_slabs.setdefault(len(reference), []).append(index)
    blocks = []
    for indices in by_slabs.values():
        stack = np.stack([coarse[index] for index in indices], axis=1)
        codes = np.ascontiguousarray((stack @ patterns).transpose(0, 2, 1))
        energy = np.square(stack, dtype=np.float64).sum(axis=2)
        blocks.append(_CoarseBlock(np.array(indices), codes, energy))
    cells = references[0].shape[-1]
    return CoarseGallery(_shifted_patterns(patterns, cells), tuple(blocks), len(coarse))


def rough_likeness(posed: NDArray[np.float32], gallery: CoarseGallery) -> NDArray[np.float32]:
    """Give a probe's rough likeness to each reference, the best over poses, shifts and slabs.

    Args:
        posed: (poses, slabs, 2, cells, cells), the probe in all poses.
        gallery: the references.

    Returns:
        (references,), float32, about -1 to 1.
    """
    poses, slabs = posed.shape[:2]
    codes = posed.reshape(poses * slabs, -1) @ gallery.patterns
    codes = codes.reshape(poses, slabs, len(_SHIFTS) ** 2, -1).transpose(1, 3, 0, 2)
    codes = codes.reshape(slabs, -1, poses * len(_SHIFTS) ** 2)
    # A pose changes the energy little: what it cuts off lies outside the body.
    energy = np.square(_average(posed[0]), dtype=np.float64).sum(axis=1)
    likeness = np.full(gallery.size, -np.inf, dtype=np.float32)
    for block in gallery.blocks:
        for alignment in list_alignments(slabs, len(block.codes)):
            first, second = alignment.shared(slabs, len(block.codes))
            order = slice(None, None, -1 if alignment.is_reversed else 1)
            own, own_energy = codes[order][first], energy[order][first]
            product = _product(own, block.codes[second])
            scale = np.sqrt(own_energy.sum() * block.energy[second].sum(axis=0))
            best = np.where(scale > 0, product / np.where(scale > 0, scale, 1.0), 0.0)
            likeness[block.indices] = np.maximum(likeness[block.indices], best)
    return likeness


def pick_candidates(
    likeness: NDArray[np.float32], owners: NDArray[np.int64], wanted: int
) -> NDArray[np.int64]:
    """Give the references that are most alike, few of each owner.

    Args:
        likeness: (references,).
        owners: (references,), which references belong together.
        wanted: how many to pick at most.

    Returns:
        Indices of references, sorted.
    """
    picked: list[int] = []
    taken: dict[int, int] = {}
    for index in np.argsort(-likeness, kind="stable"):
        owner = int(owners[index])
        if taken.get(owner, 0) < _MOST_OF_ONE_OWNER:
            taken[owner] = taken.get(owner, 0) + 1
            picked.append(int(index))
        if len(picked) == wanted:
            break
    return np.array(sorted(picked), dtype=np.int64)


def _average(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average (slabs, 2, cells, cells) into coarse cells and flatten each slab."""
    slabs, parts, size, _ = cells.shape
    step = size // COARSE_CELLS
    split = cells.reshape(slabs, parts, COARSE_CELLS, step, COARSE_CELLS, step)
    return np.asarray(split.mean(axis=(3, 5)).reshape(slabs, -1), dtype=np.float32)


def _main_patterns(slabs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the directions in which slabs of length 1 vary most, about zero: columns."""
    step = -(-len(slabs) // _MOST_SLABS_FOR_PATTERNS)
    few = slabs[::step].astype(np.float64)
    length = np.linalg.norm(few, axis=1, keepdims=True)
    few /= np.where(length > 0, length, 1.0)
    _, vectors = np.linalg.eigh(few.T @ few)
    return np.asarray(vectors[:, ::-1][:, :_PATTERNS], dtype=np.float32)


def _shifted_patterns(patterns: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Give patterns on fine cells, shifted the other way, side by side for all shifts."""
    step = cells // COARSE_CELLS
    fine = patterns.reshape(2, COARSE_CELLS, COARSE_CELLS, -1) / step**2
    fine = fine.repeat(step, axis=1).repeat(step, axis=2)
    shifted = [
        np.roll(fine, (row, column), axis=(1, 2)).reshape(2 * cells**2, -1)
        for row in _SHIFTS
        for column in _SHIFTS
    ]
    return np.ascontiguousarray(np.concatenate(shifted, axis=1), dtype=np.float32)


def _product(own: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum (slabs, patterns, poses) times (slabs, patterns, references) and take the best pose."""
    product = own.reshape(-1, own.shape[2]).T @ other.reshape(-1, other.shape[2])
    return np.asarray(product.max(axis=0), dtype=np.float32)
