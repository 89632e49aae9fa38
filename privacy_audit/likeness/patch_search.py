"""The references that share a patch with a probe, found without comparing every pixel.

Every patch of every reference, and patches of the probe in all coarse poses,
are described by a few whitened principal components of their edges: whitening
takes away what all bodies share. The best pair of patches nominates a
reference and says how the probe lies on it; only the nominated are then
compared in full.

Source: Hariharan, Malik and Ramanan 2012, "Discriminative decorrelation for
clustering and classification", for whitened edges as a matching score.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privacy_audit.likeness.patch_overlap import (
    NO_EDGE,
    PATCH,
    Overlap,
    measure_overlap,
    sharpen_overlap,
)
from privacy_audit.likeness.patch_poses import (
    CELLS,
    COARSE_POSES,
    UPRIGHT,
    PatchPose,
    average_over_cells,
    pose_cells,
    pose_cells_each,
)

NOMINATED = 8
"""Owners that are compared in full with each probe."""
_SHARPENED = 3
_COMPONENTS = 64
_PROBE_STRIDE = 4
# Of a patch's cells: a patch that lies half outside the body says little.
_SMALLEST_FILLED_SHARE = 0.6
_MOST_PATCHES_FOR_BASIS = 20_000
_VIEWS_AT_ONCE = 32
# Of the mean variance: with few references, directions never seen must not be blown up.
_SMALLEST_VARIANCE = 0.05


@dataclasses.dataclass(frozen=True)
class _Patches:
    """Patches of one view.

    `places` is (patches, 2), the first cell; `vectors` is (patches, values).
    """

    places: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class PatchGallery:
    """References, ready to be searched for patches.

    Attributes:
        cells: (views, 2, CELLS, CELLS), float32.
        owners: (views,), int64: whose view each is, from 0 without gaps.
        basis: (2 * PATCH**2, components), float32, whitening.
        places: (patches, 2), int64: first cell of each patch, view after view.
        vectors: (patches, components), float32, of length 1.
        first: (views + 1,), int64: a view's patches are `first[view]` to `first[view + 1]`.
    """

    cells: NDArray[np.float32]
    owners: NDArray[np.int64]
    basis: NDArray[np.float32]
    places: NDArray[np.int64]
    vectors: NDArray[np.float32]
    first: NDArray[np.int64]


def build_patch_gallery(
    views: Sequence[NDArray[np.float32]], owners: NDArray[np.int64]
) -> PatchGallery:
    """Prepare references for searching.

    Args:
        views: (2, GRID, GRID) each, slabs of `EdgeMap`s; at least one.
        owners: (views,): whose view each is, from 0 without gaps.
    """
    cells = np.stack([pose_cells(average_over_cells(view), UPRIGHT) for view in views])
    basis = _whitening_basis(cells)
    parts = []
    for view in cells:
        patches = _cut_patches(view, 1)
        parts.append(_Patches(patches.places, _project(patches.vectors, basis)))
    return PatchGallery(
        cells=cells,
        owners=owners,
        basis=basis,
        places=np.concatenate([part.places for part in parts]),
        vectors=np.concatenate([part.vectors for part in parts]),
        first=np.cumsum([0, *(len(part.places) for part in parts)], dtype=np.int64),
    )


def search_patches(view: NDArray[np.float32], gallery: PatchGallery) -> dict[int, Overlap]:
    """Find the owners that share a part with one view.

    Args:
        view: (2, GRID, GRID), one slab of an `EdgeMap`.
        gallery: the references.

    Returns:
        Owner -> the common part, for the `NOMINATED` owners with the most alike patches.
    """
    averaged = average_over_cells(view)
    poses, patches = _probe_patches(averaged, gallery.basis)
    if not len(poses):
        return {}
    likeness = _best_patch_of_views(patches.vectors, gallery)
    nominated = _nominate(likeness, gallery.owners)
    overlaps = {}
    for owner, candidate in nominated.items():
        pose, shift = _lay_down(poses, patches, gallery, candidate)
        overlaps[owner] = measure_overlap(averaged, gallery.cells[candidate], pose, shift)
    for owner in sorted(overlaps, key=lambda each: -overlaps[each].evidence)[:_SHARPENED]:
        reference = gallery.cells[nominated[owner]]
        overlaps[owner] = sharpen_overlap(averaged, reference, overlaps[owner])
    return overlaps


def _nominate(likeness: NDArray[np.float32], owners: NDArray[np.int64]) -> dict[int, int]:
    """Give the owners with the highest likeness, each with its best view."""
    nominated: dict[int, int] = {}
    for view in np.argsort(-likeness, kind="stable"):
        if len(nominated) == NOMINATED or not np.isfinite(likeness[view]):
            break
        nominated.setdefault(int(owners[view]), int(view))
    return nominated


def _cut_patches(cells: NDArray[np.float32], stride: int) -> _Patches:
    """Cut all patches that are filled well enough, as unit vectors."""
    windows = np.lib.stride_tricks.sliding_window_view(cells, (PATCH, PATCH), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    _, rows, columns = windows.shape[:3]
    vectors = windows.transpose(1, 2, 0, 3, 4).reshape(rows * columns, -1)
    energy = (vectors.reshape(rows * columns, 2, -1) ** 2).sum(axis=1)
    filled = (energy > NO_EDGE).mean(axis=1) >= _SMALLEST_FILLED_SHARE
    places = np.indices((rows, columns)).reshape(2, -1).T * stride
    return _Patches(places[filled], _to_unit_length(vectors[filled]))


def _whitening_basis(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the main directions of the references' patches, each divided by its spread."""
    step = max(1, round(len(cells) * (CELLS - PATCH) ** 2 / 2 / _MOST_PATCHES_FOR_BASIS))
    patches = np.concatenate([_cut_patches(view, 1).vectors[::step] for view in cells])
    second_moment = patches.astype(np.float64).T @ patches / max(1, len(patches))
    variance, directions = np.linalg.eigh(second_moment)
    floor = _SMALLEST_VARIANCE * float(variance.mean()) + 1e-12
    kept = slice(None, -_COMPONENTS - 1, -1)
    scale = np.sqrt(np.maximum(variance[kept], floor))
    return np.asarray(directions[:, kept] / scale, dtype=np.float32)


def _project(vectors: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    return _to_unit_length(vectors @ basis)


def _to_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, NO_EDGE), dtype=np.float32)


def _probe_patches(
    averaged: NDArray[np.float32], basis: NDArray[np.float32]
) -> tuple[list[PatchPose], _Patches]:
    """Cut the probe's patches in all coarse poses, each with its pose."""
    poses: list[PatchPose] = []
    parts = []
    every = pose_cells_each(averaged, COARSE_POSES, [(0.0, 0.0)] * len(COARSE_POSES))
    for pose, cells in zip(COARSE_POSES, every, strict=True):
        part = _cut_patches(cells, _PROBE_STRIDE)
        poses += [pose] * len(part.places)
        parts.append(part)
    vectors = np.concatenate([part.vectors for part in parts])
    places = np.concatenate([part.places for part in parts])
    return poses, _Patches(places, _project(vectors, basis))


def _best_patch_of_views(
    vectors: NDArray[np.float32], gallery: PatchGallery
) -> NDArray[np.float32]:
    """Give each view's highest likeness of any of its patches to any of the probe's."""
    views = len(gallery.cells)
    likeness = np.full(views, -np.inf, dtype=np.float32)
    for start in range(0, views, _VIEWS_AT_ONCE):
        end = min(views, start + _VIEWS_AT_ONCE)
        low, high = gallery.first[start], gallery.first[end]
        best = (vectors @ gallery.vectors[low:high].T).max(axis=0)
        for view in range(start, end):
            part = best[gallery.first[view] - low : gallery.first[view + 1] - low]
            likeness[view] = part.max(initial=-np.inf)
    return likeness


def _lay_down(
    poses: list[PatchPose], patches: _Patches, gallery: PatchGallery, view: int
) -> tuple[PatchPose, tuple[int, int]]:
    """Give the pose and the shift at which the most alike patches lie on each other."""
    low, high = gallery.first[view], gallery.first[view + 1]
    likeness = patches.vectors @ gallery.vectors[low:high].T
    own, other = np.unravel_index(int(likeness.argmax()), likeness.shape)
    down, right = gallery.places[low + other] - patches.places[own]
    return poses[int(own)], (int(down), int(right))
