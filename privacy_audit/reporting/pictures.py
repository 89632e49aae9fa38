"""A synthetic image beside the real one it points to, and both on top of each other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import GRID, BodyGrid, fit_body_grid
from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.similarity import CELLS, POSES, Match, PoseSearch, map_edges
from privacy_audit.verdict import Flag

_ENLARGEMENT = 3
_GAP = 6


def draw_flagged(
    flagged: Sequence[Flag],
    synthetic: Sequence[AuditImage],
    real: Sequence[AuditImage],
    search: PoseSearch,
    *,
    most: int,
) -> dict[int, NDArray[np.uint8]]:
    """Draw the first flagged pairs, each once however many checks found it.

    Flags that point at no picture, such as a name found in a header, are passed over.

    Args:
        flagged: the flags, in the order of the report.
        synthetic: the synthetic images.
        real: the real images of all roles.
        search: finds the pose.
        most: how many pairs to draw.

    Returns:
        Place in `flagged` -> picture, as `draw_pair` gives it.
    """
    images = {image.name: image for image in synthetic}
    of_patient: dict[str, dict[tuple[Path, ...], AuditImage]] = {}
    for image in real:
        of_patient.setdefault(image.patient, {}).setdefault(image.paths, image)
    first: dict[tuple[str, str], int] = {}
    for index, flag in enumerate(flagged):
        if flag.synthetic in images and flag.patient in of_patient:
            first.setdefault((flag.synthetic, flag.patient), index)
    return {
        index: draw_pair(images[name], tuple(of_patient[patient].values()), search)
        for (name, patient), index in list(first.items())[:most]
    }


def draw_pair(
    synthetic: AuditImage, candidates: tuple[AuditImage, ...], search: PoseSearch
) -> NDArray[np.uint8]:
    """Draw synthetic | real | overlay of the real image that is most alike.

    In the overlay the real image is red and the synthetic one, laid on it in
    its best pose, cyan; where they agree it is grey.

    Args:
        synthetic: the synthetic image.
        candidates: the images of the real patient.
        search: finds the pose.

    Returns:
        (rows, columns, 3), uint8, a new array.
    """
    probe = _read_grid(synthetic)
    references = [_read_grid(image) for image in candidates]
    gallery = search.build_gallery([map_edges(reference) for reference in references])
    match = search.search(map_edges(probe), gallery)
    best = int(match.similarity.argmax())
    reference = references[best]
    first, second = _shared_slab(probe, reference, int(match.slab_shift[best]))
    real = _grey(reference.values[second], reference)
    slabs = probe.values[::-1] if match.is_reversed[best] else probe.values
    made = _grey(slabs[first], probe)
    posed = _lay_on(made, match, best)
    overlay = np.stack([real, posed, posed], axis=-1)
    panels = [np.stack([made] * 3, axis=-1), np.stack([real] * 3, axis=-1), overlay]
    gap = np.ones((GRID * _ENLARGEMENT, _GAP, 3))
    enlarged = [_enlarge(panel) for panel in panels]
    row = np.concatenate([enlarged[0], gap, enlarged[1], gap, enlarged[2]], axis=1)
    return np.asarray(np.rint(row * 255), dtype=np.uint8)


def _enlarge(panel: NDArray[np.float64]) -> NDArray[np.float64]:
    # Pixels of a coarse grid, shown as squares, hide what the eye would compare.
    factors = (_ENLARGEMENT, _ENLARGEMENT, 1)
    smooth = ndimage.zoom(panel, factors, order=1, mode="nearest", grid_mode=True)
    return np.asarray(np.clip(smooth, 0.0, 1.0))


def _read_grid(image: AuditImage) -> BodyGrid:
    return fit_body_grid(read_pixels(image.name, image.paths), image.name)


def _shared_slab(probe: BodyGrid, reference: BodyGrid, slab_shift: int) -> tuple[int, int]:
    """Give the slab of each image in the middle of what they share."""
    first = max(0, -slab_shift)
    last = min(probe.values.shape[0], reference.values.shape[0] - slab_shift)
    middle = (first + last - 1) // 2
    return middle, middle + slab_shift


def _grey(slab: NDArray[np.float32], grid: BodyGrid) -> NDArray[np.float64]:
    low, high = np.percentile(grid.values[grid.body], [5.0, 98.0])
    spread = max(float(high - low), 1e-6)
    return np.asarray(np.clip((slab.astype(np.float64) - low) / spread, 0.0, 1.0))


def _lay_on(slab: NDArray[np.float64], match: Match, best: int) -> NDArray[np.float64]:
    """Rotate, flip and shift a slab as the match says."""
    pose = POSES[int(match.pose[best])]
    turned = ndimage.rotate(slab, pose.angle_degrees, reshape=False, order=1)
    if pose.rows_flipped:
        turned = turned[::-1]
    if pose.columns_flipped:
        turned = turned[:, ::-1]
    moved = ndimage.shift(turned, match.shift_cells[best] * (GRID // CELLS), order=1)
    return np.asarray(np.clip(moved, 0.0, 1.0))
