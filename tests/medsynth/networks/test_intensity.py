import math

import pytest
import torch

from medsynth.networks.intensity import (
    BIN_CENTRES_HU,
    FOLDED_CHANNELS,
    folded_view,
    knot_weights,
    smoothed,
    windowed,
)


def test_windows_have_their_stated_values() -> None:
    hu = torch.tensor([-2000.0, 50.0, 200.0]).reshape(3, 1, 1, 1)
    wide, logarithmic, narrow = (windowed(hu)[:, index].flatten().tolist() for index in range(3))
    assert wide == pytest.approx([-1.0, 0.05, 0.2])
    # (50 - 50) / 50 = 0; (200 - 50) / 50 = 3.
    assert logarithmic[1:] == pytest.approx([0.0, math.asinh(3.0) / 3.0])
    assert narrow[1:] == pytest.approx([0.0, math.tanh(3.0)])


def test_knot_weights_are_those_of_linear_interpolation() -> None:
    hu = torch.tensor([-5.0, 0.0, 2.5, 10.0, 25.0, 99.0]).reshape(6, 1, 1, 1)
    weights = knot_weights(hu, (0.0, 10.0, 30.0)).flatten(1)
    # 2.5 lies a quarter of the way from 0 to 10; 25 three quarters from 10 to 30.
    assert weights.tolist() == [
        [1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.75, 0.25, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.25, 0.75],
        [0.0, 0.0, 1.0],
    ]


def test_smoothing_keeps_an_even_slice_and_spreads_a_point() -> None:
    even = torch.full((1, 1, 8, 8), 40.0)
    assert torch.allclose(smoothed(even), even)
    point = torch.zeros(1, 1, 5, 5)
    point[0, 0, 2, 2] = 16.0
    # The kernel is the outer product of (1, 2, 1) / 4 with itself.
    expected = [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    assert smoothed(point)[0, 0, 1:4, 1:4].tolist() == expected


def test_folded_view_counts_density_in_its_bin() -> None:
    shown = folded_view(torch.full((1, 1, 8, 8), 40.0))
    assert shown.shape == (1, FOLDED_CHANNELS, 2, 2)
    bins = shown[0, -len(BIN_CENTRES_HU) :, 0, 0]
    # Every pixel lies on the bin of 40 HU, and bins are scaled by 3.
    assert int(bins.argmax()) == BIN_CENTRES_HU.index(40.0)
    assert float(bins.sum()) == pytest.approx(3.0)
