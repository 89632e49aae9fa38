"""What a generator's encoder sees at single places, made comparable."""

import torch
from torch import Tensor, nn

from medsynth.networks.intensity import folded_view
from medsynth.networks.skip_generator import SkipGenerator
from medsynth.networks.unshuffle_generator import UnshuffleGenerator

# Two blocks see about 30 pixels further; each is a step from edges towards organs.
_BLOCKS_A_LEVEL = 2

Encoder = UnshuffleGenerator | SkipGenerator


def encoder_features(generator: Encoder, hu: Tensor) -> tuple[Tensor, ...]:
    """Give what a generator computes of slices on its way to a translation.

    Of the default generator: after its first layer and after every second block.
    Of the skip-connected one: at its three levels.

    Args:
        generator: whose encoder to use; its output is as without this call.
        hu: (batch, 1, rows, columns), HU; rows and columns multiples of 4.

    Returns:
        A tensor a level, (batch, its width, its rows, its columns).
    """
    if isinstance(generator, SkipGenerator):
        return generator.features(hu)
    features: Tensor = generator.enter(folded_view(hu))
    levels = [features]
    for number, block in enumerate(generator.blocks, start=1):
        features = block(features)
        if number % _BLOCKS_A_LEVEL == 0:
            levels.append(features)
    return tuple(levels)


def encoder_widths(generator: Encoder) -> tuple[int, ...]:
    """Give the width of each level of `encoder_features`."""
    if isinstance(generator, SkipGenerator):
        return generator.widths
    levels = 1 + len(generator.blocks) // _BLOCKS_A_LEVEL
    return (generator.enter.out_channels,) * levels


class PatchProjection(nn.Module):
    """Brings the features of each level to vectors of length 1, which can be compared.

    Source: Park et al. 2020, arXiv 2007.15651: two layers a level, then scaled to length 1.
    """

    def __init__(self, widths: tuple[int, ...], dimensions: int) -> None:
        """Build the layers.

        Args:
            widths: of the levels.
            dimensions: of the vectors.
        """
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, dimensions), nn.ReLU(), nn.Linear(dimensions, dimensions)
            )
            for width in widths
        )

    def forward(self, features: tuple[Tensor, ...], places: tuple[Tensor, ...]) -> list[Tensor]:
        """Project the features at some places.

        Args:
            features: a tensor a level, (batch, its width, its rows, its columns).
            places: a tensor a level, (its places,), int64: row * columns + column.

        Returns:
            A tensor a level, (batch, its places, dimensions), float32, of length 1 along the last.
        """
        projected = []
        for level, found, chosen in zip(self.levels, features, places, strict=True):
            at_places = found.flatten(2).index_select(2, chosen)  # (batch, width, places)
            vectors: Tensor = level(at_places.transpose(1, 2)).float()
            projected.append(nn.functional.normalize(vectors, dim=-1))
        return projected


def draw_places(
    features: tuple[Tensor, ...], *, count: int, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Draw places without repetition, for each level afresh, for all slices alike.

    Nothing of the draw depends on a slice or on how many there are.

    Args:
        features: a tensor a level, as `encoder_features` gives.
        count: places of each slice; all of a level that has fewer.
        generator: on the processor, so that a seed gives the same places on every device.

    Returns:
        A tensor a level, (places,), int64, on the features' device.
    """
    return tuple(
        torch.randperm(found.shape[-2] * found.shape[-1], generator=generator)[:count].to(
            found.device
        )
        for found in features
    )
