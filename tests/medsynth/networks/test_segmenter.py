"""The U-Net."""

import torch

from medsynth.networks.segmenter import Segmenter, most_likely_class


def test_scores_have_the_slices_size_even_where_it_does_not_divide() -> None:
    segmenter = Segmenter(channels=4, classes=3)
    assert segmenter(torch.zeros(2, 1, 33, 46)).shape == (2, 3, 33, 46)


def test_values_beyond_the_window_look_alike() -> None:
    segmenter = Segmenter(channels=4, classes=2).eval()
    slices_hu = torch.linspace(-150.0, 500.0, 32 * 32).reshape(1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(segmenter(slices_hu), segmenter(slices_hu.clamp(max=240.0)))


def test_most_likely_class_is_that_of_the_highest_score() -> None:
    scores = torch.tensor([[[[0.1, 2.0]], [[0.2, 1.0]], [[0.0, 3.0]]]])
    assert most_likely_class(scores).tolist() == [[[1, 2]]]
