"""The interface of everything that learns to translate, and the choice of one."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from medsynth.errors import ConfigurationError
from medsynth.training.contrastive_trainer import ContrastiveTrainer, build_one_sided_networks
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
)
from medsynth.training.cycle_trainer import CycleTrainer
from medsynth.training.device import Compute
from medsynth.training.distributed import ALONE, Ranks
from medsynth.training.public_start import started_networks
from medsynth.training.trainer_state import StepSettings

EngineKind = Literal["cycle", "contrastive"]


class EngineNetworks(Protocol):
    """The networks that an engine trains."""

    @property
    def to_noncontrast(self) -> nn.Module:
        """The generator out of contrast, which every engine has."""
        ...

    def named(self) -> Iterator[tuple[str, nn.Module]]:
        """Give each network with its name."""
        ...


class TranslationEngine(Protocol):
    """What the training loop needs of an engine.

    Equal states, slices and factors give equal steps: an engine draws nothing
    but from its seed and its step.
    """

    step: int

    @property
    def networks(self) -> EngineNetworks:
        """The networks in training."""
        ...

    @property
    def averaged(self) -> Mapping[str, nn.Module]:
        """The generators to keep; `to_noncontrast` always, `to_contrast` where there is one."""
        ...

    def train_step(
        self, contrast: Tensor, noncontrast: Tensor, *, learning_rate_factor: float
    ) -> dict[str, Tensor]:
        """Go one step on.

        Args:
            contrast: (batch, 1, rows, columns), HU, on the processor; this process's part.
            noncontrast: likewise; never a pair of `contrast`.
            learning_rate_factor: on the highest learning rates, from the schedule.

        Returns:
            Name of each loss -> scalar tensor, detached, on the device; of this process's part.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Give everything that the next step depends on, as tensors and plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that `state` gave."""
        ...


def build_engine(
    kind: EngineKind,
    generator: GeneratorDesign,
    discriminator: DiscriminatorDesign,
    *,
    settings: StepSettings,
    compute: Compute,
    ranks: Ranks = ALONE,
) -> TranslationEngine:
    """Build an engine with fresh networks, or with those of the public start.

    Args:
        kind: "cycle": two generators, each the other's way back; "contrastive": one, whose
            translations must show at each place what was there.
        generator: design of the generators.
        discriminator: design of the discriminators.
        settings: of a step; its seed fixes the starting weights, or its start names them.
            The public start is the cycle engine's alone.
        compute: where and in which precision.
        ranks: this process's place among those that train together.

    Raises:
        ConfigurationError: the engine cannot train such a generator, or has no image pool,
            or there is no public start for it.
        TrainingError: several processes are to share an image pool.
    """
    if kind == "contrastive":
        if settings.start == "public":
            raise ConfigurationError(
                "The contrastive engine is to begin with the public start. Expected the cycle "
                'engine, which alone has one. Set train.start to "scratch".'
            )
        one_sided = build_one_sided_networks(generator, discriminator, seed=settings.seed)
        return ContrastiveTrainer(one_sided, settings, compute, ranks)
    networks = started_networks(generator, discriminator, seed=settings.seed, start=settings.start)
    return CycleTrainer(networks, settings, compute, ranks)
