"""Edge maps laid on many others in every coarse pose, as a start for bending.

Body, position and size are alike on the common grid already; what is left are
flips, a turn, and slabs that begin at another height or run the other way.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.deformable import Maps, halve, smooth_maps

_ANGLES_DEGREES = (-8.0, 0.0, 8.0)
_SMOOTHING = 0.7
_LARGEST_SLAB_SHIFT = 2
_MOST_SLABS = 6
_STEPS_OF_STRENGTH = 127


@dataclasses.dataclass(frozen=True)
class _Block:
    """Coarse smoothed maps of the images with equally many slabs.

    `maps` is (images, slabs, values) and `energy` (images, slabs).
    """

    indices: NDArray[np.int64]
    maps: NDArray[np.float32]
    energy: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class FieldGallery:
    """Real images' edge maps.

    Attributes:
        patients: each once, sorted.
        patient_index: (images,), into `patients`.
        stored: each image's map: (slabs, 2, rows, columns), int8, 127 is full strength.
        blocks: the coarse maps, for the search.
    """

    patients: tuple[str, ...]
    patient_index: NDArray[np.int64]
    stored: tuple[NDArray[np.int8], ...]
    blocks: tuple[_Block, ...]

    def field(self, index: int) -> Maps:
        """Give an image's map: (slabs, rows, columns), complex64."""
        stored = self.stored[index].astype(np.float32) / _STEPS_OF_STRENGTH
        return np.asarray(stored[:, 0] + 1j * stored[:, 1], dtype=np.complex64)


@dataclasses.dataclass(frozen=True)
class FieldPairs:
    """Maps of a probe, posed, and of references: (pairs, slabs, rows, columns), complex64."""

    fixed: Maps
    moving: Maps

    @property
    def coarse_fixed(self) -> Maps:
        """The posed probe with half the rows and columns."""
        return halve(self.fixed).astype(np.complex64)

    @property
    def coarse_moving(self) -> Maps:
        """The references with half the rows and columns."""
        return halve(self.moving).astype(np.complex64)


@dataclasses.dataclass(frozen=True)
class Placement:
    """How a probe lies best on each image of a gallery, before any bending.

    Attributes:
        gallery: the references.
        posed: (poses, slabs, rows, columns), the probe in every pose.
        similarity: (references,), float64, from -1 to 1.
        pose: (references,), into `posed`.
        slab_shift: (references,), the reference's slab that lies on the probe's slab 0.
    """

    gallery: FieldGallery
    posed: Maps
    similarity: NDArray[np.float64]
    pose: NDArray[np.int64]
    slab_shift: NDArray[np.int64]

    def pairs(self, chosen: NDArray[np.int64]) -> FieldPairs:
        """Give the maps of the probe and of chosen references, at most six slabs of each."""
        references = [self.gallery.field(int(index)) for index in chosen]
        shared = [
            _shared_slabs(self.posed.shape[1], reference.shape[0], int(self.slab_shift[index]))
            for index, reference in zip(chosen, references, strict=True)
        ]
        most = min(_MOST_SLABS, max(last - first for first, last in shared))
        fixed, moving = [], []
        for index, reference, (first, last) in zip(chosen, references, shared, strict=True):
            slabs = np.linspace(first, last - 1, most).round().astype(int)
            fixed.append(self.posed[self.pose[index], slabs])
            moving.append(reference[slabs + self.slab_shift[index]])
        return FieldPairs(np.stack(fixed), np.stack(moving))


def build_field_gallery(images: Sequence[AuditImage], fields: Sequence[Maps]) -> FieldGallery:
    """Make real images searchable.

    Args:
        images: at least one.
        fields: the edge map of each.
    """
    patients = tuple(sorted({image.patient for image in images}))
    by_slabs: dict[int, list[int]] = {}
    for index, field in enumerate(fields):
        by_slabs.setdefault(field.shape[0], []).append(index)
    return FieldGallery(
        patients=patients,
        patient_index=np.array([patients.index(image.patient) for image in images]),
        stored=tuple(_to_bytes(field) for field in fields),
        blocks=tuple(
            _make_block(indices, np.stack([fields[index] for index in indices]))
            for indices in by_slabs.values()
        ),
    )


def place_on(probe: Maps, gallery: FieldGallery) -> Placement:
    """Find the best coarse pose of a probe on each image of a gallery.

    Args:
        probe: (slabs, rows, columns), complex64.
        gallery: the references.
    """
    return _place(_in_every_pose(probe), gallery)


def place_upright(probe: Maps, gallery: FieldGallery) -> Placement:
    """Lay a probe as it is on each image of a gallery.

    A warp may make a wrong pose look best, and most images need none.

    Args:
        probe: (slabs, rows, columns), complex64.
        gallery: the references.
    """
    return _place(probe[np.newaxis], gallery)


def _place(posed: Maps, gallery: FieldGallery) -> Placement:
    flat = _flat_coarse(posed)
    energy = np.square(flat, dtype=np.float64).sum(axis=2)
    count = gallery.patient_index.size
    placement = Placement(
        gallery=gallery,
        posed=posed,
        similarity=np.full(count, -np.inf),
        pose=np.zeros(count, dtype=np.int64),
        slab_shift=np.zeros(count, dtype=np.int64),
    )
    for block in gallery.blocks:
        for slab_shift in _slab_shifts(posed.shape[1], block.maps.shape[1]):
            _improve(placement, block, flat, energy, slab_shift)
    return placement


def _improve(
    placement: Placement,
    block: _Block,
    flat: NDArray[np.float32],
    energy: NDArray[np.float64],
    slab_shift: int,
) -> None:
    """Write into `placement` where this slab shift gives a higher similarity."""
    first, last = _shared_slabs(flat.shape[1], block.maps.shape[1], slab_shift)
    own = flat[:, first:last].reshape(flat.shape[0], -1)
    there = slice(first + slab_shift, last + slab_shift)
    other = block.maps[:, there].reshape(block.maps.shape[0], -1)
    scale = np.outer(energy[:, first:last].sum(axis=1), block.energy[:, there].sum(axis=1))
    similarity = (own @ other.T) / np.sqrt(scale + 1e-12)
    pose = similarity.argmax(axis=0)
    best = similarity.max(axis=0)
    better = best > placement.similarity[block.indices]
    rows = block.indices[better]
    placement.similarity[rows] = best[better]
    placement.pose[rows] = pose[better]
    placement.slab_shift[rows] = slab_shift


def _in_every_pose(probe: Maps) -> Maps:
    """Give a probe turned, flipped and upside down: (poses, slabs, rows, columns)."""
    posed = []
    for angle in _ANGLES_DEGREES:
        turned = _turn(probe, angle) if angle else probe
        for row_step in (1, -1):
            for column_step in (1, -1):
                flipped = turned[:, ::row_step, ::column_step]
                # One mirror negates the angle of a direction, two do not.
                upright = flipped if row_step == column_step else flipped.conj()
                posed.append(upright)
                if probe.shape[0] > 1:
                    posed.append(upright[::-1])
    return np.stack(posed)


def _turn(probe: Maps, angle_degrees: float) -> Maps:
    """Turn the places from the row axis to the column axis, and the doubled directions along."""
    parts = [
        ndimage.rotate(part, angle_degrees, (2, 1), reshape=False, order=1)
        for part in (probe.real, probe.imag)
    ]
    turned = (parts[0] + 1j * parts[1]) * np.exp(2j * np.deg2rad(angle_degrees))
    return np.asarray(turned, dtype=np.complex64)


def _make_block(indices: list[int], fields: Maps) -> _Block:
    maps = _flat_coarse(fields)
    return _Block(np.array(indices), maps, np.square(maps, dtype=np.float64).sum(axis=2))


def _flat_coarse(fields: Maps) -> NDArray[np.float32]:
    """Give coarse smoothed maps: (images, slabs, twice the points), float32."""
    coarse = smooth_maps(halve(fields).astype(np.complex64), _SMOOTHING)
    both = np.stack([coarse.real, coarse.imag], axis=2)
    return both.reshape(*fields.shape[:2], -1).astype(np.float32)


def _to_bytes(field: Maps) -> NDArray[np.int8]:
    both = np.stack([field.real, field.imag], axis=1)
    return np.rint(np.clip(both, -1, 1) * _STEPS_OF_STRENGTH).astype(np.int8)


def _slab_shifts(probe_slabs: int, reference_slabs: int) -> range:
    """Give every slab shift to try; volumes share at least half of the shorter one."""
    shared = max(1, min(probe_slabs, reference_slabs) // 2)
    lowest, highest = shared - probe_slabs, reference_slabs - shared
    if min(probe_slabs, reference_slabs) > 1:
        centred = round((reference_slabs - probe_slabs) / 2)
        lowest = max(lowest, centred - _LARGEST_SLAB_SHIFT)
        highest = min(highest, centred + _LARGEST_SLAB_SHIFT)
    return range(lowest, highest + 1)


def _shared_slabs(probe_slabs: int, reference_slabs: int, slab_shift: int) -> tuple[int, int]:
    """Give the first and one past the last of the probe's slabs that lie on the reference's."""
    return max(0, -slab_shift), min(probe_slabs, reference_slabs - slab_shift)
