"""Made-up slices as any scanner might show them: turned, scaled, blurred, noisy, cut."""

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

_AIR_HU = -1000.0


@dataclasses.dataclass(frozen=True)
class ScannerSpread:
    """How far scans differ; the spread for calibration is wider than for training.

    Attributes:
        noise_hu: least and greatest standard deviation of noise.
        offset_hu: standard deviation of the calibration error of a whole slice.
        shading_hu: standard deviation of slow brightness changes within a slice.
        scale: least and greatest size of the patient.
        gain: standard deviation of the logarithm of the agent's effect.
        any_turn: share of slices turned by any angle, as in side or prone position.
    """

    noise_hu: tuple[float, float]
    offset_hu: float
    shading_hu: float
    scale: tuple[float, float]
    gain: float
    any_turn: float


TRAINING_SPREAD = ScannerSpread((1.5, 40.0), 5.0, 4.0, (0.75, 1.3), 0.15, 0.35)
CALIBRATION_SPREAD = ScannerSpread((4.0, 45.0), 7.0, 5.0, (0.7, 1.35), 0.2, 0.5)


@dataclasses.dataclass(frozen=True)
class SliceBatch:
    """Slices as scanned, with what is true of them.

    Attributes:
        slices_hu: (batch, 1, rows, columns), float32.
        classes: (batch, rows / 2, columns / 2), int64, 0 neither, 1 plain, 2 enhanced.
        is_contrast: (batch,), float32, 0 or 1.
    """

    slices_hu: Tensor
    classes: Tensor
    is_contrast: Tensor


def scan_slices(
    tissue: Tensor, is_contrast: Tensor, spread: ScannerSpread, random: torch.Generator
) -> SliceBatch:
    """Scan slices with random scanners.

    Args:
        tissue: (batch, 4, rows, columns), float32: plain HU, gain HU, telling
            (0 or 1), enhanced (0 or 1).
        is_contrast: (batch,), float32, whether the agent was given.
        spread: how far scanners differ.
        random: the generator.
    """
    moved = _move(tissue, spread, random)
    given = is_contrast[:, None, None]
    slices_hu = _scan(moved, given[:, None], spread, random)
    halved = functional.avg_pool2d(moved[:, 2:], 2)
    telling, enhanced = halved[:, 0] >= 0.5, halved[:, 1] >= 0.5
    classes = torch.where(given > 0, 2 * enhanced.long(), telling.long())
    return SliceBatch(slices_hu, classes, is_contrast)


def scan_pairs(
    tissue: Tensor, is_contrast: Tensor, spread: ScannerSpread, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Scan slices with random scanners, once as they are and once without the agent.

    Args:
        tissue: (batch, 2, rows, columns), float32: plain HU, gain HU.
        is_contrast: (batch,), float32, whether the agent was given at all.
        spread: how far scanners differ.
        random: the generator.

    Returns:
        Two (batch, 1, rows, columns), float32, HU: as scanned, and the same scan with
        the same noise without the agent. Where none was given they are equal.
    """
    moved = _move(tissue, spread, random)
    given = torch.stack([is_contrast, torch.zeros_like(is_contrast)], dim=1)[:, :, None, None]
    slices_hu = _scan(moved, given, spread, random)
    return slices_hu[:, :1], slices_hu[:, 1:]


def _scan(moved: Tensor, given: Tensor, spread: ScannerSpread, random: torch.Generator) -> Tensor:
    """Scan once for each channel of `given`, (batch, channels, 1, 1), with the same scanner."""
    gain = torch.exp(spread.gain * torch.randn(len(moved), generator=random))[:, None, None, None]
    values_hu = moved[:, :1] + _AIR_HU + given * gain * moved[:, 1:2]
    values_hu = _add_lumps(values_hu, given, random)
    body = (values_hu[:, :1] > -600).float()
    values_hu = _kernel(values_hu, random)
    values_hu = _add_metal(values_hu, body, random)
    values_hu = values_hu + body * _shading(values_hu, spread, random)
    values_hu = values_hu + _noise(values_hu, spread, random)
    return _cut(values_hu, random)


def _uniform(low: float, high: float, size: int, random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(size, generator=random)


def _move(tissue: Tensor, spread: ScannerSpread, random: torch.Generator) -> Tensor:
    """Turn, scale, mirror and shift; plain HU comes back above air, not above zero."""
    size = len(tissue)
    slight = 0.15 * torch.randn(size, generator=random)
    is_turned = torch.rand(size, generator=random) < spread.any_turn
    turn = torch.where(is_turned, _uniform(-3.1416, 3.1416, size, random), slight)
    scale = 1 / _uniform(*spread.scale, size, random)
    stretch = torch.exp(0.06 * torch.randn(size, generator=random))
    mirror = torch.where(torch.rand(size, generator=random) < 0.5, -1.0, 1.0)
    shift = _uniform(-0.15, 0.15, 2 * size, random).reshape(size, 2, 1)
    cosine, sine = torch.cos(turn), torch.sin(turn)
    first = torch.stack([mirror * scale * stretch * cosine, -scale * sine], dim=1)
    second = torch.stack([mirror * scale * stretch * sine, scale * cosine], dim=1)
    matrix = torch.cat([torch.stack([first, second], dim=1), shift], dim=2)
    grid = functional.affine_grid(matrix, list(tissue.shape), align_corners=False)
    above_air = tissue.clone()
    above_air[:, 0] -= _AIR_HU
    return functional.grid_sample(above_air, grid, align_corners=False)


def _kernel(values_hu: Tensor, random: torch.Generator) -> Tensor:
    """Sharpen or blur each slice."""
    blurred = _blur(values_hu)
    amount = _uniform(-1.0, 0.7, len(values_hu), random)[:, None, None, None]
    return values_hu + amount * (values_hu - blurred)


def _blur(values: Tensor) -> Tensor:
    line = torch.tensor([0.25, 0.5, 0.25])
    channels = values.shape[1]
    kernel = (line[:, None] * line[None, :]).expand(channels, 1, 3, 3)
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, kernel, groups=channels)


def _add_lumps(values_hu: Tensor, given: Tensor, random: torch.Generator) -> Tensor:
    """Turn parts of fat or lung into soft tissue that tells nothing, in two of three slices.

    It stands for muscles, bowel, effusion, consolidation and tumours of shapes
    that the phantom does not have.
    """
    size, _, rows, columns = values_hu.shape
    fields = []
    for knots in (9, 25):
        coarse = torch.randn(size, 1, knots, knots, generator=random)
        fields.append(
            functional.interpolate(coarse, (rows, columns), mode="bicubic", align_corners=True)
        )
    is_coarse = torch.rand(size, 1, 1, 1, generator=random) < 0.5
    field = torch.where(is_coarse, fields[0], fields[1])
    rarity = _uniform(0.2, 1.6, size, random)[:, None, None, None]
    given_hu = values_hu[:, :1]
    is_fat = (given_hu > -160) & (given_hu < -50)
    is_lung = (given_hu > -960) & (given_hu < -500)
    in_lung = torch.rand(size, 1, 1, 1, generator=random) < 0.25
    host = torch.where(in_lung, is_lung, is_fat)
    is_added = torch.rand(size, 1, 1, 1, generator=random) < 0.65
    plain_hu = _uniform(0.0, 75.0, size, random)[:, None, None, None]
    gain_hu = given * _uniform(0.0, 25.0, size, random)[:, None, None, None]
    lump = (field > rarity) & host & is_added
    return torch.where(lump, plain_hu + gain_hu, values_hu)


def _add_metal(values_hu: Tensor, body: Tensor, random: torch.Generator) -> Tensor:
    """Add calcification, clips and wires of one to three voxels to half of the slices."""
    size, _, rows, columns = values_hu.shape
    seeds = (torch.rand(size, 1, rows, columns, generator=random) < 4e-4).float() * body
    seeds = seeds * (torch.rand(size, 1, 1, 1, generator=random) < 0.5)
    small = (torch.rand(size, 1, 1, 1, generator=random) < 0.5).float()
    grown = small * seeds + (1 - small) * functional.max_pool2d(seeds, 3, stride=1, padding=1)
    height_hu = torch.exp(_uniform(4.6, 7.6, size, random))[:, None, None, None]
    return values_hu + _blur(grown) * height_hu


def _shading(values_hu: Tensor, spread: ScannerSpread, random: torch.Generator) -> Tensor:
    size, _, rows, columns = values_hu.shape
    knots = spread.shading_hu * torch.randn(size, 1, 5, 5, generator=random)
    slow = functional.interpolate(knots, (rows, columns), mode="bicubic", align_corners=True)
    return slow + spread.offset_hu * torch.randn(size, 1, 1, 1, generator=random)


def _noise(values_hu: Tensor, spread: ScannerSpread, random: torch.Generator) -> Tensor:
    """Draw noise of any size and grain, in a quarter of the slices with streaks across."""
    size, _, rows, columns = values_hu.shape
    shape = (size, 1, rows, columns)
    low, high = (float(torch.log(torch.tensor(one))) for one in spread.noise_hu)
    amount = torch.exp(_uniform(low, high, size, random))[:, None, None, None]
    white = torch.randn(shape, generator=random)
    coarse = _blur(torch.randn(shape, generator=random))
    streaks = functional.avg_pool2d(
        torch.randn(shape, generator=random), (1, 9), stride=1, padding=(0, 4)
    )
    share = torch.rand(size, 1, 1, 1, generator=random)
    has_streaks = torch.rand(size, 1, 1, 1, generator=random) < 0.25
    # A blur by 1-2-1 leaves 3/8 of the standard deviation, a mean of nine a third.
    mixed = share * white + (1 - share) * coarse * (8 / 3)
    mixed = mixed / torch.sqrt(share**2 + (1 - share) ** 2)
    return amount * torch.where(has_streaks, (mixed + 3 * streaks) / 1.4142, mixed)


def _cut(values_hu: Tensor, random: torch.Generator) -> Tensor:
    """Cut a third of the slices by a circular field of view."""
    size, _, rows, columns = values_hu.shape
    across = torch.linspace(-1, 1, columns)[None, None, :]
    down = torch.linspace(-1, 1, rows)[None, :, None]
    middle = 0.2 * torch.randn(size, 2, generator=random)
    distance = torch.sqrt((across - middle[:, :1, None]) ** 2 + (down - middle[:, 1:, None]) ** 2)
    radius = torch.where(
        torch.rand(size, generator=random) < 1 / 3,
        _uniform(0.5, 0.9, size, random),
        torch.full((size,), 9.0),
    )
    outside = (distance > radius[:, None, None])[:, None]
    return torch.where(outside, torch.tensor(_AIR_HU), values_hu)
