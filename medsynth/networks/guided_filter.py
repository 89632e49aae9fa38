"""Smoothing a computed change without blurring it over the edges of organs."""

import torch
from torch import Tensor

from medsynth.networks.separable_filter import separable_filter

RADIUS_PIXELS = 2
# Well above a scanner's noise, well below the step from fat to muscle.
EDGE_HU = 20.0
# Beyond these lie air and dense bone, whose steps would drown those between tissues.
GUIDE_RANGE_HU = (-200.0, 500.0)


def smoothed_within_edges(change: Tensor, guide_hu: Tensor) -> Tensor:
    """Average a change over neighbourhoods of 5x5 pixels, but not across the guide's edges.

    Contrast agent changes a tissue evenly. A change that was read off noisy
    pixels would follow their noise, and so alter it; averaged within the
    tissue it does not. The guide is taken as given: no gradient leads to it.

    Args:
        change: (batch, 1, rows, columns), any unit.
        guide_hu: the same shape, HU.

    Returns:
        (batch, 1, rows, columns), float32, in the unit of `change`.

    Source: He et al. 2013, doi 10.1109/TPAMI.2012.213.
    """
    change = change.float()
    with torch.no_grad():
        guide = guide_hu.float().clamp(*GUIDE_RANGE_HU) / EDGE_HU
        mean_guide = _neighbourhood_mean(guide)
        spread = _neighbourhood_mean(guide.square()) - mean_guide.square() + 1.0
    # In each neighbourhood the change is modelled as steepness * guide + level.
    mean_change = _neighbourhood_mean(change)
    covariance = _neighbourhood_mean(guide * change) - mean_guide * mean_change
    steepness = covariance / spread
    level = mean_change - steepness * mean_guide
    return _neighbourhood_mean(steepness) * guide + _neighbourhood_mean(level)


def _neighbourhood_mean(values: Tensor) -> Tensor:
    width = 2 * RADIUS_PIXELS + 1
    return separable_filter(values, (1.0 / width,) * width)
