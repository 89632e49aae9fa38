"""Pictures of a training in progress: what goes in, what comes out, what changed."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.io import imsave

WINDOW_LOW_HU = -160.0
WINDOW_HIGH_HU = 240.0
CHANGE_RANGE_HU = 200.0


def write_sample_picture(
    path: Path, contrast_hu: NDArray[np.float32], translated_hu: NDArray[np.float32]
) -> None:
    """Write rows of input, translation and change as a grey PNG.

    Input and translation are shown from -160 to 240 HU; the change from -200
    (black) through 0 (grey) to 200 HU (white).

    Args:
        path: the PNG file.
        contrast_hu: (count, rows, columns), HU.
        translated_hu: likewise.
    """
    change = (translated_hu - contrast_hu) / (2 * CHANGE_RANGE_HU) + 0.5
    shown = [_windowed(contrast_hu), _windowed(translated_hu), change]
    picture = np.concatenate([np.concatenate(list(row), axis=1) for row in shown], axis=0)
    imsave(path, np.rint(picture.clip(0.0, 1.0) * 255).astype(np.uint8), check_contrast=False)


def _windowed(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    return (hu - np.float32(WINDOW_LOW_HU)) / np.float32(WINDOW_HIGH_HU - WINDOW_LOW_HU)
