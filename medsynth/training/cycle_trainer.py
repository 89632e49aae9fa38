"""One step of the cycle translator's training, and the state it changes."""

import copy
import dataclasses
from typing import Any, Literal

import torch
from torch import Tensor, nn

from medsynth.errors import TrainingError
from medsynth.training.cycle_networks import CycleNetworks
from medsynth.training.device import Compute
from medsynth.training.distributed import ALONE, Ranks, average_gradients
from medsynth.training.image_pool import ImagePool
from medsynth.training.losses import LossWeights, discriminator_loss, generator_loss

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


class CycleTrainer:
    """The networks in training with all that a checkpoint must keep."""

    def __init__(
        self,
        networks: CycleNetworks,
        settings: StepSettings,
        compute: Compute,
        ranks: Ranks = ALONE,
    ) -> None:
        """Put the networks on the device and make the optimisers.

        Args:
            networks: the four networks; moved, not copied. With several processes, each
                brings the same weights.
            settings: of a step.
            compute: where and in which precision.
            ranks: this process's place among those that train together.

        Raises:
            TrainingError: several processes are to share an image pool.
        """
        _check_pool(settings, ranks)
        self.networks = networks
        self.averaged = {
            "to_noncontrast": copy.deepcopy(networks.to_noncontrast),
            "to_contrast": copy.deepcopy(networks.to_contrast),
        }
        # A resumed training is built from the same start, so this is no part of its state.
        self._anchors = copy.deepcopy(self.averaged) if settings.start == "public" else {}
        for _, network in networks.named():
            network.to(compute.device)
        for network in (*self.averaged.values(), *self._anchors.values()):
            network.to(compute.device).requires_grad_(False)
        self._settings = settings
        self._compute = compute
        self._ranks = ranks
        self._generator_optimiser = _adam(networks.generators(), settings.learning_rate)
        self._discriminator_optimiser = _adam(
            networks.discriminators(), settings.discriminator_learning_rate
        )
        self._pools = {
            "noncontrast": ImagePool(settings.image_pool),
            "contrast": ImagePool(settings.image_pool),
        }
        self.step = 0

    def train_step(
        self, contrast: Tensor, noncontrast: Tensor, *, learning_rate_factor: float
    ) -> dict[str, Tensor]:
        """Update generators, then discriminators, then the running averages.

        Args:
            contrast: (batch, 1, rows, columns), HU, on the processor; this process's part.
            noncontrast: likewise; never a pair of `contrast`.
            learning_rate_factor: on the highest learning rates, from the schedule.

        Returns:
            Name of each loss -> scalar tensor, detached, on the device; of this process's part.
        """
        contrast = self._compute.moved(contrast)
        noncontrast = self._compute.moved(noncontrast)
        self._set_learning_rates(learning_rate_factor)
        losses, to_noncontrast, to_contrast = self._update_generators(contrast, noncontrast)
        losses["discriminator"] = self._update_discriminators(
            contrast, noncontrast, to_noncontrast=to_noncontrast, to_contrast=to_contrast
        )
        self.step += 1
        self._update_averages()
        return losses

    def state(self) -> dict[str, Any]:
        """Give everything that the next step depends on, as tensors and plain values."""
        return {
            "step": self.step,
            "networks": {name: network.state_dict() for name, network in self.networks.named()},
            "averaged": {name: network.state_dict() for name, network in self.averaged.items()},
            "generator_optimiser": self._generator_optimiser.state_dict(),
            "discriminator_optimiser": self._discriminator_optimiser.state_dict(),
            "pools": {name: pool.slices for name, pool in self._pools.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that `state` gave."""
        self.step = state["step"]
        for name, network in self.networks.named():
            network.load_state_dict(state["networks"][name])
        for name, network in self.averaged.items():
            network.load_state_dict(state["averaged"][name])
        self._generator_optimiser.load_state_dict(state["generator_optimiser"])
        self._discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
        for name, pool in self._pools.items():
            pool.slices = [s.to(self._compute.device) for s in state["pools"][name]]

    def _update_generators(
        self, contrast: Tensor, noncontrast: Tensor
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        networks = self.networks
        for discriminator in networks.discriminators():
            discriminator.requires_grad_(False)
        self._generator_optimiser.zero_grad(set_to_none=True)
        with self._compute.precision():
            out_of_contrast = generator_loss(
                contrast,
                forward=networks.to_noncontrast,
                backward=networks.to_contrast,
                judge=networks.noncontrast_discriminator,
                weights=self._settings.weights,
                anchor=self._anchors.get("to_noncontrast"),
            )
            out_of_noncontrast = generator_loss(
                noncontrast,
                forward=networks.to_contrast,
                backward=networks.to_noncontrast,
                judge=networks.contrast_discriminator,
                weights=self._settings.weights,
                anchor=self._anchors.get("to_contrast"),
            )
        torch.autograd.backward(out_of_contrast.total + out_of_noncontrast.total)
        average_gradients(networks.generators(), self._ranks)
        self._generator_optimiser.step()
        losses = {
            "to_noncontrast_adversarial": out_of_contrast.adversarial.detach(),
            "to_contrast_adversarial": out_of_noncontrast.adversarial.detach(),
            "cycle": (out_of_contrast.cycle + out_of_noncontrast.cycle).detach() / 2,
            "identity": (out_of_contrast.identity + out_of_noncontrast.identity).detach() / 2,
            "change": (out_of_contrast.change + out_of_noncontrast.change).detach() / 2,
        }
        return losses, out_of_contrast.translated, out_of_noncontrast.translated

    def _update_discriminators(
        self, contrast: Tensor, noncontrast: Tensor, *, to_noncontrast: Tensor, to_contrast: Tensor
    ) -> Tensor:
        networks = self.networks
        seed = self._settings.seed
        for discriminator in networks.discriminators():
            discriminator.requires_grad_(True)
        self._discriminator_optimiser.zero_grad(set_to_none=True)
        shown_noncontrast = self._pools["noncontrast"].exchange(
            to_noncontrast, seed=2 * seed, step=self.step
        )
        shown_contrast = self._pools["contrast"].exchange(
            to_contrast, seed=2 * seed + 1, step=self.step
        )
        with self._compute.precision():
            loss = discriminator_loss(
                networks.noncontrast_discriminator, noncontrast, shown_noncontrast
            ) + discriminator_loss(networks.contrast_discriminator, contrast, shown_contrast)
        torch.autograd.backward(loss)
        average_gradients(networks.discriminators(), self._ranks)
        self._discriminator_optimiser.step()
        return loss.detach() / 2

    @torch.no_grad()
    def _update_averages(self) -> None:
        # A young average would remember the untrained weights, so it starts as a plain mean.
        decay = min(self._settings.averaging, self.step / (self.step + 10.0))
        for name, averaged in self.averaged.items():
            current = dict(self.networks.named())[name]
            for kept, present in zip(averaged.parameters(), current.parameters(), strict=True):
                kept.lerp_(present, 1.0 - decay)

    def _set_learning_rates(self, factor: float) -> None:
        for optimiser, highest in (
            (self._generator_optimiser, self._settings.learning_rate),
            (self._discriminator_optimiser, self._settings.discriminator_learning_rate),
        ):
            for group in optimiser.param_groups:
                group["lr"] = highest * factor


def _check_pool(settings: StepSettings, ranks: Ranks) -> None:
    # Each process would swap within its own part, so the result would depend on their number.
    if settings.image_pool and ranks.size > 1:
        raise TrainingError(
            f"The image pool is {settings.image_pool} and {ranks.size} processes train together. "
            "Expected no pool with several. Set train.image_pool=0, or train in one process."
        )


def _adam(networks: tuple[nn.Module, nn.Module], learning_rate: float) -> torch.optim.Adam:
    parameters = [p for network in networks for p in network.parameters()]
    return torch.optim.Adam(parameters, lr=learning_rate, betas=_ADAM_BETAS)
