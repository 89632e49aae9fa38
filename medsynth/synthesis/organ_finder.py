"""Where the organs are by which a translation is judged, on a coarse grid of slabs.

A scan is looked at in slabs of about 5 mm on a 3 mm grid: noise, kernel and
slice thickness then matter little, and a scan of any length fits in memory.
The network was trained on made-up patients alone; its weights are shipped beside
this file, in `organ_weights.safetensors`. This command rebuilds them:

    python -m pipelines.train_organ_finder medsynth/synthesis/organ_weights.safetensors
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.cohort.phase_pixels import coarse_slices
from medsynth.evaluation.organs import OrganTable
from medsynth.imaging.geometry import labels_to_training_grid
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.networks.organ_segmenter import GRID_MM, ORGANS, OrganSegmenter
from medsynth.synthesis.intensity_gate import OrganSample

_SLAB_MM = 5.0
_MATRIX = 160
_SLABS_AT_ONCE = 16
# By class; vessels are drawn too wide by a network that was taught not to miss them.
_LEAST_PROBABILITY = (0.0, 0.6, 0.6, 0.6, 0.8, 0.8)
# How many pieces an organ may be found in, and how large all but the first must be beside it.
# In a chest the ascending and the descending aorta are two.
_PIECES = {"kidney": 2, "aorta": 2}
_LEAST_SECOND_PIECE = 0.25
_SIDES = ("left", "right")
_OTHER_NAMES = {
    "inferior vena cava": "vena_cava",
    "vena cava": "vena_cava",
    "vena cava inferior": "vena_cava",
    "ivc": "vena_cava",
    "postcava": "vena_cava",
    "kidneys": "kidney",
    "abdominal aorta": "aorta",
}


def locate_organs(
    volume: Volume,
    network: OrganSegmenter,
    *,
    labels: NDArray[np.uint8] | None = None,
    table: OrganTable | None = None,
) -> NDArray[np.uint8]:
    """Take each organ from the scan's labels where they name it, else from the network.

    Args:
        volume: axial, HU, any matrix and spacing.
        network: from `read_organ_segmenter`, on the processor.
        labels: (slices, rows, columns), uint8, on the volume's grid, or None.
        table: what the label values mean; None without labels.

    Returns:
        (slabs, 160, 160), uint8, 0 none, 1 the first of `ORGANS`.
    """
    if labels is None or table is None:
        return find_organs(volume, network)
    placed = place_labels(labels, volume, table)
    named = {known_organ(name) for name in table.names}
    missing = [number for number, name in enumerate(ORGANS, start=1) if name not in named]
    if not missing:
        return placed
    found = find_organs(volume, network)
    return np.where((placed == 0) & np.isin(found, missing), found, placed)


def find_organs(volume: Volume, network: OrganSegmenter) -> NDArray[np.uint8]:
    """Find the organs of a scan, with or without contrast agent.

    Of each organ only the largest piece is kept, of the kidneys and the aorta the
    largest two; a place of which the network is not sure is no organ.

    Args:
        volume: axial, HU, any matrix and spacing.
        network: from `read_organ_segmenter`, on the processor.

    Returns:
        (slabs, 160, 160), uint8, 0 none, 1 the first of `ORGANS`.
    """
    slabs = slab_ranges(volume)
    least = torch.tensor(_LEAST_PROBABILITY)
    found = np.zeros((len(slabs), _MATRIX, _MATRIX), dtype=np.uint8)
    with torch.inference_mode():
        for first in range(0, len(slabs), _SLABS_AT_ONCE):
            shown = coarse_slabs(volume, slabs[first : first + _SLABS_AT_ONCE])
            chances = torch.softmax(network(torch.from_numpy(shown)[:, None]), dim=1)
            chance, organ = chances.max(dim=1)
            sure = torch.where(chance >= least[organ], organ, 0)
            found[first : first + len(shown)] = sure.to(torch.uint8).numpy()
    for number, name in enumerate(ORGANS, start=1):
        is_organ = found == number
        found[is_organ & ~_largest_pieces(is_organ, _PIECES.get(name, 1))] = 0
    return found


def place_labels(labels: NDArray[np.uint8], volume: Volume, table: OrganTable) -> NDArray[np.uint8]:
    """Put a scan's own organ labels on the grid of `find_organs`.

    Args:
        labels: (slices, rows, columns), uint8, on the volume's grid.
        volume: the scan.
        table: what the label values mean.

    Returns:
        (slabs, 160, 160), uint8, 0 none, 1 the first of `ORGANS`.
    """
    lookup = np.zeros(256, dtype=np.uint8)
    for name, values in zip(table.names, table.values, strict=True):
        organ = known_organ(name)
        if organ is not None:
            lookup[list(values)] = ORGANS.index(organ) + 1
    _, row_mm, column_mm = volume.spacing_slice_row_column_mm
    middles = [(slab.start + slab.stop) // 2 for slab in slab_ranges(volume)]
    return labels_to_training_grid(
        lookup[labels[middles]], (row_mm, column_mm), matrix=_MATRIX, spacing_mm=GRID_MM
    )


def known_organ(name: str) -> str | None:
    """Give the organ of `ORGANS` that a label's name means, or None.

    Args:
        name: such as "liver", "kidney_left" or "inferior_vena_cava".

    Example:
        >>> known_organ("Kidney_Left")
        'kidney'
    """
    words = [word for word in name.lower().replace("_", " ").split() if word not in _SIDES]
    plain = " ".join(words)
    plain = _OTHER_NAMES.get(plain, plain)
    return plain if plain in ORGANS else None


def measure_organs(volume: Volume, organs: NDArray[np.uint8]) -> tuple[OrganSample, ...]:
    """Measure the organs of a scan, without the 3 mm of their rim.

    Args:
        volume: axial, HU; may be the translation of the scan in which they were found.
        organs: (slabs, 160, 160), from `find_organs` or `place_labels` on the same grid.

    Returns:
        One sample for each organ of which anything is left within its rim, in the
        order of `ORGANS`.
    """
    slabs = slab_ranges(volume)
    values: list[list[NDArray[np.float32]]] = [[] for _ in ORGANS]
    for first in range(0, len(slabs), _SLABS_AT_ONCE):
        shown = coarse_slabs(volume, slabs[first : first + _SLABS_AT_ONCE])
        within = _without_rim(organs[first : first + len(shown)])
        for number in range(len(ORGANS)):
            values[number].append(shown[within == number + 1])
    cell_cm3 = _slab_mm(volume) * GRID_MM**2 / 1000
    samples = []
    for name, parts in zip(ORGANS, values, strict=True):
        inside = np.concatenate(parts)
        if inside.size:
            samples.append(OrganSample(name, float(np.median(inside)), inside.size * cell_cm3))
    return tuple(samples)


def slab_ranges(volume: Volume) -> list[slice]:
    """Give the slices of each slab, from the first slice on; the last slab may be thinner."""
    slices = len(volume.voxels_hu)
    thickness = max(1, round(_SLAB_MM / volume.spacing_slice_row_column_mm[0]))
    return [slice(low, min(low + thickness, slices)) for low in range(0, slices, thickness)]


def coarse_slabs(volume: Volume, slabs: Sequence[slice]) -> NDArray[np.float32]:
    """Average slabs and put them on the network's grid, the table removed.

    Args:
        volume: axial, HU.
        slabs: some of `slab_ranges`, at least one.

    Returns:
        (slabs, 160, 160), float32, HU at 3 mm.
    """
    _, row_mm, column_mm = volume.spacing_slice_row_column_mm
    means = np.stack([volume.voxels_hu[slab].mean(axis=0, dtype=np.float32) for slab in slabs])
    # They are slabs already, so that none is averaged again.
    return coarse_slices(Volume(means, axial_affine((_SLAB_MM, row_mm, column_mm))))


def _slab_mm(volume: Volume) -> float:
    slice_mm = volume.spacing_slice_row_column_mm[0]
    return slice_mm * len(volume.voxels_hu) / len(slab_ranges(volume))


def _without_rim(organs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Leave out what borders on anything else within its slab."""
    inner = organs.copy()
    for axis in (1, 2):
        for step in (-1, 1):
            inner[np.roll(organs, step, axis=axis) != organs] = 0
    return inner


def _largest_pieces(is_organ: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    pieces, found = ndimage.label(is_organ)
    if found == 0:
        return is_organ
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest = np.argsort(sizes)[::-1][:count]
    kept = [piece for piece in largest if sizes[piece] >= _LEAST_SECOND_PIECE * sizes.max()]
    return np.isin(pieces, kept)
