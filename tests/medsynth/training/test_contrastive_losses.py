import math

import torch
from torch import Tensor, nn

from medsynth.networks.patch_features import PatchProjection, encoder_widths
from medsynth.networks.unshuffle_generator import UnshuffleGenerator
from medsynth.training.contrastive_losses import (
    OneSidedJudges,
    OneSidedLoss,
    correspondence_loss,
    one_sided_loss,
)
from medsynth.training.losses import LossWeights


class _Always(nn.Module):
    def __init__(self, verdict: float) -> None:
        super().__init__()
        self.verdict = verdict

    def forward(self, slices: Tensor) -> Tensor:
        return torch.full((len(slices), 1, 2, 2), self.verdict)


class _Mean(nn.Module):
    def forward(self, slices: Tensor) -> Tensor:
        return slices.mean(dim=(2, 3), keepdim=True) / 100.0


def _slices(seed: int, count: int = 1) -> Tensor:
    return 100.0 * torch.randn(count, 1, 32, 32, generator=torch.Generator().manual_seed(seed))


def _draws() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def _networks(*, trained: bool = False) -> tuple[UnshuffleGenerator, PatchProjection]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        generator = UnshuffleGenerator(channels=8, blocks=2)
        projection = PatchProjection(encoder_widths(generator), dimensions=16)
        if trained:
            nn.init.normal_(generator.leave.weight, std=0.1)
    return generator, projection


def _correspondence(given: Tensor, made: Tensor) -> Tensor:
    generator, projection = _networks()
    return correspondence_loss(
        given, made, generator=generator, projection=projection, draws=_draws()
    )


def _loss(
    contrast: Tensor,
    noncontrast: Tensor,
    *,
    judge: nn.Module,
    trained: bool,
    correspondence: float = 0.5,
) -> OneSidedLoss:
    generator, projection = _networks(trained=trained)
    return one_sided_loss(
        contrast,
        noncontrast,
        generator=generator,
        judges=OneSidedJudges(judge, projection),
        weights=LossWeights(cycle=7.0, identity=2.0, change=3.0, correspondence=correspondence),
        draws=_draws(),
    )


def test_correspondence_knows_nothing_where_all_places_are_described_alike() -> None:
    generator, projection = _networks()
    for level in projection.levels:
        for parameter in level.parameters():
            nn.init.ones_(parameter)
    loss = correspondence_loss(
        _slices(0), _slices(1), generator=generator, projection=projection, draws=_draws()
    )
    # All vectors have equal entries, so each of the 8 x 8 places is as good an answer.
    assert math.isclose(loss.item(), math.log(64), rel_tol=1e-4)


def test_correspondence_is_lower_for_the_source_than_for_another_slice() -> None:
    given = _slices(0)
    assert _correspondence(given, given + 5.0).item() < _correspondence(given, _slices(1)).item()


def test_no_gradient_leads_to_the_descriptions_of_the_source() -> None:
    given, made = _slices(0).requires_grad_(), _slices(1).requires_grad_()
    torch.autograd.backward(_correspondence(given, made))
    assert given.grad is None
    assert made.grad is not None


def test_untrained_generator_changes_nothing_and_pays_for_nothing_but_the_verdict() -> None:
    loss = _loss(_slices(0), _slices(1), judge=_Always(0.5), trained=False)
    assert loss.identity.item() == 0.0
    assert loss.change.item() == 0.0
    # (0.5 - 1)^2 = 0.25; correspondence has weight 0.5, and there is no cycle to pay for.
    assert loss.adversarial.item() == 0.25
    assert torch.isclose(loss.total, 0.25 + 0.5 * loss.correspondence)


def test_correspondence_is_left_out_at_weight_zero() -> None:
    loss = _loss(_slices(0), _slices(1), judge=_Always(0.5), trained=False, correspondence=0.0)
    assert loss.correspondence.item() == 0.0
    assert loss.total.item() == 0.25


def test_total_is_the_weighted_sum() -> None:
    loss = _loss(_slices(0), _slices(1), judge=_Always(0.5), trained=True)
    assert loss.identity.item() > 0.0
    assert loss.change.item() > 0.0
    weighted = loss.adversarial + 0.5 * loss.correspondence + 2 * loss.identity + 3 * loss.change
    assert torch.isclose(loss.total, weighted)


def test_each_slice_has_the_same_share_in_a_batch_as_alone() -> None:
    contrast, noncontrast = _slices(0, count=2), _slices(1, count=2)
    together = _loss(contrast, noncontrast, judge=_Mean(), trained=True)
    alone = [
        _loss(contrast[n : n + 1], noncontrast[n : n + 1], judge=_Mean(), trained=True)
        for n in range(2)
    ]
    assert torch.isclose(together.total, (alone[0].total + alone[1].total) / 2, rtol=1e-4)
