"""A small network that learns from pairs which images are of one patient: a peer."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

STEPS = 200
TEMPERATURE = 0.1


def link_by_network(
    released: NDArray[np.float32],
    sources: NDArray[np.float32],
    probes: NDArray[np.float32],
    gallery: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Train on pairs by InfoNCE and give the cosine of probes and gallery.

    Args:
        released: (pairs, 2, rows, columns), edge maps.
        sources: likewise, of the same patients.
        probes: (probes, 2, rows, columns).
        gallery: (images, 2, rows, columns).
    """
    torch.manual_seed(0)
    torch.set_num_threads(1)
    encoder = nn.Sequential(
        nn.Conv2d(2, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.GroupNorm(4, 64), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.GroupNorm(4, 64), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.LazyLinear(64),
    )  # fmt: skip
    pairs = [torch.from_numpy(part) for part in (released, sources)]
    encoder(pairs[0][:2])
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(STEPS):
        chosen = torch.randperm(len(released))[:32]
        first, second = (_embed(encoder, _jitter(part[chosen])) for part in pairs)
        likeness = first @ second.T / TEMPERATURE
        same = torch.arange(len(chosen))
        loss = functional.cross_entropy(likeness, same) + functional.cross_entropy(likeness.T, same)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    encoder.eval()
    with torch.no_grad():
        first, second = (_embed(encoder, torch.from_numpy(part)) for part in (probes, gallery))
    return (first @ second.T).double().numpy()


def _embed(encoder: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    return functional.normalize(encoder(maps), dim=1)


def _jitter(maps: torch.Tensor) -> torch.Tensor:
    """Shift by up to two points."""
    shift = torch.randint(-2, 3, (2,))
    return torch.roll(maps, (int(shift[0]), int(shift[1])), dims=(2, 3))
