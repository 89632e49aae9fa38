from pathlib import Path

import numpy as np
import pytest
import torch

from medsynth.cohort.phase_weights import (
    SHIPPED_WEIGHTS,
    PhaseCalibration,
    PhaseModel,
    read_phase_model,
    write_phase_model,
)
from medsynth.errors import RecordError
from medsynth.networks.phase_classifier import PhaseClassifier


def test_confidence_is_twice_the_distance_from_an_even_chance() -> None:
    calibration = PhaseCalibration(slope=2.0, shift=0.0, least_confidence=0.5)
    # Log odds of log(3) are 3 to 1, so half way from even to certain.
    odds = np.array([0.0, np.log(3) / 2, -np.log(3) / 2])
    confidence, is_contrast = calibration.confidence(odds)
    assert confidence == pytest.approx([0.0, 0.5, 0.5])
    assert is_contrast.tolist() == [False, True, False]


def test_slices_are_pooled_by_their_own_certainty() -> None:
    calibration = PhaseCalibration(slope=2.0, shift=1.0, least_confidence=0.5)
    # Calibrated: 5, -1 and 0. Weighted by 5, 1 and 0: (25 - 1) / 6 = 4, which is raw 1.5.
    assert calibration.pooled_log_odds(np.array([2.0, -1.0, -0.5])) == pytest.approx(1.5)
    assert calibration.pooled_log_odds(np.array([0.7])) == pytest.approx(0.7)
    assert calibration.pooled_log_odds(np.array([-0.5, -0.5])) == pytest.approx(-0.5)


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = PhaseClassifier().eval()
    calibration = PhaseCalibration(slope=1.25, shift=-0.5, least_confidence=0.65)
    write_phase_model(tmp_path / "w.safetensors", PhaseModel(network, calibration), {"seed": 0})
    again = read_phase_model(tmp_path / "w.safetensors")
    assert again.calibration == calibration
    assert not again.network.training
    slices_hu = torch.linspace(-200, 300, 64 * 64).reshape(1, 1, 64, 64)
    assert torch.equal(again.network(slices_hu), network(slices_hu))


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"not weights")
    with pytest.raises(RecordError, match="does not hold the phase classifier"):
        read_phase_model(tmp_path / "w.safetensors")
    with pytest.raises(RecordError, match="does not hold the phase classifier"):
        read_phase_model(tmp_path / "missing.safetensors")


def test_the_shipped_weights_are_small() -> None:
    assert SHIPPED_WEIGHTS.stat().st_size < 1_000_000
