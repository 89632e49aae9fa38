"""Pictures of a training in progress: what goes in, what comes out, what changed."""

import io
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from medsynth.records.atomic import write_bytes_atomically

WINDOW_LOW_HU = -160.0
WINDOW_HIGH_HU = 240.0
CHANGE_RANGE_HU = 200.0
_PREFIX = "step_"


class SamplePictures:
    """Shows the same slices again and again, so that one can flip through a training.

    Which steps are shown between the first and the last depends on the clock;
    what a picture shows depends on its step alone.
    """

    def __init__(self, folder: Path, shown_hu: Tensor, *, every_seconds: float) -> None:
        """Choose where and how often.

        Args:
            folder: takes the pictures; made if missing.
            shown_hu: (count, 1, rows, columns), HU, contrast slices.
            every_seconds: time between pictures.
        """
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._shown_hu = shown_hu
        self._every_seconds = every_seconds
        self._last = time.monotonic()

    def discard_after(self, step: int) -> None:
        """Remove the pictures of steps that will be trained again."""
        for path in self._folder.glob(f"{_PREFIX}*.png"):
            if int(path.stem.removeprefix(_PREFIX)) > step:
                path.unlink()

    def write_when_due(self, network: nn.Module, step: int) -> None:
        """Write a picture of the untrained network, and then one every few minutes.

        Args:
            network: (count, 1, rows, columns) HU to the same.
            step: number of steps it was trained.
        """
        is_start = step == 0 and not self._path(0).is_file()
        if is_start or time.monotonic() - self._last >= self._every_seconds:
            self.write(network, step)

    @torch.no_grad()
    def write(self, network: nn.Module, step: int) -> None:
        """Write the picture of one step.

        Args:
            network: (count, 1, rows, columns) HU to the same.
            step: number of steps it was trained; names the file.
        """
        device = next(network.parameters()).device
        translated = network(self._shown_hu.to(device)).float().cpu()
        write_sample_picture(
            self._path(step), self._shown_hu[:, 0].numpy(), translated[:, 0].numpy()
        )
        self._last = time.monotonic()

    def _path(self, step: int) -> Path:
        return self._folder / f"{_PREFIX}{step:06d}.png"


def write_sample_picture(
    path: Path, contrast_hu: NDArray[np.float32], translated_hu: NDArray[np.float32]
) -> None:
    """Write rows of input, translation and change as a grey PNG, in one atomic step.

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
    grey = np.rint(picture.clip(0.0, 1.0) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, format="PNG")
    write_bytes_atomically(path, stream.getvalue())


def _windowed(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    return (hu - np.float32(WINDOW_LOW_HU)) / np.float32(WINDOW_HIGH_HU - WINDOW_LOW_HU)
