"""What every engine has: networks that learn, their optimisers, running averages, one state."""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

import torch
from torch import nn

from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights

StartKind = Literal["public", "scratch"]
_ADAM_BETAS = (0.5, 0.999)


@dataclasses.dataclass(frozen=True)
class StepSettings:
    """What a step needs to know besides its slices.

    Attributes:
        weights: of the losses.
        learning_rate: the generators' highest.
        discriminator_learning_rate: the discriminators' highest.
        averaging: decay of the running average of the generators' weights; 0 for none.
        image_pool: past translations kept for each discriminator.
        seed: of the pools.
        start: "public" where the networks begin with the public start: then the change is
            counted from what the generators made at the start, not from the slices themselves.
    """

    weights: LossWeights
    learning_rate: float
    discriminator_learning_rate: float
    averaging: float
    image_pool: int
    seed: int
    start: StartKind = "scratch"


@dataclasses.dataclass(frozen=True)
class NetworkRoles:
    """Which of an engine's networks learn together.

    Attributes:
        generators: name in the state -> generator whose running average is kept.
        generating: what the generators' optimiser moves, in the order of its state.
        judging: what the discriminators' optimiser moves, likewise.
    """

    generators: Mapping[str, nn.Module]
    generating: tuple[nn.Module, ...]
    judging: tuple[nn.Module, ...]


class NamedNetworks(Protocol):
    """The networks of an engine."""

    def named(self) -> Iterator[tuple[str, nn.Module]]:
        """Give each network with its name."""
        ...


class LearningNetworks:
    """An engine's networks with their optimisers and running averages.

    The engine counts its own steps, and says by `state` what else it keeps.
    """

    def __init__(
        self,
        networks: NamedNetworks,
        roles: NetworkRoles,
        settings: StepSettings,
        compute: Compute,
    ) -> None:
        """Put the networks on the device and make the optimisers.

        Args:
            networks: all of the engine's; moved, not copied.
            roles: what each of them does.
            settings: of a step.
            compute: where.
        """
        self.averaged: dict[str, nn.Module] = {
            name: copy.deepcopy(generator) for name, generator in roles.generators.items()
        }
        for _, network in networks.named():
            network.to(compute.device)
        for network in self.averaged.values():
            network.to(compute.device).requires_grad_(False)
        self.generator_optimiser = _adam(roles.generating, settings.learning_rate)
        self.discriminator_optimiser = _adam(roles.judging, settings.discriminator_learning_rate)
        self._networks = networks
        self._generators = roles.generators
        self._settings = settings

    def set_learning_rates(self, factor: float) -> None:
        """Set both optimisers' rates to a share of their highest."""
        for optimiser, highest in (
            (self.generator_optimiser, self._settings.learning_rate),
            (self.discriminator_optimiser, self._settings.discriminator_learning_rate),
        ):
            for group in optimiser.param_groups:
                group["lr"] = highest * factor

    def update_averages(self, step: int) -> None:
        """Take the generators as they are now into their running averages.

        Args:
            step: steps done, this one among them.
        """
        for name, averaged in self.averaged.items():
            update_average(
                averaged,
                self._generators[name],
                highest_decay=self._settings.averaging,
                step=step,
            )

    def state(self) -> dict[str, Any]:
        """Give all weights and both optimisers, as tensors and plain values.

        The keys, and their order, are those of a checkpoint.
        """
        return {
            "networks": {name: network.state_dict() for name, network in self._networks.named()},
            "averaged": {name: network.state_dict() for name, network in self.averaged.items()},
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state that `state` gave; what else an engine keeps there is passed over."""
        for name, network in self._networks.named():
            network.load_state_dict(state["networks"][name])
        for name, network in self.averaged.items():
            network.load_state_dict(state["averaged"][name])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])


@torch.no_grad()
def update_average(
    averaged: nn.Module, network: nn.Module, *, highest_decay: float, step: int
) -> None:
    """Take a network's weights into their running average.

    Args:
        averaged: of the same design; changed in place.
        network: as it is now.
        highest_decay: share of itself that the average keeps in a step, once it is old.
        step: steps that the average is old; at 0 it becomes the network.
    """
    # A young average would remember the untrained weights, so it starts as a plain mean.
    decay = min(highest_decay, step / (step + 10.0))
    for kept, present in zip(averaged.parameters(), network.parameters(), strict=True):
        kept.lerp_(present, 1.0 - decay)


def _adam(networks: tuple[nn.Module, ...], learning_rate: float) -> torch.optim.Adam:
    # Two networks may share a parameter, which takes one step, not two.
    parameters = list(dict.fromkeys(p for network in networks for p in network.parameters()))
    return torch.optim.Adam(parameters, lr=learning_rate, betas=_ADAM_BETAS)
