"""How networks see Hounsfield units: fixed windows and fixed bins, fitted on nothing.

Constants fitted on patients would carry something of them into the weights.
"""

import torch
from torch import Tensor, nn

from medsynth.networks.separable_filter import separable_filter

FOLD = 4
SOFT_TISSUE_CENTRE_HU = 50.0
SOFT_TISSUE_WIDTH_HU = 50.0
WIDE_HU = 1000.0
# Dense where soft tissue lies with and without contrast agent, sparse elsewhere.
BIN_CENTRES_HU = (
    *(-1000.0, -200.0, -100.0, -60.0, -20.0, 0.0, 20.0, 40.0, 60.0),
    *(80.0, 100.0, 130.0, 160.0, 200.0, 260.0, 330.0, 450.0, 1000.0),
)
WINDOWS = 3
FOLDED_CHANNELS = WINDOWS * FOLD * FOLD + len(BIN_CENTRES_HU)
# Brings the bins to the size at which a freshly started layer listens to them.
_BIN_SCALE = 3.0


def folded_view(hu: Tensor) -> Tensor:
    """Show slices on a grid of 4x4 pixels a position: every pixel, and a histogram.

    The pixels say how tissue is shaped. The histogram says how dense it is, in
    bins of about 20 HU, which a network would take hundreds of steps to make
    from pixels: a kidney that is 75 HU too bright is then seen at once.

    Args:
        hu: (batch, 1, rows, columns), HU; rows and columns multiples of 4.

    Returns:
        (batch, FOLDED_CHANNELS, rows / 4, columns / 4), float32.

    Source: own design; the soft histogram is that of linear interpolation.
    """
    pixels = nn.functional.pixel_unshuffle(windowed(hu), FOLD)
    bins = nn.functional.avg_pool2d(knot_weights(smoothed(hu), BIN_CENTRES_HU), FOLD)
    return torch.cat([pixels, _BIN_SCALE * bins], dim=1)


def windowed(hu: Tensor) -> Tensor:
    """Show HU through a wide, a logarithmic and a narrow window.

    The logarithmic one never saturates, so that a value far outside still has
    a gradient that leads back. The narrow one makes the step from unenhanced to
    enhanced tissue as large as the step from fat to muscle.

    Args:
        hu: (batch, 1, rows, columns), HU.

    Returns:
        (batch, 3, rows, columns), all about -1 to 1: wide, logarithmic, narrow.
    """
    from_centre = (hu - SOFT_TISSUE_CENTRE_HU) / SOFT_TISSUE_WIDTH_HU
    wide = (hu / WIDE_HU).clamp(-1.0, 1.0)
    return torch.cat([wide, torch.asinh(from_centre) / 3.0, torch.tanh(from_centre)], dim=1)


def smoothed(hu: Tensor) -> Tensor:
    """Average over the 3x3 neighbourhood, the middle counting most; same shape, float32."""
    return separable_filter(hu.float(), (0.25, 0.5, 0.25))


def knot_weights(hu: Tensor, knots_hu: tuple[float, ...]) -> Tensor:
    """Give the weight of each knot in linear interpolation between knots.

    Args:
        hu: (batch, 1, rows, columns), HU.
        knots_hu: rising values, HU; beyond the ends the end knot counts alone.

    Returns:
        (batch, knots, rows, columns); the weights of a pixel sum to 1.
    """
    knots = torch.tensor(knots_hu, device=hu.device).view(1, -1, 1, 1)
    # hardtanh and relu are clamp with a faster gradient.
    share = nn.functional.hardtanh((hu - knots[:, :-1]) / (knots[:, 1:] - knots[:, :-1]), 0.0, 1.0)
    # 0 at the first knot, 1 at the second, and so on.
    position = share.sum(dim=1, keepdim=True)
    number = torch.arange(len(knots_hu), device=hu.device).view(1, -1, 1, 1)
    return (1.0 - (position - number).abs()).relu()
