import pytest
import torch
from torch import Tensor, nn

from medsynth.errors import ConfigurationError
from medsynth.privacy.network_admission import admit_networks
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    DiscriminatorKind,
    GeneratorDesign,
    GeneratorKind,
    build_cycle_networks,
)

PATCH = 32


def _convolutions(*between: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *between, nn.Conv2d(4, 1, 3, padding=1))


class _BatchMean(nn.Module):
    """Takes away the mean over a batch: no known layer, and no patient alone."""

    def forward(self, volume_hu: Tensor) -> Tensor:
        return volume_hu - volume_hu.mean(dim=0, keepdim=True)


class _BatchScale(nn.Module):
    """Divides by the largest value of a batch."""

    def forward(self, volume_hu: Tensor) -> Tensor:
        return volume_hu / volume_hu.abs().max()


class _Memory(nn.Module):
    """Adds what it saw last, in a plain attribute that no state shows."""

    def __init__(self) -> None:
        super().__init__()
        self._last: Tensor | None = None

    def forward(self, volume_hu: Tensor) -> Tensor:
        shown = volume_hu if self._last is None else volume_hu + 0.1 * self._last.mean()
        self._last = volume_hu.detach()
        return shown


class _Counter(nn.Module):
    """Counts what it was shown in a buffer, and leaves the output alone."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, volume_hu: Tensor) -> Tensor:
        self.seen = self.seen + volume_hu.abs().mean()
        return volume_hu


def _spectral(make: str) -> nn.Module:
    convolution = nn.Conv2d(1, 1, 3, padding=1)
    if make == "hook":
        return nn.utils.spectral_norm(convolution)
    return nn.utils.parametrizations.spectral_norm(convolution)


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (_convolutions(nn.BatchNorm2d(4)), "BatchNorm2d"),
        (_convolutions(nn.BatchNorm2d(4, affine=False)), "BatchNorm2d"),
        (_convolutions(nn.BatchNorm2d(4, track_running_stats=False)), "BatchNorm2d"),
        (_convolutions(nn.SyncBatchNorm(4)), "SyncBatchNorm"),
        (_convolutions(nn.InstanceNorm2d(4, track_running_stats=True)), "keeps statistics"),
        (_spectral("hook"), "spectral norm"),
        (_spectral("parametrisation"), "spectral norm"),
        (_convolutions(_BatchMean()), "other patients of a batch"),
        (_convolutions(_BatchScale()), "other patients of a batch"),
        (_convolutions(_Memory()), "batch|shown before"),
        (_convolutions(_Counter()), "values that change"),
    ],
)
def test_network_that_mixes_patients_is_refused(network: nn.Module, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as refusal:
        admit_networks({"to_contrast": network}, patch=PATCH)
    assert "to_contrast" in str(refusal.value)


@pytest.mark.parametrize(
    "between", [nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.Dropout(0.5), nn.ReLU(inplace=True)]
)
def test_network_that_sees_each_patient_alone_is_let_in(between: nn.Module) -> None:
    admit_networks({"to_contrast": _convolutions(between)}, patch=PATCH)


@pytest.mark.parametrize("discriminator", ["unshuffle", "patch70"])
@pytest.mark.parametrize("generator", ["unshuffle", "skip", "resnet"])
def test_shipped_networks_are_let_in(
    generator: GeneratorKind, discriminator: DiscriminatorKind
) -> None:
    networks = build_cycle_networks(
        GeneratorDesign(generator, channels=4, blocks=1),
        DiscriminatorDesign(discriminator, channels=4),
        seed=1,
    )
    admit_networks(dict(networks.named()), patch=64)


def test_networks_are_left_as_they_were() -> None:
    network = _convolutions(nn.Dropout(0.5)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    chance = torch.get_rng_state()
    admit_networks({"to_contrast": network}, patch=PATCH)
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), chance)
