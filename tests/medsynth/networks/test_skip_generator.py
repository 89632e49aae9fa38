import pytest
import torch
from torch import nn

from medsynth.networks.skip_generator import SkipGenerator


def _slices(count: int, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return 200.0 * torch.randn(count, 1, size, size, generator=generator)


def _started(channels: int = 8, blocks: int = 3) -> SkipGenerator:
    network = SkipGenerator(channels, blocks)
    generator = torch.Generator().manual_seed(4)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1, generator=generator)
    return network


def test_untrained_generator_returns_its_input() -> None:
    slices = _slices(2)
    assert torch.equal(SkipGenerator(channels=8, blocks=3)(slices), slices)


# 36 = 4 * 9: the eighths of the grid do not come out even.
@pytest.mark.parametrize("size", [32, 36])
def test_generator_keeps_the_grid(size: int) -> None:
    assert _started()(_slices(1, size)).shape == (1, 1, size, size)


def test_no_slice_depends_on_the_others_in_its_batch() -> None:
    network, slices = _started(), _slices(3)
    alone = torch.cat([network(each[None]) for each in slices])
    assert torch.allclose(network(slices), alone, rtol=1e-4, atol=1e-2)


def test_generator_holds_no_running_statistics() -> None:
    assert list(SkipGenerator(channels=8, blocks=3).buffers()) == []


def test_features_have_half_a_quarter_and_an_eighth_of_the_rows() -> None:
    shapes = [tuple(level.shape) for level in SkipGenerator(8, 3).features(_slices(2))]
    assert shapes == [(2, 4, 16, 16), (2, 8, 8, 8), (2, 8, 4, 4)]


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_every_weight_reaches_the_output_whatever_the_number_of_blocks(blocks: int) -> None:
    network = _started(blocks=blocks)
    torch.autograd.backward(network(_slices(1)).square().sum())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0.0, name


def test_blocks_are_shared_out_over_the_levels() -> None:
    network = SkipGenerator(channels=8, blocks=5)
    # The finest levels take what is left over.
    assert [len(level) for level in (network.finest, network.middle, network.deepest)] == [2, 2, 1]
