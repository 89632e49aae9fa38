"""The losses of the one-sided translator: content is kept place by place, not by a way back.

As in the cycle translator's, each slice's share of a loss depends on that slice alone.
"""

import dataclasses

import torch
from torch import Tensor, nn

from medsynth.networks.patch_features import (
    Encoder,
    PatchProjection,
    draw_places,
    encoder_features,
)
from medsynth.training.losses import LossWeights, difference_in_loss_units

PLACES = 128
TEMPERATURE = 0.07


@dataclasses.dataclass(frozen=True)
class OneSidedLoss:
    """What slices of both phases contribute to the generator's objective.

    Attributes:
        total: scalar, weighted sum.
        adversarial: scalar, unweighted.
        correspondence: scalar, unweighted, nats; mean over both phases.
        identity: scalar, unweighted, in units of 100 HU.
        change: scalar, unweighted, in units of 100 HU.
        translated: (batch, 1, rows, columns), HU, the contrast slices', detached.
    """

    total: Tensor
    adversarial: Tensor
    correspondence: Tensor
    identity: Tensor
    change: Tensor
    translated: Tensor


@dataclasses.dataclass(frozen=True)
class OneSidedJudges:
    """What the generator is held against.

    Attributes:
        discriminator: of non-contrast slices.
        projection: of the generator's own features.
    """

    discriminator: nn.Module
    projection: PatchProjection


def one_sided_loss(
    contrast: Tensor,
    noncontrast: Tensor,
    *,
    generator: Encoder,
    judges: OneSidedJudges,
    weights: LossWeights,
    draws: torch.Generator,
) -> OneSidedLoss:
    """Give the objective of the generator out of contrast.

    Args:
        contrast: (batch, 1, rows, columns), HU.
        noncontrast: (batch, 1, rows, columns), HU; the generator shall leave these alone.
        generator: to_noncontrast.
        judges: discriminator and projection.
        weights: of correspondence, identity and change; there is no cycle.
        draws: for the places.

    Returns:
        The loss and its parts.

    Source: Park et al. 2020, arXiv 2007.15651, whose objective this is with identity and
    change at weight 0; those two are the cycle translator's, in HU.
    """
    given = torch.cat([contrast, noncontrast])
    # One pass for both: no norm is of more than one sample, so the halves do not meet.
    made = generator(given)
    translated, kept = made.split([len(contrast), len(noncontrast)])
    adversarial = (judges.discriminator(translated).float() - 1.0).square().mean()
    correspondence = given.new_zeros(())
    if weights.correspondence > 0:
        correspondence = correspondence_loss(
            given, made, generator=generator, projection=judges.projection, draws=draws
        )
    identity = difference_in_loss_units(kept, noncontrast)
    change = difference_in_loss_units(translated, contrast)
    total = (
        adversarial
        + weights.correspondence * correspondence
        + weights.identity * identity
        + weights.change * change
    )
    return OneSidedLoss(total, adversarial, correspondence, identity, change, translated.detach())


def correspondence_loss(
    given: Tensor,
    made: Tensor,
    *,
    generator: Encoder,
    projection: PatchProjection,
    draws: torch.Generator,
) -> Tensor:
    """Ask of each place which place of the source it came from, among others of the same slice.

    Args:
        given: (batch, 1, rows, columns), HU.
        made: the same shape, HU: the generator's translation of `given`.
        generator: whose encoder describes places.
        projection: makes the descriptions comparable; both learn.
        draws: for the places.

    Returns:
        Scalar, nats, mean over slices, places and levels. Without any
        information it is the logarithm of the number of places.

    Source: Park et al. 2020, arXiv 2007.15651: internal negatives, no gradient to the source's
    descriptions, temperature 0.07.
    """
    with torch.no_grad():
        of_given = encoder_features(generator, given)
        places = draw_places(of_given, count=PLACES, generator=draws)
        wanted = projection(of_given, places)
    found = projection(encoder_features(generator, made), places)
    levels = [_answer_loss(f, w) for f, w in zip(found, wanted, strict=True)]
    return torch.stack(levels).mean()


def _answer_loss(found: Tensor, wanted: Tensor) -> Tensor:
    batch, places, _ = found.shape
    # bfloat16 would round logits of up to 1 / 0.07 to a sixteenth.
    with torch.autocast(found.device.type, enabled=False):
        similarity = torch.bmm(found, wanted.transpose(1, 2)) / TEMPERATURE
    answers = torch.arange(places, device=found.device).expand(batch, places)
    return nn.functional.cross_entropy(similarity.transpose(1, 2), answers)
