"""One step of the one-sided translator's training, and the state it changes."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from medsynth.errors import ConfigurationError
from medsynth.networks.patch_features import Encoder, PatchProjection, encoder_widths
from medsynth.networks.skip_generator import SkipGenerator
from medsynth.networks.unshuffle_generator import UnshuffleGenerator
from medsynth.training.contrastive_losses import OneSidedJudges, OneSidedLoss, one_sided_loss
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    build_discriminator,
    build_generator,
)
from medsynth.training.device import Compute
from medsynth.training.distributed import ALONE, Ranks, average_gradients
from medsynth.training.losses import discriminator_loss
from medsynth.training.trainer_state import LearningNetworks, NetworkRoles, StepSettings

PROJECTED_DIMENSIONS = 64


@dataclasses.dataclass(frozen=True)
class OneSidedNetworks:
    """The generator, its discriminator, and what compares its features."""

    to_noncontrast: Encoder
    noncontrast_discriminator: nn.Module
    projection: PatchProjection

    def named(self) -> Iterator[tuple[str, nn.Module]]:
        """Give each network with its name."""
        yield "to_noncontrast", self.to_noncontrast
        yield "noncontrast_discriminator", self.noncontrast_discriminator
        yield "projection", self.projection


def build_one_sided_networks(
    generator: GeneratorDesign, discriminator: DiscriminatorDesign, *, seed: int
) -> OneSidedNetworks:
    """Build all three networks.

    Args:
        generator: design of the generator, "unshuffle" or "skip".
        discriminator: design of the discriminator.
        seed: fixes the starting weights; the caller's random state is left as it was.

    Returns:
        The networks, on the processor.

    Raises:
        ConfigurationError: the generator gives no features.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        to_noncontrast = build_generator(generator)
        if not isinstance(to_noncontrast, UnshuffleGenerator | SkipGenerator):
            raise ConfigurationError(
                f'The contrastive engine is asked for with generator "{generator.kind}". Expected '
                '"unshuffle" or "skip". Change train.generator, or set train.engine to "cycle".'
            )
        return OneSidedNetworks(
            to_noncontrast=to_noncontrast,
            noncontrast_discriminator=build_discriminator(discriminator),
            projection=PatchProjection(encoder_widths(to_noncontrast), PROJECTED_DIMENSIONS),
        )


class ContrastiveTrainer:
    """The networks in training with all that a checkpoint must keep.

    There is no way back: `averaged` holds `to_noncontrast` alone.
    """

    def __init__(
        self,
        networks: OneSidedNetworks,
        settings: StepSettings,
        compute: Compute,
        ranks: Ranks = ALONE,
    ) -> None:
        """Put the networks on the device and make the optimisers.

        Args:
            networks: the three networks; moved, not copied. With several processes, each
                brings the same weights.
            settings: of a step.
            compute: where and in which precision.
            ranks: this process's place among those that train together.

        Raises:
            ConfigurationError: an image pool is asked for.
        """
        if settings.image_pool:
            raise ConfigurationError(
                f"The contrastive engine is asked for with train.image_pool={settings.image_pool}. "
                "Expected no pool of past translations. Set train.image_pool=0."
            )
        self.networks = networks
        roles = NetworkRoles(
            generators={"to_noncontrast": networks.to_noncontrast},
            generating=(networks.to_noncontrast, networks.projection),
            judging=(networks.noncontrast_discriminator,),
        )
        self._learning = LearningNetworks(networks, roles, settings, compute)
        self.averaged = self._learning.averaged
        self._settings = settings
        self._compute = compute
        self._ranks = ranks
        self.step = 0

    def train_step(
        self, contrast: Tensor, noncontrast: Tensor, *, learning_rate_factor: float
    ) -> dict[str, Tensor]:
        """Update generator and projection, then the discriminator, then the running average.

        Args:
            contrast: (batch, 1, rows, columns), HU, on the processor; this process's part.
            noncontrast: likewise; never a pair of `contrast`.
            learning_rate_factor: on the highest learning rates, from the schedule.

        Returns:
            Name of each loss -> scalar tensor, detached, on the device; of this process's part.
        """
        contrast = self._compute.moved(contrast)
        noncontrast = self._compute.moved(noncontrast)
        self._learning.set_learning_rates(learning_rate_factor)
        loss = self._update_generator(contrast, noncontrast)
        discriminator = self._update_discriminator(noncontrast, loss.translated)
        self.step += 1
        self._learning.update_averages(self.step)
        return {
            "to_noncontrast_adversarial": loss.adversarial.detach(),
            "correspondence": loss.correspondence.detach(),
            "identity": loss.identity.detach(),
            "change": loss.change.detach(),
            "discriminator": discriminator,
        }

    def state(self) -> dict[str, Any]:
        """Give everything that the next step depends on, as tensors and plain values."""
        return {"step": self.step, **self._learning.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that `state` gave."""
        self.step = state["step"]
        self._learning.restore(state)

    def _update_generator(self, contrast: Tensor, noncontrast: Tensor) -> OneSidedLoss:
        networks = self.networks
        networks.noncontrast_discriminator.requires_grad_(False)
        self._learning.generator_optimiser.zero_grad(set_to_none=True)
        # A function of seed and step, so that a resumed training draws the same places.
        draws = torch.Generator().manual_seed(self._settings.seed * 1_000_003 + self.step)
        with self._compute.precision():
            loss = one_sided_loss(
                contrast,
                noncontrast,
                generator=networks.to_noncontrast,
                judges=OneSidedJudges(networks.noncontrast_discriminator, networks.projection),
                weights=self._settings.weights,
                draws=draws,
            )
        torch.autograd.backward(loss.total)
        average_gradients((networks.to_noncontrast, networks.projection), self._ranks)
        self._learning.generator_optimiser.step()
        return loss

    def _update_discriminator(self, noncontrast: Tensor, translated: Tensor) -> Tensor:
        discriminator = self.networks.noncontrast_discriminator
        discriminator.requires_grad_(True)
        self._learning.discriminator_optimiser.zero_grad(set_to_none=True)
        with self._compute.precision():
            loss = discriminator_loss(discriminator, noncontrast, translated)
        torch.autograd.backward(loss)
        average_gradients((discriminator,), self._ranks)
        self._learning.discriminator_optimiser.step()
        return loss.detach()
