"""The filter that keeps a change within the edges of the slice."""

import torch

from medsynth.networks.guided_filter import smoothed_within_edges


def noise(seed: int) -> torch.Tensor:
    """Give a slice of 40 x 40 pixels of standard normal noise."""
    return torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(seed))


def two_tissues() -> torch.Tensor:
    """Give fat at -100 HU on the left and muscle at 60 HU on the right, with noise of 10 HU."""
    slice_hu = 10.0 * noise(0)
    slice_hu[..., :20] -= 100.0
    slice_hu[..., 20:] += 60.0
    return slice_hu


def test_an_even_change_stays_as_it_is() -> None:
    """Whatever the guide shows, a constant comes out as that constant."""
    change = torch.full((1, 1, 40, 40), -50.0)
    assert torch.allclose(smoothed_within_edges(change, two_tissues()), change, atol=1e-3)


def test_a_change_that_follows_noise_is_evened_out() -> None:
    """In one tissue the spread of a change read off noisy pixels falls to a third or less."""
    slice_hu = 60.0 + 10.0 * noise(1)
    change = -0.5 * slice_hu
    assert smoothed_within_edges(change, slice_hu).std() < change.std() / 3


def test_a_change_does_not_leak_over_an_edge() -> None:
    """A change of muscle alone leaves fat one pixel from the edge within 2 of 40 HU."""
    change = torch.zeros(1, 1, 40, 40)
    change[..., 20:] = -40.0
    kept = smoothed_within_edges(change, two_tissues())
    assert kept[..., 18].abs().mean() < 2.0
    assert (kept[..., 21] + 40.0).abs().mean() < 2.0


def test_no_gradient_leads_to_the_guide() -> None:
    """Only the change is learnt from."""
    guide = two_tissues().requires_grad_()
    change = noise(2).requires_grad_()
    torch.autograd.backward(smoothed_within_edges(change, guide).square().sum())
    assert guide.grad is None
    assert change.grad is not None
    assert change.grad.abs().sum() > 0
