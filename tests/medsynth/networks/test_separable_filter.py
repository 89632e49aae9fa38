"""Filtering along rows and columns."""

import torch

from medsynth.networks.separable_filter import separable_filter


def test_filter_is_the_outer_product_of_its_weights() -> None:
    """A single bright pixel shows the kernel."""
    point = torch.zeros(1, 1, 5, 5)
    point[0, 0, 2, 2] = 1.0
    shown = separable_filter(point, (0.5, 0.25, 0.125))[0, 0, 1:4, 1:4]
    # The first weight belongs to the pixel before, so the kernel is shown turned around.
    turned = torch.tensor([0.125, 0.25, 0.5])
    assert torch.equal(shown, torch.outer(turned, turned))


def test_border_counts_for_what_lies_beyond_it() -> None:
    """Values 8, 0 in a row with weights 1/4, 1/2, 1/4 give 6, 2."""
    row = torch.tensor([[[[8.0, 0.0]]]])
    assert separable_filter(row, (0.25, 0.5, 0.25)).flatten().tolist() == [6.0, 2.0]
