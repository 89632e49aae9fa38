"""The public start: a translator learnt from made-up patients alone, shipped with the package."""

import dataclasses
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from medsynth.errors import ConfigurationError, RecordError
from medsynth.networks.calibrated_generator import CalibratedGenerator
from medsynth.records.atomic import write_bytes_atomically
from medsynth.training.cycle_networks import (
    CycleNetworks,
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
    build_generator,
)
from medsynth.training.trainer_state import StartKind

WEIGHTS = Path(__file__).with_name("start_weights.safetensors")
START_GENERATOR = GeneratorDesign("unshuffle", channels=32, blocks=6)
START_DISCRIMINATOR = DiscriminatorDesign("unshuffle", channels=48)
START_SPACING_MM = 2.8
_SEPARATOR = "/"


def begin_from_public_start(
    networks: CycleNetworks, *, generator: GeneratorDesign, discriminator: DiscriminatorDesign
) -> None:
    """Fill the networks of a training with the public start.

    Args:
        networks: changed in place.
        generator: their generators' design.
        discriminator: their discriminators' design.

    Raises:
        ConfigurationError: there is no public start of that design.
        RecordError: the file of weights is missing or damaged.
    """
    asked = dataclasses.replace(generator, calibrated=False)
    if (asked, discriminator) != (START_GENERATOR, START_DISCRIMINATOR):
        raise ConfigurationError(
            "The settings ask for the public start and describe other networks than it has. "
            f"Expected generator {START_GENERATOR.kind} with {START_GENERATOR.channels} channels "
            f"and {START_GENERATOR.blocks} blocks, and discriminator {START_DISCRIMINATOR.kind} "
            f'with {START_DISCRIMINATOR.channels} channels. Set train.start to "scratch".'
        )
    tensors = _read_tensors(WEIGHTS)
    for name, network in networks.named():
        # A scanner's offset is 0 until it is learnt.
        base = network.base if isinstance(network, CalibratedGenerator) else network
        _fill(base, tensors, name)


def started_networks(
    generator: GeneratorDesign,
    discriminator: DiscriminatorDesign,
    *,
    seed: int,
    start: StartKind,
) -> CycleNetworks:
    """Build the networks as a training begins with them.

    Args:
        generator: design of both generators.
        discriminator: design of both discriminators.
        seed: of weights that begin from scratch.
        start: whether the public start replaces them.

    Raises:
        ConfigurationError: there is no public start of that design.
        RecordError: the file of weights is missing or damaged.
    """
    networks = build_cycle_networks(generator, discriminator, seed=seed)
    if start == "public":
        begin_from_public_start(networks, generator=generator, discriminator=discriminator)
    return networks


def public_generator() -> nn.Module:
    """Give the public start's generator out of contrast, for slices of `START_SPACING_MM`.

    Raises:
        RecordError: the file of weights is missing or damaged.
    """
    network = build_generator(START_GENERATOR)
    _fill(network, _read_tensors(WEIGHTS), "to_noncontrast")
    return network


def write_public_start(path: Path, networks: CycleNetworks) -> None:
    """Write the networks in half precision, with no metadata.

    Args:
        path: the file, ending in .safetensors.
        networks: of the start's designs.
    """
    tensors = {
        f"{name}{_SEPARATOR}{key}": value.detach().cpu().to(torch.float16).contiguous()
        for name, network in networks.named()
        for key, value in network.state_dict().items()
    }
    write_bytes_atomically(path, safetensors.torch.save(tensors))


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (FileNotFoundError, SafetensorError):
        raise RecordError(
            f"The public start {path.name} is missing or damaged. Expected the file that the "
            "package brings. Install the package again."
        ) from None


def _fill(network: nn.Module, tensors: dict[str, Tensor], name: str) -> None:
    prefix = name + _SEPARATOR
    network.load_state_dict(
        {
            key.removeprefix(prefix): value.float()
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    )
