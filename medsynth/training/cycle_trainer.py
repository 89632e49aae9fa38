"""One step of the cycle translator's training, and the state it changes."""

import copy
from typing import Any

import torch
from torch import Tensor

from medsynth.errors import TrainingError
from medsynth.training.cycle_networks import CycleNetworks
from medsynth.training.device import Compute
from medsynth.training.distributed import ALONE, Ranks, average_gradients
from medsynth.training.image_pool import ImagePool
from medsynth.training.losses import discriminator_loss, generator_loss
from medsynth.training.trainer_state import LearningNetworks, NetworkRoles, StepSettings


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
        self._learning = LearningNetworks(networks, cycle_roles(networks), settings, compute)
        self.averaged = self._learning.averaged
        # A resumed training is built from the same start, so this is no part of its state.
        self._anchors = copy.deepcopy(self.averaged) if settings.start == "public" else {}
        self._settings = settings
        self._compute = compute
        self._ranks = ranks
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
        self._learning.set_learning_rates(learning_rate_factor)
        losses, to_noncontrast, to_contrast = self._update_generators(contrast, noncontrast)
        losses["discriminator"] = self._update_discriminators(
            contrast, noncontrast, to_noncontrast=to_noncontrast, to_contrast=to_contrast
        )
        self.step += 1
        self._learning.update_averages(self.step)
        return losses

    def state(self) -> dict[str, Any]:
        """Give everything that the next step depends on, as tensors and plain values."""
        return {
            "step": self.step,
            **self._learning.state(),
            "pools": {name: pool.slices for name, pool in self._pools.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that `state` gave."""
        self.step = state["step"]
        self._learning.restore(state)
        for name, pool in self._pools.items():
            pool.slices = [s.to(self._compute.device) for s in state["pools"][name]]

    def _update_generators(
        self, contrast: Tensor, noncontrast: Tensor
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        networks = self.networks
        for discriminator in networks.discriminators():
            discriminator.requires_grad_(False)
        self._learning.generator_optimiser.zero_grad(set_to_none=True)
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
        self._learning.generator_optimiser.step()
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
        self._learning.discriminator_optimiser.zero_grad(set_to_none=True)
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
        self._learning.discriminator_optimiser.step()
        return loss.detach() / 2


def cycle_roles(networks: CycleNetworks) -> NetworkRoles:
    """Tell what each of the four networks does in learning."""
    return NetworkRoles(
        generators={
            "to_noncontrast": networks.to_noncontrast,
            "to_contrast": networks.to_contrast,
        },
        generating=networks.generators(),
        judging=networks.discriminators(),
    )


def _check_pool(settings: StepSettings, ranks: Ranks) -> None:
    # Each process would swap within its own part, so the result would depend on their number.
    if settings.image_pool and ranks.size > 1:
        raise TrainingError(
            f"The image pool is {settings.image_pool} and {ranks.size} processes train together. "
            "Expected no pool with several. Set train.image_pool=0, or train in one process."
        )
