"""The four networks of a cycle translator."""

import dataclasses
from collections.abc import Iterator
from typing import Literal

import torch
from torch import nn

from medsynth.networks.calibrated_generator import CalibratedGenerator, ScannerOffset
from medsynth.networks.discriminators import Patch70Discriminator, UnshuffleDiscriminator
from medsynth.networks.resnet_generator import ResnetGenerator
from medsynth.networks.skip_generator import SkipGenerator
from medsynth.networks.unshuffle_generator import UnshuffleGenerator

GeneratorKind = Literal["unshuffle", "skip", "resnet"]
DiscriminatorKind = Literal["unshuffle", "patch70"]


@dataclasses.dataclass(frozen=True)
class GeneratorDesign:
    """What is needed to build a generator before its weights are read.

    Attributes:
        kind: "unshuffle", "skip" or "resnet".
        channels: width.
        blocks: number of residual blocks.
        calibrated: whether an offset of the scanner, in HU, is learnt before it.
    """

    kind: GeneratorKind
    channels: int
    blocks: int
    calibrated: bool = False


@dataclasses.dataclass(frozen=True)
class DiscriminatorDesign:
    """What is needed to build a discriminator.

    Attributes:
        kind: "unshuffle" or "patch70".
        channels: width of the first layer.
    """

    kind: DiscriminatorKind
    channels: int


@dataclasses.dataclass(frozen=True)
class CycleNetworks:
    """The two generators and their two discriminators."""

    to_noncontrast: nn.Module
    to_contrast: nn.Module
    noncontrast_discriminator: nn.Module
    contrast_discriminator: nn.Module

    def generators(self) -> tuple[nn.Module, nn.Module]:
        """Give both generators."""
        return self.to_noncontrast, self.to_contrast

    def discriminators(self) -> tuple[nn.Module, nn.Module]:
        """Give both discriminators."""
        return self.noncontrast_discriminator, self.contrast_discriminator

    def named(self) -> Iterator[tuple[str, nn.Module]]:
        """Give each network with its name."""
        yield "to_noncontrast", self.to_noncontrast
        yield "to_contrast", self.to_contrast
        yield "noncontrast_discriminator", self.noncontrast_discriminator
        yield "contrast_discriminator", self.contrast_discriminator


def build_generator(design: GeneratorDesign, offset: ScannerOffset | None = None) -> nn.Module:
    """Build one generator with fresh weights.

    Args:
        design: what to build.
        offset: the scanner's, where the design has one and another generator shares it; None
            makes a new one.
    """
    base = _build_base(design)
    return CalibratedGenerator(base, offset or ScannerOffset()) if design.calibrated else base


def _build_base(design: GeneratorDesign) -> nn.Module:
    if design.kind == "resnet":
        return ResnetGenerator(design.channels, design.blocks)
    if design.kind == "skip":
        return SkipGenerator(design.channels, design.blocks)
    return UnshuffleGenerator(design.channels, design.blocks)


def build_discriminator(design: DiscriminatorDesign) -> nn.Module:
    """Build one discriminator with fresh weights."""
    if design.kind == "patch70":
        return Patch70Discriminator(design.channels)
    return UnshuffleDiscriminator(design.channels)


def build_cycle_networks(
    generator: GeneratorDesign, discriminator: DiscriminatorDesign, *, seed: int
) -> CycleNetworks:
    """Build all four networks.

    Args:
        generator: design of both generators.
        discriminator: design of both discriminators.
        seed: fixes the starting weights; the caller's random state is left as it was.

    Returns:
        The networks, on the processor.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # One scanner, one offset, whichever way its scans are translated.
        offset = ScannerOffset()
        return CycleNetworks(
            to_noncontrast=build_generator(generator, offset),
            to_contrast=build_generator(generator, offset),
            noncontrast_discriminator=build_discriminator(discriminator),
            contrast_discriminator=build_discriminator(discriminator),
        )
