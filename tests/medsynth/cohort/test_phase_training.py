from pathlib import Path

import numpy as np
import pytest

from medsynth.cohort.phase_training import (
    PhaseTrainingSettings,
    fit_calibration,
    train_phase_classifier,
)

SMALL = PhaseTrainingSettings(seed=3, patients=1, calibration_patients=1, steps=2)


def _silent(_line: str) -> None:
    pass


def test_calibration_finds_the_slope_that_made_the_answers() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(0, 3, 20_000)
    # The network is twice as sure as it may be, and leans to contrast by 0.5.
    truth = (random.random(odds.size) < 1 / (1 + np.exp(-(0.5 * odds - 0.5)))).astype(float)
    calibration = fit_calibration(odds, truth)
    assert calibration.slope == pytest.approx(0.5, abs=0.03)
    assert calibration.shift == pytest.approx(-0.5, abs=0.06)


def test_calibration_stays_finite_where_every_answer_is_right() -> None:
    odds = np.array([-4.0, -3.0, 3.0, 4.0] * 20)
    calibration = fit_calibration(odds, (odds > 0).astype(float))
    assert 0 < calibration.slope < 1000


def test_the_least_confidence_is_the_lowest_with_97_in_100_right() -> None:
    # 60 sure answers, one of them wrong: 59 of 60 are right. 40 answers at even odds and both
    # ways, half of them wrong: with these only 79 of 100.
    odds = np.concatenate([np.full(60, 6.0), np.full(20, 0.1), np.full(20, -0.1)])
    truth = np.concatenate([[0.0], np.ones(59), np.tile([0.0, 1.0], 20)])
    calibration = fit_calibration(odds, truth)
    confidence, _ = calibration.confidence(odds)
    assert confidence[60:].max() < calibration.least_confidence <= confidence[0]


def test_answers_that_tell_nothing_are_never_verdicts() -> None:
    odds = np.tile([-2.0, 2.0], 100)
    truth = np.tile([0.0, 0.0, 1.0, 1.0], 50)
    assert fit_calibration(odds, truth).least_confidence == 1.0


def test_equal_settings_give_equal_weights(tmp_path: Path) -> None:
    for name in ("first", "second"):
        train_phase_classifier(SMALL, tmp_path / f"{name}.safetensors", _silent)
    first = (tmp_path / "first.safetensors").read_bytes()
    assert first == (tmp_path / "second.safetensors").read_bytes()
    # The settings stand in the file's own header.
    assert b"steps" in first[:10_000]
