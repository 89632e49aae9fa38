"""The network that finds the organs by which a translated scan is judged."""

import itertools

import torch
from torch import Tensor, nn

# Soft tissue finely, all that may hold contrast agent, that against bone, and lung.
WINDOWS_HU = ((-20.0, 120.0), (-150.0, 350.0), (50.0, 650.0), (-1000.0, 1000.0))
# Spacing of the slices that it is trained on and asked about.
GRID_MM = 3.0
ORGANS = ("liver", "spleen", "kidney", "aorta", "vena_cava")
CLASSES = 1 + len(ORGANS)
REDUCTION = 16
_FOLD = 2


class OrganSegmenter(nn.Module):
    """A small U-Net on a folded grid, from a slice to class scores at full resolution.

    Folding by two makes the first level cheap without hiding a pixel from it. Batch
    norm, not instance norm: the absolute HU tells fat from blood. It is trained on
    made-up patients alone, so its running statistics carry nothing of anybody.
    """

    def __init__(self, *, channels: int = 16) -> None:
        """Build the network with random weights.

        Args:
            channels: width of the first level; the lower three are 2, 4 and 6 times as wide.
        """
        super().__init__()
        folded = len(WINDOWS_HU) * _FOLD**2
        widths = (channels, 2 * channels, 4 * channels, 6 * channels)
        self.enter = nn.Sequential(_convolution(folded, channels), _convolution(channels, channels))
        self.downs = nn.ModuleList(
            nn.Sequential(_convolution(above, below, stride=2), _convolution(below, below))
            for above, below in itertools.pairwise(widths)
        )
        self.deepest = nn.Sequential(
            _convolution(widths[-1], widths[-1]), _convolution(widths[-1], widths[-1])
        )
        self.narrows = nn.ModuleList(
            nn.Conv2d(below, above, kernel_size=1) for above, below in itertools.pairwise(widths)
        )
        self.joins = nn.ModuleList(_convolution(width, width) for width in widths[:-1])
        self.leave = nn.Sequential(
            _convolution(channels + folded, channels),
            nn.Conv2d(channels, CLASSES * _FOLD**2, kernel_size=1),
        )

    def forward(self, slices_hu: Tensor) -> Tensor:
        """Score the classes of every pixel.

        Args:
            slices_hu: (batch, 1, rows, columns), float, HU at `GRID_MM`; rows and
                columns are multiples of `REDUCTION`.

        Returns:
            (batch, CLASSES, rows, columns), logits; class 0 is none of the organs,
            class 1 the first of `ORGANS`.
        """
        shown = [((slices_hu - low) / (high - low)).clamp(0.0, 1.0) for low, high in WINDOWS_HU]
        # (batch, windows times 4, half the rows, half the columns)
        folded = nn.functional.pixel_unshuffle(torch.cat(shown, dim=1), _FOLD)
        levels = [self.enter(folded)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        # (batch, 6 channels, a sixteenth of each)
        features = self.deepest(levels.pop())
        for narrow, join in zip(reversed(self.narrows), reversed(self.joins), strict=True):
            features = join(levels.pop() + _twice(narrow(features)))
        scores: Tensor = self.leave(torch.cat([features, folded], dim=1))
        return nn.functional.pixel_shuffle(scores, _FOLD)


def _convolution(channels_in: int, channels_out: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _twice(features: Tensor) -> Tensor:
    return nn.functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
