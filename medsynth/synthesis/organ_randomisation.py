"""Made-up slices as any scanner, and any half-done translation, might show them."""

import dataclasses
import math

import torch
from torch import Tensor
from torch.nn import functional

from medsynth.networks.organ_segmenter import CLASSES

_AIR_HU = -1000.0
_ANY_TURN = 0.04
_SCALE = (0.72, 1.3)
_NOISE_HU = (1.5, 35.0)


@dataclasses.dataclass(frozen=True)
class OrganBatch:
    """Slices as scanned, with the organs in them.

    Attributes:
        slices_hu: (batch, 1, rows, columns), float32.
        classes: (batch, rows, columns), int64, 0 none, 1 the first organ.
    """

    slices_hu: Tensor
    classes: Tensor


def scan_organ_slices(
    plain_hu: Tensor, gain_hu: Tensor, classes: Tensor, random: torch.Generator
) -> OrganBatch:
    """Scan slices with random scanners, with all, part or none of the contrast agent.

    Args:
        plain_hu: (batch, rows, columns), float32, HU without contrast agent.
        gain_hu: likewise, HU that the agent adds.
        classes: likewise, uint8.
        random: the generator.
    """
    moved, moved_classes = _move(torch.stack([plain_hu - _AIR_HU, gain_hu], dim=1), classes, random)
    agent_hu = moved[:, 1] * _agent_share(moved_classes, random)
    values_hu = _add_lumps(moved[:, 0] + _AIR_HU + agent_hu, moved_classes, random)
    values_hu = _sharpen_or_blur(values_hu, random)
    values_hu = values_hu + (values_hu > -600) * _shading(values_hu, random)
    values_hu = values_hu + _noise(values_hu, random)
    inside = _field_of_view(values_hu, random)
    return OrganBatch(
        torch.where(inside, values_hu, _AIR_HU)[:, None],
        torch.where(inside, moved_classes, 0),
    )


def _uniform(low: float, high: float, size: int, random: torch.Generator) -> Tensor:
    return (low + (high - low) * torch.rand(size, generator=random))[:, None, None]


def _chance(probability: float, size: int, random: torch.Generator) -> Tensor:
    return (torch.rand(size, generator=random) < probability)[:, None, None]


def _smooth_field(like: Tensor, knots: int, random: torch.Generator) -> Tensor:
    """Draw a smooth random field of about unit variance in the shape of `like`."""
    size, rows, columns = like.shape
    coarse = torch.randn(size, 1, knots, knots, generator=random)
    return functional.interpolate(coarse, (rows, columns), mode="bicubic", align_corners=True)[:, 0]


def _move(layers: Tensor, classes: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn, scale, shift and bend; never mirrored: the liver's side tells it from the spleen."""
    size = len(layers)
    slight = 0.12 * torch.randn(size, generator=random)
    any_angle = math.pi * (2 * torch.rand(size, generator=random) - 1)
    turn = torch.where(torch.rand(size, generator=random) < _ANY_TURN, any_angle, slight)
    scale = 1 / _uniform(*_SCALE, size, random)[:, 0, 0]
    stretch = torch.exp(0.07 * torch.randn(size, generator=random))
    shift = 0.24 * (torch.rand(size, 2, 1, generator=random) - 0.5)
    cosine, sine = torch.cos(turn), torch.sin(turn)
    first = torch.stack([scale * stretch * cosine, -scale * sine], dim=1)
    second = torch.stack([scale * stretch * sine, scale * cosine], dim=1)
    matrix = torch.cat([torch.stack([first, second], dim=1), shift], dim=2)
    grid = functional.affine_grid(matrix, list(layers.shape), align_corners=False)
    bent = torch.stack([_smooth_field(layers[:, 0], 6, random) for _ in range(2)], dim=-1)
    grid = grid + 0.03 * bent
    moved = functional.grid_sample(layers, grid, align_corners=False)
    moved_classes = functional.grid_sample(
        classes[:, None].float(), grid, mode="nearest", align_corners=False
    )
    return moved, moved_classes[:, 0].long()


def _agent_share(classes: Tensor, random: torch.Generator) -> Tensor:
    """Draw which part of the agent's effect is left, for each organ and place.

    Three tenths of the slices have none, four tenths all of it; the rest were
    translated badly: each organ keeps a share of its own, patchily.
    """
    size = len(classes)
    kept = 1.3 * torch.rand(size, CLASSES, generator=random) - 0.2
    by_organ = torch.gather(kept, 1, classes.reshape(size, -1)).reshape(classes.shape)
    patchy = by_organ + 0.25 * _smooth_field(classes, 12, random)
    dice = torch.rand(size, generator=random)[:, None, None]
    strength = torch.exp(0.2 * torch.randn(size, generator=random))[:, None, None]
    return torch.where(dice < 0.3, 0.0, torch.where(dice < 0.7, strength, patchy))


def _add_lumps(values_hu: Tensor, classes: Tensor, random: torch.Generator) -> Tensor:
    """Turn parts of fat, lung or organs into something else, for shapes the phantom lacks.

    It stands for bowel, muscle and effusion among fat, and for tumours and
    cysts within organs, which stay the organ.
    """
    size = len(values_hu)
    knots = 10 if float(torch.rand(1, generator=random)) < 0.5 else 24
    field = _smooth_field(values_hu, knots, random)
    rarity = _uniform(0.3, 1.7, size, random)
    is_fat = (values_hu > -160) & (values_hu < -50)
    is_lung = (values_hu > -960) & (values_hu < -500)
    host = torch.where(_chance(0.25, size, random), is_lung, is_fat)
    is_added = _chance(0.6, size, random)
    lump_hu = _uniform(0.0, 110.0, size, random)
    filled = torch.where((field > rarity) & host & is_added, lump_hu, values_hu)
    in_organ = (field < -rarity - 0.6) & (classes > 0) & _chance(0.3, size, random)
    return torch.where(in_organ, filled + _uniform(-50.0, 20.0, size, random), filled)


def _blur(values: Tensor) -> Tensor:
    line = torch.tensor([0.25, 0.5, 0.25])
    kernel = (line[:, None] * line[None, :])[None, None]
    padded = functional.pad(values[:, None], (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, kernel)[:, 0]


def _sharpen_or_blur(values_hu: Tensor, random: torch.Generator) -> Tensor:
    amount = _uniform(-1.0, 0.7, len(values_hu), random)
    return values_hu + amount * (values_hu - _blur(values_hu))


def _shading(values_hu: Tensor, random: torch.Generator) -> Tensor:
    offset_hu = 6.0 * torch.randn(len(values_hu), generator=random)[:, None, None]
    return offset_hu + 4.0 * _smooth_field(values_hu, 5, random)


def _noise(values_hu: Tensor, random: torch.Generator) -> Tensor:
    """Draw noise of any size and grain."""
    size = len(values_hu)
    low, high = (math.log(one) for one in _NOISE_HU)
    amount = torch.exp(_uniform(low, high, size, random))
    white = torch.randn(values_hu.shape, generator=random)
    # A blur by 1-2-1 leaves 3/8 of the standard deviation.
    coarse = _blur(torch.randn(values_hu.shape, generator=random)) * (8 / 3)
    share = _uniform(0.0, 1.0, size, random)
    return amount * (share * white + (1 - share) * coarse) / torch.sqrt(share**2 + (1 - share) ** 2)


def _field_of_view(values_hu: Tensor, random: torch.Generator) -> Tensor:
    """Mark what is scanned: all, or in a third of the slices a circle that cuts the body."""
    size, rows, columns = values_hu.shape
    across = torch.linspace(-1, 1, columns)[None, None, :]
    down = torch.linspace(-1, 1, rows)[None, :, None]
    middle = 0.15 * torch.randn(size, 2, generator=random)
    distance = torch.sqrt((across - middle[:, :1, None]) ** 2 + (down - middle[:, 1:, None]) ** 2)
    radius = torch.where(_chance(1 / 3, size, random), _uniform(0.55, 0.95, size, random), 9.0)
    return distance <= radius
