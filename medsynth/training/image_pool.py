"""The original CycleGAN's pool of past translations."""

import torch
from torch import Tensor


class ImagePool:
    """Shows a discriminator past translations half of the time.

    It remembers translations of patients' scans, so it is never part of a
    private training and never leaves the checkpoint.

    Source: Shrivastava et al. 2017, arXiv 1612.07828; size 50 in Zhu et al. 2017.
    """

    def __init__(self, size: int) -> None:
        """Make an empty pool.

        Args:
            size: number of slices kept; 0 gives back what it is shown.
        """
        self._size = size
        self.slices: list[Tensor] = []

    def exchange(self, shown: Tensor, *, seed: int, step: int) -> Tensor:
        """Give a batch of which about half are past slices, and keep what they were swapped for.

        Args:
            shown: (batch, 1, rows, columns), HU.
            seed: the training's seed.
            step: number of the step.

        Returns:
            (batch, 1, rows, columns), HU.
        """
        if self._size == 0:
            return shown
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        chosen = []
        for present in shown:
            if len(self.slices) < self._size:
                self.slices.append(present.clone())
                chosen.append(present)
            elif torch.rand((), generator=generator) < 0.5:
                place = int(torch.randint(self._size, (), generator=generator))
                chosen.append(self.slices[place])
                self.slices[place] = present.clone()
            else:
                chosen.append(present)
        return torch.stack(chosen)
