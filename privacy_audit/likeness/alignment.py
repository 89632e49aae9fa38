"""How two stacks of slabs are laid on each other: which slab on which, and in which order."""

import dataclasses
from collections.abc import Iterator

_LARGEST_SLAB_SHIFT = 3


@dataclasses.dataclass(frozen=True)
class Alignment:
    """One way to lay a probe's slabs on a reference's.

    Attributes:
        slab_shift: the reference's slab that lies on the probe's slab 0, after the
            probe's order was reversed where it is.
        is_reversed: whether the probe's slabs are taken in reverse order.
    """

    slab_shift: int
    is_reversed: bool

    def shared(self, probe_slabs: int, reference_slabs: int) -> tuple[slice, slice]:
        """Give the slabs of the (reversed) probe and of the reference that lie on each other."""
        first = max(0, -self.slab_shift)
        last = min(probe_slabs, reference_slabs - self.slab_shift)
        return slice(first, last), slice(first + self.slab_shift, last + self.slab_shift)


def list_alignments(probe_slabs: int, reference_slabs: int) -> Iterator[Alignment]:
    """Give every alignment to try.

    Volumes are slid along each other by up to three slabs, in both orders, and
    share at least half of the shorter one; a single slice is tried at every height.

    Args:
        probe_slabs: slabs of the probe, at least 1.
        reference_slabs: slabs of the reference, at least 1.
    """
    fewest = min(probe_slabs, reference_slabs)
    shared = max(1, fewest // 2)
    lowest, highest = shared - probe_slabs, reference_slabs - shared
    if fewest > 1:
        centred = round((reference_slabs - probe_slabs) / 2)
        lowest = max(lowest, centred - _LARGEST_SLAB_SHIFT)
        highest = min(highest, centred + _LARGEST_SLAB_SHIFT)
    for is_reversed in (False, True) if fewest > 1 else (False,):
        for slab_shift in range(lowest, highest + 1):
            yield Alignment(slab_shift, is_reversed)
