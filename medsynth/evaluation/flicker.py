"""How much a translated scan jumps from slice to slice where the tissue does not.

A network that sees one slice at a time may decide differently on each; read in
another plane, the organs then show stripes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.evaluation.fidelity import TranslatedScan
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import OrganTable

HOMOGENEOUS_TISSUES = ("liver", "spleen", "muscle", "aorta")
# Nearer to its edge an organ's outline moves from slice to slice.
MARGIN_MM = 3.0
_FEWEST_PAIRS = 100


def flicker_hu(
    values_hu: NDArray[np.int16] | NDArray[np.float32], mask: NDArray[np.bool_]
) -> float | None:
    """Give the mean absolute difference of voxels that lie above each other.

    Args:
        values_hu: (slices, rows, columns), HU.
        mask: the same shape; pairs count where both voxels are marked.

    Returns:
        HU, or None where fewer than 100 pairs are marked.
    """
    pairs = mask[1:] & mask[:-1]
    if np.count_nonzero(pairs) < _FEWEST_PAIRS:
        return None
    lower = values_hu[:-1][pairs].astype(np.float64)
    upper = values_hu[1:][pairs].astype(np.float64)
    return float(np.abs(upper - lower).mean())


def measure_flicker(scan: TranslatedScan, organs: OrganTable) -> Iterator[Measurement]:
    """Compare the flicker of homogeneous tissues with that of the truth.

    Args:
        scan: with labels; with truth, or the scan before translation stands in for it,
            whose tissues are as homogeneous.
        organs: what its labels mean.

    Yields:
        `flicker_ratio`, for each tissue that is there: 1 where the translation is
        as even as the truth, more where it flickers, less where it is smeared.
    """
    if scan.labels is None:
        return
    _, row_mm, column_mm = scan.spacing_slice_row_column_mm
    reference = scan.input_hu if scan.truth_hu is None else scan.truth_hu
    for name in HOMOGENEOUS_TISSUES:
        if name not in organs.names:
            continue
        inner = _without_margin(organs.mask(scan.labels, name), (row_mm, column_mm))
        expected = flicker_hu(reference, inner)
        found = flicker_hu(scan.synthetic_hu, inner)
        if expected is not None and found is not None and expected > 0:
            yield Measurement(scan.patient, name, "flicker_ratio", found / expected)


def _without_margin(
    mask: NDArray[np.bool_], spacing_row_column_mm: tuple[float, float]
) -> NDArray[np.bool_]:
    row_mm, column_mm = spacing_row_column_mm
    rows, columns = int(np.ceil(MARGIN_MM / row_mm)), int(np.ceil(MARGIN_MM / column_mm))
    down = np.arange(-rows, rows + 1)[:, None] * row_mm
    across = np.arange(-columns, columns + 1)[None, :] * column_mm
    disc = down**2 + across**2 <= MARGIN_MM**2
    eroded: NDArray[np.bool_] = ndimage.binary_erosion(mask, disc[None])
    return eroded
