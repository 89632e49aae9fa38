from collections.abc import Iterator

import pytest
import torch
from torch import nn

from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights
from medsynth.training.trainer_state import (
    LearningNetworks,
    NetworkRoles,
    StepSettings,
    update_average,
)

_SETTINGS = StepSettings(
    weights=LossWeights(cycle=1.0, identity=1.0, change=0.1),
    learning_rate=0.2,
    discriminator_learning_rate=0.4,
    averaging=0.9,
    image_pool=0,
    seed=0,
)


class _Pair:
    """A generator and a discriminator of one weight each."""

    def __init__(self, weight: float) -> None:
        self.generator = _scale(weight)
        self.discriminator = _scale(weight)

    def named(self) -> Iterator[tuple[str, nn.Module]]:
        yield "generator", self.generator
        yield "discriminator", self.discriminator


def _scale(weight: float) -> nn.Linear:
    scale = nn.Linear(1, 1, bias=False)
    nn.init.constant_(scale.weight, weight)
    return scale


def _learning(pair: _Pair) -> LearningNetworks:
    roles = NetworkRoles({"generator": pair.generator}, (pair.generator,), (pair.discriminator,))
    return LearningNetworks(pair, roles, _SETTINGS, Compute(torch.device("cpu"), mixed=False))


def _step_generator(pair: _Pair, learning: LearningNetworks) -> None:
    learning.generator_optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(pair.generator(torch.ones(1, 1)).sum())
    learning.generator_optimiser.step()


# Of 1 and 3: decay 0 at step 0, 10 / 20 at step 10, 90 / 100 from step 90 on.
@pytest.mark.parametrize(("step", "expected"), [(0, 3.0), (10, 2.0), (90, 1.2), (10_000, 1.2)])
def test_average_is_a_plain_mean_until_it_is_old(step: int, expected: float) -> None:
    averaged = _scale(1.0).requires_grad_(False)
    update_average(averaged, _scale(3.0), highest_decay=0.9, step=step)
    assert averaged.weight.item() == pytest.approx(expected)


def test_optimiser_moves_the_network_and_leaves_its_average() -> None:
    pair = _Pair(1.0)
    learning = _learning(pair)
    _step_generator(pair, learning)
    # Adam's first step is as long as the learning rate.
    assert pair.generator.weight.item() == pytest.approx(0.8)
    assert pair.discriminator.weight.item() == 1.0
    assert learning.averaged["generator"].state_dict()["weight"].item() == 1.0
    learning.update_averages(10)
    assert learning.averaged["generator"].state_dict()["weight"].item() == pytest.approx(0.9)


def test_each_learning_rate_is_a_share_of_its_own_highest() -> None:
    learning = _learning(_Pair(1.0))
    for factor in (0.5, 0.25):
        learning.set_learning_rates(factor)
    assert learning.generator_optimiser.param_groups[0]["lr"] == pytest.approx(0.05)
    assert learning.discriminator_optimiser.param_groups[0]["lr"] == pytest.approx(0.1)


def test_state_has_the_keys_of_a_checkpoint_in_their_order() -> None:
    assert list(_learning(_Pair(1.0)).state()) == [
        "networks",
        "averaged",
        "generator_optimiser",
        "discriminator_optimiser",
    ]


def test_restoring_passes_over_what_else_an_engine_keeps() -> None:
    trained, resumed = _Pair(2.0), _Pair(1.0)
    before, after = _learning(trained), _learning(resumed)
    _step_generator(trained, before)
    after.restore({"step": 7, **before.state(), "pools": {}})
    assert torch.equal(resumed.generator.weight, trained.generator.weight)
    _step_generator(trained, before)
    _step_generator(resumed, after)
    assert torch.equal(resumed.generator.weight, trained.generator.weight)


def test_parameter_that_two_networks_share_takes_one_step() -> None:
    pair = _Pair(1.0)
    other = _scale(1.0)
    other.weight = pair.generator.weight
    roles = NetworkRoles(
        {"generator": pair.generator}, (pair.generator, other), (pair.discriminator,)
    )
    learning = LearningNetworks(pair, roles, _SETTINGS, Compute(torch.device("cpu"), mixed=False))
    groups = learning.generator_optimiser.param_groups
    assert [len(group["params"]) for group in groups] == [1]
