import pytest
import torch
from torch import nn

from medsynth.networks.discriminators import Patch70Discriminator, UnshuffleDiscriminator
from medsynth.networks.resnet_generator import ResnetGenerator
from medsynth.networks.unshuffle_generator import UnshuffleGenerator


def _slices(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return 200.0 * torch.randn(count, 1, 32, 32, generator=generator)


def test_untrained_default_generator_returns_its_input() -> None:
    slices = _slices(2)
    assert torch.equal(UnshuffleGenerator(channels=8, blocks=2)(slices), slices)


@pytest.mark.parametrize(
    "network",
    [
        UnshuffleGenerator(channels=8, blocks=2),
        ResnetGenerator(channels=4, blocks=1),
        UnshuffleDiscriminator(channels=8),
        Patch70Discriminator(channels=4),
    ],
)
def test_no_sample_depends_on_the_others_in_its_batch(network: nn.Module) -> None:
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    slices = _slices(3)
    alone = torch.cat([network(each[None]) for each in slices])
    assert torch.allclose(network(slices), alone, rtol=1e-4, atol=1e-2)


def test_default_networks_hold_no_running_statistics() -> None:
    for network in (UnshuffleGenerator(channels=8, blocks=3), UnshuffleDiscriminator(channels=8)):
        assert list(network.buffers()) == []


def test_original_generator_keeps_the_grid_and_stays_within_its_range() -> None:
    made = ResnetGenerator(channels=4, blocks=1)(_slices(1))
    assert made.shape == (1, 1, 32, 32)
    assert float(made.detach().abs().max()) <= 1000.0


def test_discriminators_judge_patches() -> None:
    assert UnshuffleDiscriminator(channels=8)(_slices(1)).shape == (1, 1, 8, 8)
    # 128 -> 64 -> 32 -> 16 by strides of 2, then two 4x4 layers of stride 1 with padding 1.
    assert Patch70Discriminator(channels=4)(torch.zeros(1, 1, 128, 128)).shape == (1, 1, 14, 14)


def test_original_discriminator_sees_seventy_pixels() -> None:
    network = Patch70Discriminator(channels=4)
    # A norm over the whole slice would let every pixel reach every verdict.
    layers = nn.Sequential(
        *(layer for layer in network.layers if not isinstance(layer, nn.InstanceNorm2d))
    )
    slices = torch.zeros(1, 1, 256, 256, requires_grad=True)
    verdict = layers(slices)
    (gradient,) = torch.autograd.grad(verdict[0, 0, 15, 15], slices)
    seen_rows = torch.nonzero(gradient[0, 0].abs().sum(dim=1))
    assert int(seen_rows.max() - seen_rows.min()) + 1 == 70
