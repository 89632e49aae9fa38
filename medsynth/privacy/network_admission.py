"""Networks in a private training: what they make of one patient must not depend on another."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from medsynth.errors import ConfigurationError

_SAMPLES = 4
_MOST_CHANGE = 1e-4
_SEED = 20
# Values no patient has, so that a statistic over samples cannot stay where it was.
_FAR_HU = 20_000.0


def admit_networks(networks: Mapping[str, nn.Module], *, patch: int) -> None:
    """Refuse networks that mix patients, by what they are built of and by what they do.

    Args:
        networks: name -> network of (batch, 1, patch, patch) HU. They are not changed.
        patch: rows and columns of what is shown to them.

    Raises:
        ConfigurationError: a network has a norm over samples, running statistics or spectral
            norm; its output for a sample changes with the other samples of a batch; or
            running it changes what it keeps.
    """
    for name, network in networks.items():
        _check_parts(name, network)
        _check_behaviour(name, network, patch)


def _check_parts(name: str, network: nn.Module) -> None:
    for module in network.modules():
        kind = type(module).__name__
        if isinstance(module, _BatchNorm):
            raise _refusal(name, f"a {kind}, which normalises over patients")
        if getattr(module, "running_mean", None) is not None or getattr(
            module, "track_running_stats", False
        ):
            raise _refusal(name, f"a {kind}, which keeps statistics of patients")
        if _has_spectral_norm(module):
            raise _refusal(name, f"a {kind} with spectral norm, which changes at every use")


def _has_spectral_norm(module: nn.Module) -> bool:
    hooks = [type(hook).__name__ for hook in module._forward_pre_hooks.values()]
    parametrized = getattr(module, "parametrizations", None)
    parts = [type(part).__name__ for part in parametrized.modules()] if parametrized else []
    return any("SpectralNorm" in kind for kind in (*hooks, *parts))


def _check_behaviour(name: str, network: nn.Module, patch: int) -> None:
    probed = copy.deepcopy(network).train()
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    chance = torch.Generator().manual_seed(_SEED)
    mine = 300 * torch.randn(1, 1, patch, patch, generator=chance)
    batches = [
        torch.cat([mine, shift + 300 * torch.randn(_SAMPLES, 1, patch, patch, generator=chance)])
        for shift in (0.0, _FAR_HU)
    ]
    before = {key: value.clone() for key, value in probed.state_dict().items()}
    outputs = [_first_output(probed, batch.to(device)) for batch in batches]
    if not _is_same(outputs[0], outputs[1]):
        raise _refusal(name, "an output that changes with the other patients of a batch")
    if not _is_same(outputs[0], _first_output(probed, batches[0].to(device))):
        raise _refusal(name, "an output that changes with what it was shown before")
    after = probed.state_dict()
    if any(not torch.equal(value, after[key]) for key, value in before.items()):
        raise _refusal(name, "values that change whenever it is used")


def _first_output(network: nn.Module, batch: Tensor) -> Tensor:
    # Equal chance for dropout, whose mask is no patient's.
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(_SEED)
        output: Tensor = network(batch)
    return output[0].double()


def _is_same(one: Tensor, other: Tensor) -> bool:
    scale = max(1.0, float(one.abs().max()))
    return bool(torch.isfinite(other).all()) and float((one - other).abs().max()) <= (
        _MOST_CHANGE * scale
    )


def _refusal(name: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"The network {name} has {found}. Expected one that sees each patient alone, since "
        "noise is counted for each patient alone. Choose another design for private training."
    )
