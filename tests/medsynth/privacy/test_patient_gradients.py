import math
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn

from medsynth.privacy.patient_gradients import sum_in_chunks, sum_one_by_one
from medsynth.privacy.patient_losses import DiscriminatorObjective, GeneratorObjective
from medsynth.privacy.patients import PatientDraw
from medsynth.training.cycle_networks import DiscriminatorKind, GeneratorKind
from medsynth.training.device import Compute
from tests.medsynth.privacy.small_networks import CPU, WEIGHTS, small_draws, small_networks


class ProductLoss(nn.Module):
    """Weights times slices, so that a patient's gradient is the patient's slices."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(2))
        self.second = nn.Parameter(torch.zeros(1))

    def forward(self, draw: PatientDraw) -> Tensor:
        assert draw.contrast is not None
        values = draw.contrast.flatten()
        return (self.first * values[:2]).sum() + (self.second * values[2:]).sum()


def _draw(*gradient: float) -> PatientDraw:
    return PatientDraw(torch.tensor(gradient).view(1, 1, 1, 3), None)


def _sum(draws: Sequence[PatientDraw], clipping_norm: float, chunk: int | None) -> list[float]:
    loss = ProductLoss()
    if chunk is None:
        sums = sum_one_by_one(loss, list(loss.parameters()), draws, clipping_norm=clipping_norm)
    else:
        named = dict(loss.named_parameters())
        sums = sum_in_chunks(loss, named, draws, clipping_norm=clipping_norm, chunk=chunk)
    return [value for total in sums for value in total.tolist()]


_BOTH_WAYS = pytest.mark.parametrize("chunk", [None, 2])


@_BOTH_WAYS
def test_gradient_is_clipped_over_all_parameters_together(chunk: int | None) -> None:
    # (2, 3, 6) is 7 long: clipped to 7/2 it is halved, over both parameters alike.
    assert _sum([_draw(2.0, 3.0, 6.0)], 3.5, chunk) == pytest.approx([1.0, 1.5, 3.0], abs=1e-12)


@_BOTH_WAYS
def test_short_gradient_is_left_as_it_is(chunk: int | None) -> None:
    assert _sum([_draw(0.5, 0.0, 0.25)], 1.0, chunk) == [0.5, 0.0, 0.25]


@_BOTH_WAYS
def test_patients_are_clipped_before_they_are_added(chunk: int | None) -> None:
    # Clipped each: 1 - 1 = 0. Added first they would give 2 - 1 = 1.
    assert _sum([_draw(2.0, 0.0, 0.0), _draw(-1.0, 0.0, 0.0)], 1.0, chunk) == [0.0, 0.0, 0.0]


@_BOTH_WAYS
def test_nobody_adds_nothing(chunk: int | None) -> None:
    assert _sum([], 1.0, chunk) == [0.0, 0.0, 0.0]


@_BOTH_WAYS
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_patient_without_a_finite_gradient_adds_nothing(chunk: int | None, wrong: float) -> None:
    draws = [_draw(1.0, 0.0, 0.0), _draw(1.0, wrong, 0.0), _draw(0.0, 1.0, 0.0)]
    assert _sum(draws, 1.0, chunk) == [1.0, 1.0, 0.0]


@_BOTH_WAYS
def test_gradient_of_zero_adds_nothing(chunk: int | None) -> None:
    assert _sum([_draw(0.0, 0.0, 0.0), _draw(0.0, 0.0, 1.0)], 1.0, chunk) == [0.0, 0.0, 1.0]


@_BOTH_WAYS
def test_gradient_too_long_for_the_square_of_float32_is_clipped(chunk: int | None) -> None:
    # 1e30 squared is no float32.
    assert _sum([_draw(0.0, 1e30, 0.0)], 1.0, chunk) == pytest.approx([0.0, 1.0, 0.0])


def test_unused_parameter_gets_a_sum_of_zero() -> None:
    used, unused = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(3))
    sums = sum_one_by_one(
        lambda _: used.sum(), [used, unused], [_draw(0.0, 0.0, 0.0)], clipping_norm=1.0
    )
    assert sums[1].tolist() == [0.0, 0.0, 0.0]


@pytest.fixture
def _float64_throughout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The networks go back to float32 in places, whose rounding is all that would be seen.
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _both_sums(
    objective: nn.Module, learning: tuple[nn.Module, nn.Module], draws: list[PatientDraw]
) -> tuple[Tensor, Tensor]:
    mine = {id(p) for network in learning for p in network.parameters()}
    named = {name: p for name, p in objective.named_parameters() if id(p) in mine}
    one_by_one = sum_one_by_one(objective, list(named.values()), draws, clipping_norm=1.0)
    in_chunks = sum_in_chunks(objective, named, draws, clipping_norm=1.0, chunk=2)
    flat = [torch.cat([s.flatten() for s in sums]) for sums in (one_by_one, in_chunks)]
    return flat[0], flat[1]


_DESIGNS: list[tuple[GeneratorKind, DiscriminatorKind]] = [
    ("unshuffle", "unshuffle"),
    ("skip", "unshuffle"),
    ("resnet", "patch70"),
]


@pytest.mark.usefixtures("_float64_throughout")
@pytest.mark.parametrize(("generator", "discriminator"), _DESIGNS)
def test_both_ways_agree_on_generators(
    generator: GeneratorKind, discriminator: DiscriminatorKind
) -> None:
    networks = small_networks(generator, discriminator)
    anchors = dict(
        zip(("to_noncontrast", "to_contrast"), small_networks().generators(), strict=True)
    )
    objective = GeneratorObjective(networks, WEIGHTS, CPU, anchors)
    one, other = _both_sums(objective, networks.generators(), small_draws(8, patch=32))
    assert float(one.norm()) > 0.5
    assert float((one - other).abs().max()) < 1e-10


@pytest.mark.usefixtures("_float64_throughout")
@pytest.mark.parametrize(("generator", "discriminator"), _DESIGNS)
def test_both_ways_agree_on_discriminators(
    generator: GeneratorKind, discriminator: DiscriminatorKind
) -> None:
    networks = small_networks(generator, discriminator)
    objective = DiscriminatorObjective(networks, CPU)
    one, other = _both_sums(objective, networks.discriminators(), small_draws(8, patch=32))
    assert float(one.norm()) > 0.5
    assert float((one - other).abs().max()) < 1e-10


def test_mixed_precision_gives_full_gradients_but_for_its_rounding() -> None:
    networks = small_networks()
    generating = [p for network in networks.generators() for p in network.parameters()]
    full, mixed = (
        sum_one_by_one(
            GeneratorObjective(networks, WEIGHTS, Compute(CPU.device, mixed), {}),
            generating,
            small_draws(3),
            clipping_norm=1.0,
        )
        for mixed in (False, True)
    )
    apart = torch.cat([(a - b).flatten() for a, b in zip(full, mixed, strict=True)]).norm()
    # bfloat16 keeps 8 bits.
    assert 0.0 < float(apart) < 0.05 * float(torch.cat([a.flatten() for a in full]).norm())


def test_vectorised_pass_leaves_no_gradient_behind() -> None:
    networks = small_networks()
    objective = DiscriminatorObjective(networks, CPU)
    _both_sums(objective, networks.discriminators(), small_draws(2))
    assert all(parameter.grad is None for parameter in objective.parameters())
