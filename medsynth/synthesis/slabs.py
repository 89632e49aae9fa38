"""Slabs: slices averaged along the body to the thickness that networks know, and the way back.

Thin slices are noisier than those a network was trained on, and there are many of
them. Averaged in groups they look like the training's, and cost one pass a group.
Positions are in mm from the middle, so neither the direction nor the place in which
a volume is cut up matters.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.networks.guided_filter import GUIDE_RANGE_HU

SLAB_MM = 5.0
# With these two, neighbouring slices of made-up patients differ as much as the truth's do,
# and every organ's error is lower than without neighbours.
SPREAD_MM = 8.0
SPREAD_HU = 30.0
_REACH_MM = 2 * SPREAD_MM
_ROUNDING_MM = 1e-6
# Where no slab around resembles the slice, nearness alone decides.
_LEAST_LIKENESS = 1e-3


@dataclasses.dataclass(frozen=True)
class TranslatedSlabs:
    """Some slabs in a row, on the network's grid, (slabs, rows, columns) each.

    Attributes:
        first: number of the first of them.
        guide_hu: what tissue each shows, from `tissue_guide`.
        change_hu: what the network adds to each.
    """

    first: int
    guide_hu: NDArray[np.float32]
    change_hu: NDArray[np.float32]

    def followed_by(
        self, guide_hu: NDArray[np.float32], change_hu: NDArray[np.float32]
    ) -> "TranslatedSlabs":
        """Give these slabs and the next ones."""
        return TranslatedSlabs(
            self.first,
            np.concatenate([self.guide_hu, guide_hu]),
            np.concatenate([self.change_hu, change_hu]),
        )

    def starting_at(self, number: int) -> "TranslatedSlabs":
        """Give these slabs without those before a number."""
        gone = number - self.first
        return TranslatedSlabs(number, self.guide_hu[gone:], self.change_hu[gone:])


@dataclasses.dataclass(frozen=True)
class SlabPlan:
    """How slices and slabs belong together; both grids have the same middle.

    Attributes:
        slices: number of slices.
        slice_mm: distance of slices, mm.
        slices_in_slab: distance of slabs, in slices.
    """

    slices: int
    slice_mm: float
    slices_in_slab: int

    @property
    def slabs(self) -> int:
        """Number of slabs."""
        return -(-self.slices // self.slices_in_slab)

    @property
    def slab_mm(self) -> float:
        """Distance of slabs, mm."""
        return self.slices_in_slab * self.slice_mm

    def averaged(
        self, voxels_hu: NDArray[np.int16] | NDArray[np.float32], first: int, last: int
    ) -> NDArray[np.float32]:
        """Average slices into slabs; a slice that two slabs share counts in each by its part.

        Args:
            voxels_hu: (slices, rows, columns), all slices, HU.
            first: first slab wanted.
            last: the one after the last slab wanted.

        Returns:
            (last - first, rows, columns), float32, HU, a new array.
        """
        made = np.zeros((last - first, *voxels_hu.shape[1:]), dtype=np.float32)
        slices_mm = _positions(self.slices, self.slice_mm)
        for index, middle_mm in enumerate(_positions(self.slabs, self.slab_mm)[first:last]):
            to_edge = (self.slab_mm + self.slice_mm) / 2 - np.abs(slices_mm - middle_mm)
            weight = np.clip(np.round(to_edge / self.slice_mm, 6), 0.0, 1.0)
            weight = (weight / weight.sum()).astype(np.float32)
            for number in np.flatnonzero(weight):
                made[index] += weight[number] * voxels_hu[number]
        return made

    def spread(
        self, slabs: TranslatedSlabs, first: int, guide_hu: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Give the change of slices: a mean of the slabs around each, the like counting most.

        Each pixel of a slab counts by its nearness and by how much its tissue
        resembles the slice's. What a network decides by the noise of one slice
        is so averaged out, and an organ's change does not reach past its end.

        Args:
            slabs: at least those within reach of the slices wanted.
            first: first slice wanted.
            guide_hu: (slices, rows, columns), `tissue_guide` of the slices wanted.

        Returns:
            (slices, rows, columns), float32, HU, a new array.

        Source: the bilateral filter of Tomasi and Manduchi 1998, doi 10.1109/ICCV.1998.710815,
        along one axis, guided as by Petschnigg et al. 2004, doi 10.1145/1015706.1015777.
        """
        made = np.empty_like(guide_hu)
        slices_mm = _positions(self.slices, self.slice_mm)[first : first + len(guide_hu)]
        last_slab = slabs.first + len(slabs.change_hu)
        slabs_mm = _positions(self.slabs, self.slab_mm)[slabs.first : last_slab]
        for index, (slice_mm, guide) in enumerate(zip(slices_mm, guide_hu, strict=True)):
            distance = np.abs(slabs_mm - slice_mm)
            near = np.flatnonzero(distance < _REACH_MM - _ROUNDING_MM)
            nearness = np.exp(-0.5 * (distance[near] / SPREAD_MM) ** 2).astype(np.float32)
            unlike = (slabs.guide_hu[near] - guide) / np.float32(SPREAD_HU)
            weight = np.exp(np.float32(-0.5) * unlike * unlike) + np.float32(_LEAST_LIKENESS)
            weight *= nearness[:, None, None]
            made[index] = (weight * slabs.change_hu[near]).sum(axis=0) / weight.sum(axis=0)
        return made

    def between(self, first: int, last: int) -> tuple[int, NDArray[np.float32]]:
        """Give the weights of linear interpolation from slabs to slices.

        Args:
            first: first slice wanted.
            last: the one after the last slice wanted.

        Returns:
            The first slab that has a weight, and (slices, slabs) weights of it and the
            next ones; each slice's sum to 1.
        """
        slices_mm = _positions(self.slices, self.slice_mm)[first:last, None]
        distance = np.abs(slices_mm - _positions(self.slabs, self.slab_mm)[None])
        weight = np.clip(1.0 - distance / self.slab_mm, 0.0, None)
        weight /= weight.sum(axis=1, keepdims=True)
        used = np.flatnonzero(weight.any(axis=0))
        return int(used[0]), weight[:, used[0] : used[-1] + 1].astype(np.float32)

    def slices_reached(self, slabs: int) -> int:
        """Give how many slices, from the first, need none but the first `slabs` slabs."""
        if slabs >= self.slabs:
            return self.slices
        ends_mm = _positions(self.slabs, self.slab_mm)[slabs] - _REACH_MM
        return int(np.searchsorted(_positions(self.slices, self.slice_mm), ends_mm))

    def first_slab_needed(self, slice_number: int) -> int:
        """Give the first slab that this slice, or any after it, needs."""
        if slice_number >= self.slices:
            return self.slabs
        starts_mm = _positions(self.slices, self.slice_mm)[slice_number] - _REACH_MM
        return int(np.searchsorted(_positions(self.slabs, self.slab_mm), starts_mm))


def plan_slabs(slices: int, slice_mm: float) -> SlabPlan:
    """Plan slabs of about 5 mm; slices as thick as that, or thicker, are slabs of their own.

    Args:
        slices: number of slices, above zero.
        slice_mm: distance of slices, mm, above zero.
    """
    return SlabPlan(slices, slice_mm, max(1, round(SLAB_MM / slice_mm)))


def tissue_guide(shown_hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give what tissue each pixel shows: HU with less noise, on the network's grid.

    Args:
        shown_hu: (slices, rows, columns), float32, HU.

    Returns:
        The same shape, float32, HU from -200 to 500, a new array.
    """
    guide: NDArray[np.float32] = ndimage.uniform_filter(
        np.clip(shown_hu, *GUIDE_RANGE_HU), (1, 3, 3), mode="nearest"
    )
    return guide


def _positions(count: int, distance_mm: float) -> NDArray[np.float64]:
    return np.linspace(-0.5, 0.5, count) * ((count - 1) * distance_mm)
