"""Where the patient is in a CT volume."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BODY_THRESHOLD_HU = -400


def body_mask(voxels_hu: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the patient's body in every slice: the largest dense piece, holes filled.

    The table and clothes are left out where they do not touch the body: thin
    plates are opened away first. Lungs and bowel gas inside the body count as body.

    Args:
        voxels_hu: (slices, rows, columns), HU.

    Returns:
        (slices, rows, columns), bool, a new array; all false where nothing is dense.
    """
    dense = voxels_hu > BODY_THRESHOLD_HU
    cross = ndimage.generate_binary_structure(2, 1)
    mask = np.zeros(dense.shape, dtype=np.bool_)
    for index, slice_dense in enumerate(dense):
        opened = ndimage.binary_opening(slice_dense, cross, iterations=2)
        pieces, count = ndimage.label(opened)
        if count:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            largest = pieces == sizes.argmax()
            mask[index] = ndimage.binary_fill_holes(largest)
    return mask
