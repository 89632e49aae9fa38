"""The losses of the cycle translator, each a sum over patients of one phase.

Every loss below sees slices of one phase alone. Their sum is the CycleGAN
objective; kept apart, each patient's share can be told from the others'.
"""

import dataclasses

import torch
from torch import Tensor, nn

# The unit of the cycle and identity losses: about the enhancement of an organ.
LOSS_UNIT_HU = 100.0


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weights against the adversarial loss, which has weight 1.

    Attributes:
        cycle: of the cycle loss; the one-sided translator has none.
        identity: of the identity loss; 0 leaves it out.
        change: of the change a translation makes; 0 leaves it out.
        correspondence: of the correspondence of places, in nats; 0 leaves it out, as the
            cycle translator does.
    """

    cycle: float
    identity: float
    change: float
    correspondence: float = 0.0


@dataclasses.dataclass(frozen=True)
class GeneratorLoss:
    """What one phase's slices contribute to the generators' objective.

    Attributes:
        total: scalar, weighted sum.
        adversarial: scalar, unweighted.
        cycle: scalar, unweighted, in units of 100 HU.
        identity: scalar, unweighted, in units of 100 HU.
        change: scalar, unweighted, in units of 100 HU.
        translated: (batch, 1, rows, columns), HU, detached from the graph.
    """

    total: Tensor
    adversarial: Tensor
    cycle: Tensor
    identity: Tensor
    change: Tensor
    translated: Tensor


def generator_loss(
    real: Tensor,
    *,
    forward: nn.Module,
    backward: nn.Module,
    judge: nn.Module,
    weights: LossWeights,
    anchor: nn.Module | None = None,
) -> GeneratorLoss:
    """Give the objective of both generators on slices of one phase.

    Args:
        real: (batch, 1, rows, columns), HU, of one phase.
        forward: the generator out of that phase.
        backward: the generator into that phase.
        judge: the discriminator of the other phase.
        weights: of cycle, identity and change.
        anchor: a generator out of that phase; the change is counted from what it makes of
            the slices. None counts it from the slices themselves.

    Returns:
        The loss and its parts.

    Source: Zhu et al. 2017, doi 10.1109/ICCV.2017.244; least squares after Mao et al. 2017,
    arXiv 1611.04076; the change's weight is the self-regularisation of Shrivastava et al. 2017,
    arXiv 1612.07828: it keeps still what the discriminator does not ask to move.
    """
    translated = forward(real)
    adversarial = (judge(translated).float() - 1.0).square().mean()
    if weights.identity > 0:
        # One pass for both: every norm is of one sample, so the halves do not meet.
        rebuilt, kept = backward(torch.cat([translated, real])).chunk(2)
        identity = difference_in_loss_units(kept, real)
    else:
        rebuilt = backward(translated)
        identity = real.new_zeros(())
    cycle = difference_in_loss_units(rebuilt, real)
    change = difference_in_loss_units(translated, _anchored(real, anchor))
    total = (
        adversarial + weights.cycle * cycle + weights.identity * identity + weights.change * change
    )
    return GeneratorLoss(total, adversarial, cycle, identity, change, translated.detach())


def discriminator_loss(judge: nn.Module, real: Tensor, synthetic: Tensor) -> Tensor:
    """Give a discriminator's objective: 1 for real patches, 0 for synthetic ones.

    Args:
        judge: the discriminator of one phase.
        real: (batch, 1, rows, columns), HU, real slices of that phase.
        synthetic: (batch, 1, rows, columns), HU, translated into that phase, detached.

    Returns:
        Scalar.

    Source: Mao et al. 2017, arXiv 1611.04076, halved as in Zhu et al. 2017.
    """
    verdict_real, verdict_synthetic = judge(torch.cat([real, synthetic])).float().chunk(2)
    loss: Tensor = (verdict_real - 1.0).square().mean() + verdict_synthetic.square().mean()
    return loss / 2.0


@torch.no_grad()
def _anchored(real: Tensor, anchor: nn.Module | None) -> Tensor:
    made: Tensor = real if anchor is None else anchor(real).float()
    return made


def difference_in_loss_units(made: Tensor, wanted: Tensor) -> Tensor:
    """Give the mean absolute difference of two sets of slices, in units of 100 HU.

    Args:
        made: (batch, 1, rows, columns), HU.
        wanted: the same shape, HU.

    Returns:
        Scalar, float32.
    """
    difference: Tensor = (made.float() - wanted).abs().mean() / LOSS_UNIT_HU
    return difference
