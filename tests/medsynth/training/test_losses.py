import torch
from torch import Tensor, nn

from medsynth.training.losses import LossWeights, discriminator_loss, generator_loss


class _Add(nn.Module):
    def __init__(self, hu: float) -> None:
        super().__init__()
        self.hu = hu

    def forward(self, slices: Tensor) -> Tensor:
        return slices + self.hu


class _Always(nn.Module):
    def __init__(self, verdict: float) -> None:
        super().__init__()
        self.verdict = verdict

    def forward(self, slices: Tensor) -> Tensor:
        return torch.full((len(slices), 1, 2, 2), self.verdict)


def test_generator_loss_has_the_value_worked_out_by_hand() -> None:
    loss = generator_loss(
        torch.zeros(2, 1, 4, 4),
        forward=_Add(-50.0),
        backward=_Add(20.0),
        judge=_Always(0.5),
        weights=LossWeights(cycle=10.0, identity=5.0, change=2.0),
    )
    # Adversarial (0.5 - 1)^2 = 0.25; cycle |-50 + 20| / 100 = 0.3; identity 20 / 100 = 0.2.
    assert float(loss.adversarial) == 0.25
    assert torch.isclose(loss.cycle, torch.tensor(0.3))
    assert torch.isclose(loss.identity, torch.tensor(0.2))
    assert torch.isclose(loss.change, torch.tensor(0.5))
    # 0.25 + 10 * 0.3 + 5 * 0.2 + 2 * 0.5 = 5.25
    assert torch.isclose(loss.total, torch.tensor(5.25))
    assert torch.equal(loss.translated, torch.full((2, 1, 4, 4), -50.0))


def test_identity_is_left_out_at_weight_zero() -> None:
    loss = generator_loss(
        torch.zeros(1, 1, 4, 4),
        forward=_Add(0.0),
        backward=_Add(100.0),
        judge=_Always(1.0),
        weights=LossWeights(cycle=1.0, identity=0.0, change=0.0),
    )
    assert float(loss.identity) == 0.0
    assert float(loss.total) == 1.0


class _IsBright(nn.Module):
    def forward(self, slices: Tensor) -> Tensor:
        return (slices > 0).float()


def test_discriminator_loss_is_zero_when_right_and_one_when_wrong() -> None:
    bright, dark = torch.ones(1, 1, 2, 2), -torch.ones(1, 1, 2, 2)
    assert float(discriminator_loss(_IsBright(), real=bright, synthetic=dark)) == 0.0
    assert float(discriminator_loss(_IsBright(), real=dark, synthetic=bright)) == 1.0
