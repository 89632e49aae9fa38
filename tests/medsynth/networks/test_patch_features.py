import pytest
import torch
from torch import Tensor, nn

from medsynth.networks.patch_features import (
    Encoder,
    PatchProjection,
    draw_places,
    encoder_features,
    encoder_widths,
)
from medsynth.networks.skip_generator import SkipGenerator
from medsynth.networks.unshuffle_generator import UnshuffleGenerator


def _slices(count: int) -> Tensor:
    return 200.0 * torch.randn(count, 1, 32, 32, generator=torch.Generator().manual_seed(3))


def _unshuffle(blocks: int) -> UnshuffleGenerator:
    network = UnshuffleGenerator(8, blocks)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    return network


@pytest.mark.parametrize("generator", [UnshuffleGenerator(8, 5), SkipGenerator(8, 3)])
def test_features_have_the_widths_that_are_told(generator: Encoder) -> None:
    features = encoder_features(generator, _slices(2))
    assert tuple(level.shape[1] for level in features) == encoder_widths(generator)


def test_last_features_of_the_default_generator_are_what_its_last_layer_gets() -> None:
    network, slices = _unshuffle(blocks=4), _slices(1)
    received: list[Tensor] = []
    network.leave.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0]))
    network(slices)
    # The last layer gets the folded slice behind the features.
    assert torch.equal(received[0][:, :8], encoder_features(network, slices)[-1])


def test_default_generator_gives_its_entry_and_each_second_block() -> None:
    network = _unshuffle(blocks=5)
    assert len(encoder_features(network, _slices(1))) == 1 + 5 // 2


def test_projected_vectors_have_length_one() -> None:
    features = (torch.randn(2, 8, 4, 4), torch.randn(2, 3, 2, 2))
    places = (torch.tensor([0, 5, 15]), torch.tensor([3]))
    projected = PatchProjection((8, 3), dimensions=6)(features, places)
    assert [tuple(level.shape) for level in projected] == [(2, 3, 6), (2, 1, 6)]
    for level in projected:
        assert torch.allclose(level.norm(dim=-1), torch.ones(level.shape[:2]))


def test_projection_describes_the_place_that_is_named() -> None:
    projection = PatchProjection((8,), dimensions=6)
    features = torch.randn(2, 8, 4, 5)
    # Place 13 of 4 rows of 5 columns is row 2, column 3.
    (chosen,) = projection((features,), (torch.tensor([13]),))
    (alone,) = projection((features[:, :, 2:3, 3:4],), (torch.tensor([0]),))
    assert torch.allclose(chosen, alone, atol=1e-6)


def test_no_place_is_drawn_twice() -> None:
    features = (torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 2, 3))
    fine, coarse = draw_places(features, count=40, generator=torch.Generator().manual_seed(0))
    assert len(set(fine.tolist())) == 40
    assert max(fine.tolist()) < 64
    # A level with fewer places gives all that it has.
    assert sorted(coarse.tolist()) == [0, 1, 2, 3, 4, 5]


def test_places_do_not_depend_on_the_number_of_slices() -> None:
    draws = [
        draw_places(
            (torch.zeros(batch, 2, 8, 8),), count=9, generator=torch.Generator().manual_seed(7)
        )[0]
        for batch in (1, 5)
    ]
    assert torch.equal(*draws)
