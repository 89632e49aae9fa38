"""An optional generator: detail skips past the deep layers, and no transposed convolution."""

import torch
from torch import Tensor, nn

from medsynth.networks.guided_filter import smoothed_within_edges
from medsynth.networks.intensity import FOLDED_CHANNELS, WINDOWS, folded_view, windowed
from medsynth.networks.unshuffle_generator import CHANGE_UNIT_HU

LEVELS = 3


class SkipGenerator(nn.Module):
    """Adds a change that is summed up from all levels of a residual encoder.

    The encoder halves the grid three times. In each residual layer what came in is
    concatenated to what was computed, so that low-level detail reaches the
    deepest level. On the way back each level is brought to the grid of the level above
    by repeating its positions, convolved and added; so no grid of a transposed
    convolution can show. There are no norms, hence nothing that a slice's other organs
    could shift: every layer starts as the identity and the last at zero, so an untrained
    generator returns its input. It sees the default generator's windows and histogram,
    and its change is averaged within edges like the default's.

    Source: Hicsonmez et al. 2020, arXiv 2002.05638, for concatenation in the encoder and
    for upsampling from all levels; change in HU, inputs and the missing norms are our own.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        """Build the layers.

        Args:
            channels: width of the two coarse levels, at least 2; the finest has half of it.
            blocks: number of residual layers, shared out over the levels, at least one each.
        """
        super().__init__()
        fine = channels // 2
        self.widths = (fine, channels, channels)
        self.enter = nn.Conv2d(WINDOWS, fine, kernel_size=4, stride=2, padding=1)
        self.enter_folded = nn.Conv2d(FOLDED_CHANNELS, channels, kernel_size=1)
        counts = [max(1, (blocks + LEVELS - 1 - level) // LEVELS) for level in range(LEVELS)]
        self.finest = _layers(fine, counts[0])
        self.middle = _layers(channels, counts[1])
        self.deepest = _layers(channels, counts[2])
        self.to_middle = _halving(fine, channels)
        self.to_deepest = _halving(channels, channels)
        self.sideways = nn.ModuleList(nn.Conv2d(width, fine, 1) for width in self.widths)
        self.upwards = nn.ModuleList(nn.Conv2d(fine, fine, 3, padding=1) for _ in range(LEVELS - 1))
        self.leave = nn.Conv2d(fine, 1, kernel_size=3, padding=1)
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
        finest, middle, deepest = self.features(hu)
        summed = self.sideways[2](deepest)
        for level, sideways, upwards in zip(
            (middle, finest), (self.sideways[1], self.sideways[0]), self.upwards, strict=True
        ):
            summed = sideways(level) + upwards(_repeated(summed, like=level)).relu()
        change = self.leave(_repeated(summed, like=hu)).float()  # (batch, 1, rows, columns)
        return hu + CHANGE_UNIT_HU * smoothed_within_edges(change, hu)

    def features(self, hu: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give what the encoder finds at each level.

        Args:
            hu: (batch, 1, rows, columns), HU; rows and columns multiples of 4.

        Returns:
            Three of (batch, widths[level], rows, columns): at half, quarter and eighth
            of the rows and columns, the last rounded up.
        """
        finest: Tensor = self.finest(self.enter(windowed(hu)))
        middle: Tensor = self.middle(self.to_middle(finest) + self.enter_folded(folded_view(hu)))
        deepest: Tensor = self.deepest(self.to_deepest(middle))
        return finest, middle, deepest


class _ConcatenatingLayer(nn.Module):
    """Adds what is made of its input and of what it computed; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.compute = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
        )
        self.join = nn.Conv2d(2 * channels, channels, kernel_size=1)
        nn.init.zeros_(self.join.weight)

    def forward(self, features: Tensor) -> Tensor:
        joined: Tensor = self.join(torch.cat([features, self.compute(features)], dim=1))
        return features + joined


def _layers(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_ConcatenatingLayer(channels) for _ in range(count)))


def _halving(channels_in: int, channels_out: int) -> nn.Conv2d:
    # A kernel of 3 with stride 2 would move the grid by half a position a level.
    return nn.Conv2d(channels_in, channels_out, kernel_size=4, stride=2, padding=1)


def _repeated(features: Tensor, *, like: Tensor) -> Tensor:
    return nn.functional.interpolate(features, size=like.shape[-2:], mode="nearest")
