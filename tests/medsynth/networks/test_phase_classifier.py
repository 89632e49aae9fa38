import pytest
import torch

from medsynth.networks.phase_classifier import CLASSES, PhaseClassifier, evidence_cm2


def test_scores_come_at_half_the_resolution() -> None:
    network = PhaseClassifier(channels=4).eval()
    assert network(torch.zeros(2, 1, 64, 48)).shape == (2, CLASSES, 32, 24)


def test_values_beyond_every_window_change_nothing() -> None:
    torch.manual_seed(0)
    network = PhaseClassifier(channels=4).eval()
    slices_hu = torch.full((1, 1, 32, 32), -1000.0)
    slices_hu[..., 8:24, 8:24] = 1000.0
    beyond = slices_hu * 3
    assert torch.equal(network(slices_hu), network(beyond))


def test_evidence_is_area_times_squared_probability() -> None:
    scores = torch.zeros(1, CLASSES, 10, 10)
    plain, enhanced = evidence_cm2(scores, spacing_mm=5.0)
    # 100 cells of 1 cm2, each with a third of probability.
    assert plain.item() == pytest.approx(100 / 9)
    assert enhanced.item() == pytest.approx(100 / 9)


def test_enhanced_area_speaks_for_contrast_and_plain_area_against() -> None:
    network = PhaseClassifier(channels=4)
    areas = torch.tensor([1.0, 50.0])
    same = torch.tensor([10.0, 10.0])
    by_enhanced, by_plain = network.weigh(same, areas), network.weigh(areas, same)
    assert by_enhanced[1] > by_enhanced[0]
    assert by_plain[1] < by_plain[0]
