import torch

from medsynth.networks.organ_segmenter import CLASSES, REDUCTION, OrganSegmenter


def _network() -> OrganSegmenter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return OrganSegmenter(channels=4).eval()


def test_scores_have_the_slices_own_resolution() -> None:
    slices_hu = torch.zeros(2, 1, 2 * REDUCTION, 3 * REDUCTION)
    scores = _network()(slices_hu)
    assert scores.shape == (2, CLASSES, 2 * REDUCTION, 3 * REDUCTION)


def test_values_beyond_all_windows_look_alike() -> None:
    dense = torch.full((1, 1, REDUCTION, REDUCTION), 1000.0)
    network = _network()
    assert torch.equal(network(dense), network(3 * dense))
    assert not torch.equal(network(dense), network(dense - 700))
