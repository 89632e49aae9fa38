"""What one patient contributes to each objective of a cycle translator."""

from typing import cast

import torch
from torch import Tensor, nn

from medsynth.privacy.patients import PatientDraw
from medsynth.training.cycle_networks import CycleNetworks
from medsynth.training.device import Compute
from medsynth.training.losses import (
    LossWeights,
    difference_in_loss_units,
    discriminator_loss,
    generator_loss,
)

# The darker a plain scan is shown, the less changes in it, beyond the true offset, too; what a
# contrast scan then changes by must outweigh that. Found on made-up patients: with 1 the offset
# comes out 8 to 10 HU too large, with 3 about 5.
_CONTRAST_WEIGHT = 3.0


class GeneratorObjective(nn.Module):
    """A patient's share of both generators' objective: the sum over the phases there are."""

    def __init__(
        self,
        networks: CycleNetworks,
        weights: LossWeights,
        compute: Compute,
        anchors: dict[str, nn.Module],
    ) -> None:
        """Bind the objective to its networks.

        Args:
            networks: all four.
            weights: of the losses.
            compute: the precision of the forward pass.
            anchors: name of a generator -> what its change is counted from; may be empty.
        """
        super().__init__()
        self.networks = nn.ModuleDict(dict(networks.named()))
        self.anchors = nn.ModuleDict(anchors)
        self._weights = weights
        self._compute = compute

    def forward(self, draw: PatientDraw) -> Tensor:
        """Give a scalar, the mean over the patient's slices of each phase, both added."""
        losses = []
        with self._compute.precision():
            if draw.contrast is not None:
                losses.append(self._out_of(draw.contrast, "contrast", "noncontrast"))
            if draw.noncontrast is not None:
                losses.append(self._out_of(draw.noncontrast, "noncontrast", "contrast"))
        return cast(Tensor, sum(losses))

    def _out_of(self, real: Tensor, phase: str, other: str) -> Tensor:
        anchors = dict(self.anchors.items())
        return generator_loss(
            real,
            forward=self.networks[f"to_{other}"],
            backward=self.networks[f"to_{phase}"],
            judge=self.networks[f"{other}_discriminator"],
            weights=self._weights,
            anchor=anchors.get(f"to_{other}"),
        ).total


class CalibrationObjective(nn.Module):
    """A patient's word on the scanner's offset: what is of a phase stays as it is.

    Out of contrast, a non-contrast scan must not change; into contrast, a contrast scan must
    not. An offset of the scanner breaks both, in opposite ways, so one number mends both.
    """

    def __init__(self, networks: CycleNetworks, compute: Compute) -> None:
        """Bind the objective to its networks.

        Args:
            networks: all four; the discriminators have no part in it.
            compute: the precision of the forward pass.
        """
        super().__init__()
        self.to_noncontrast, self.to_contrast = networks.generators()
        self._compute = compute

    def forward(self, draw: PatientDraw) -> Tensor:
        """Give a scalar, the mean over the patient's slices of each phase, both added."""
        losses = []
        for real, generator, weight in (
            (draw.contrast, self.to_contrast, _CONTRAST_WEIGHT),
            (draw.noncontrast, self.to_noncontrast, 1.0),
        ):
            if real is not None:
                with self._compute.precision():
                    kept = generator(real)
                losses.append(weight * difference_in_loss_units(kept, real))
        return cast(Tensor, sum(losses))


class DiscriminatorObjective(nn.Module):
    """A patient's share of both discriminators' objective.

    A patient's real slices go to the judge of their phase, and what is made of them to the
    judge of the other; both terms are the patient's, so both lie under one clip. The
    translations are made anew from the slices drawn: a pool would show a patient's slices
    in updates for which the patient was not drawn.
    """

    def __init__(self, networks: CycleNetworks, compute: Compute) -> None:
        """Bind the objective to its networks.

        Args:
            networks: all four.
            compute: the precision of the forward pass.
        """
        super().__init__()
        self.networks = nn.ModuleDict(dict(networks.named()))
        self._compute = compute

    def forward(self, draw: PatientDraw) -> Tensor:
        """Give a scalar, the mean over the patient's slices of each phase, all terms added."""
        networks = self.networks
        with self._compute.precision():
            losses = [
                *_judged(
                    networks["noncontrast_discriminator"],
                    real=draw.noncontrast,
                    synthetic=_translated(networks["to_noncontrast"], draw.contrast),
                ),
                *_judged(
                    networks["contrast_discriminator"],
                    real=draw.contrast,
                    synthetic=_translated(networks["to_contrast"], draw.noncontrast),
                ),
            ]
        return cast(Tensor, sum(losses))


@torch.no_grad()
def _translated(generator: nn.Module, real: Tensor | None) -> Tensor | None:
    return None if real is None else generator(real)


def _judged(judge: nn.Module, *, real: Tensor | None, synthetic: Tensor | None) -> list[Tensor]:
    """Give a patient's terms of one discriminator's objective; none where nothing is shown."""
    if real is not None and synthetic is not None:
        # One pass over both costs a third less than two.
        return [discriminator_loss(judge, real, synthetic)]
    # Halved as in `discriminator_loss`, of which either term is a part.
    return [
        (judge(slices).float() - wanted).square().mean() / 2.0
        for slices, wanted in ((real, 1.0), (synthetic, 0.0))
        if slices is not None
    ]
