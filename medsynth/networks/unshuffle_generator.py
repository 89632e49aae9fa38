"""The default generator: a change in HU that follows place and density."""

import torch
from torch import Tensor, nn

from medsynth.networks.channel_norm import ChannelNorm
from medsynth.networks.guided_filter import smoothed_within_edges
from medsynth.networks.intensity import (
    FOLD,
    FOLDED_CHANNELS,
    folded_view,
    knot_weights,
)

CHANGE_UNIT_HU = 50.0
# Plain blood and organs lie about here, and what an agent brightened goes back to it.
_PLAIN_HU = 50.0
_LARGEST_UNITS = 8.0
KNOTS_HU = (-1000.0, -100.0, -40.0, 10.0, 50.0, 90.0, 130.0, 180.0, 240.0, 320.0, 450.0, 1000.0)
# A bright vessel changes by more than a dull organ: the unit of a knot is its distance from
# plain tissue. Beyond 450 HU lies bone, which does not change.
KNOT_UNITS_HU = tuple(
    min(max(knot - _PLAIN_HU, CHANGE_UNIT_HU), _LARGEST_UNITS * CHANGE_UNIT_HU)
    if knot <= 450.0
    else CHANGE_UNIT_HU
    for knot in KNOTS_HU
)
_DILATIONS = (1, 2, 4)


class UnshuffleGenerator(nn.Module):
    """Adds a computed change to the input, so that what need not change cannot be lost.

    Each 4x4 patch of pixels becomes one position; residual blocks with growing
    dilation look around it and give a curve: how much to change at each of a
    few densities. The curves are interpolated smoothly to every pixel and read
    at the pixel's own density; what is read is averaged within the edges of the
    slice, so that noise does not steer the change. Edges of the change are
    therefore the edges of the organs, from the first step on, and no pixel of a
    patch is treated unlike the others, so no grid can show. Each norm is of one position
    alone: a patch is translated as it is in its slice. Every block starts as the identity
    and the last layer at zero, so an untrained generator returns its input.

    Source: own design; curves on a coarse grid read at the pixel's intensity are the
    bilateral grid of Gharbi et al. 2017, doi 10.1145/3072959.3073592; pixel unshuffling after
    Shi et al. 2016, doi 10.1109/CVPR.2016.207; dilated residual blocks after Yu et al. 2017,
    doi 10.1109/CVPR.2017.75.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        """Build the layers.

        Args:
            channels: width.
            blocks: number of residual blocks.
        """
        super().__init__()
        self.enter = nn.Conv2d(FOLDED_CHANNELS, channels, kernel_size=3, padding=1)
        self.blocks = nn.ModuleList(
            _DilatedBlock(channels, _DILATIONS[index % len(_DILATIONS)]) for index in range(blocks)
        )
        self.leave = nn.Conv2d(channels + FOLDED_CHANNELS, len(KNOTS_HU), kernel_size=1)
        nn.init.zeros_(self.leave.weight)
        if self.leave.bias is not None:
            nn.init.zeros_(self.leave.bias)

    def forward(self, hu: Tensor) -> Tensor:
        """Translate slices.

        Args:
            hu: (batch, 1, rows, columns), HU; rows and columns multiples of 4.

        Returns:
            (batch, 1, rows, columns), HU.
        """
        folded = folded_view(hu)
        features = self.enter(folded)  # (batch, channels, rows / 4, columns / 4)
        for block in self.blocks:
            features = block(features)
        curves = self.leave(torch.cat([features, folded], dim=1)).float()
        curves = nn.functional.interpolate(
            curves, scale_factor=FOLD, mode="bilinear"
        )  # (batch, knots, rows, columns)
        units = torch.tensor(KNOT_UNITS_HU, device=hu.device).view(1, -1, 1, 1)
        weights = units * knot_weights(hu.float(), KNOTS_HU)
        change_hu = (curves * weights).sum(dim=1, keepdim=True)
        return hu + smoothed_within_edges(change_hu, hu)


class _DilatedBlock(nn.Module):
    """Adds what it finds around each position; starts as the identity."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        closing = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(closing.weight)
        self.layers = nn.Sequential(
            ChannelNorm(channels),
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation),
            nn.ReLU(),
            closing,
        )

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.layers(features)
        return features + change
