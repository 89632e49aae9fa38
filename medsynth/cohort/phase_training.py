"""Training and calibration of the phase classifier on made-up patients alone."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medsynth.cohort.phase_examples import PhaseExamples, make_examples
from medsynth.cohort.phase_randomisation import (
    CALIBRATION_SPREAD,
    TRAINING_SPREAD,
    ScannerSpread,
    SliceBatch,
    scan_slices,
)
from medsynth.cohort.phase_weights import PhaseCalibration, PhaseModel, write_phase_model
from medsynth.networks.phase_classifier import GRID_MM, PhaseClassifier, evidence_cm2

_BATCH = 16
_LEAST_TELLING_CELLS = 12
_CLASS_WEIGHTS = (0.4, 1.0, 1.0)
_SLICE_WEIGHT = 1.0
_CALIBRATION_SEED = 90_000
_CALIBRATION_ROUNDS = 3
# Of the verdicts on made-up patients held out; real scans will fall short of it a little.
_RIGHT_OF_DECIDED = 0.97
# Finer steps would follow the noise of a thousand slices.
_CONFIDENCE_STEPS = 20


@dataclasses.dataclass(frozen=True)
class PhaseTrainingSettings:
    """How the classifier is trained.

    Attributes:
        seed: decides patients, scanners and the first weights.
        patients: made-up patients to train on.
        calibration_patients: others, to calibrate the confidence on.
        steps: batches of 16 slices.
        learning_rate: at its highest.
    """

    seed: int = 1
    patients: int = 200
    calibration_patients: int = 40
    steps: int = 1800
    learning_rate: float = 4e-3


@dataclasses.dataclass(frozen=True)
class CalibrationReport:
    """How the classifier does on made-up patients it was not trained on.

    Attributes:
        slices: how many single slices were judged.
        decided: share of them with a verdict.
        right: share of the verdicts that are right.
    """

    slices: int
    decided: float
    right: float


def train_phase_classifier(
    settings: PhaseTrainingSettings, weights: Path, report: Callable[[str], None]
) -> CalibrationReport:
    """Train, calibrate, and write the weights.

    The same settings on the same version of torch and number of threads give
    the same weights.

    Args:
        settings: how.
        weights: the file to write.
        report: hears how it goes, a line at a time.

    Returns:
        How well it does on the patients held out.
    """
    report(f"making {settings.patients} patients")
    examples = make_examples(settings.seed, patients=settings.patients)
    torch.manual_seed(settings.seed)
    network = PhaseClassifier()
    _fit(network, examples, settings, report)
    network.eval()
    report(f"making {settings.calibration_patients} patients for calibration")
    others = make_examples(
        settings.seed + _CALIBRATION_SEED, patients=settings.calibration_patients
    )
    log_odds, is_contrast = _judge(network, others, settings.seed)
    calibration = fit_calibration(log_odds, is_contrast)
    model = PhaseModel(network, calibration)
    write_phase_model(weights, model, dataclasses.asdict(settings))
    confidence, says_contrast = calibration.confidence(log_odds)
    decided = confidence >= calibration.least_confidence
    right = decided & (says_contrast == (is_contrast > 0.5))
    return CalibrationReport(
        slices=len(log_odds),
        decided=float(decided.mean()),
        right=float(right.sum() / max(int(decided.sum()), 1)),
    )


def fit_calibration(
    log_odds: NDArray[np.float64], is_contrast: NDArray[np.float64]
) -> PhaseCalibration:
    """Fit the line from raw to calibrated log odds, and the confidence to ask for.

    The line is fitted by logistic regression. The least confidence is the lowest,
    in steps of 0.05, above which 97 in 100 verdicts are right.

    Args:
        log_odds: (slices,), what the network says.
        is_contrast: (slices,), what is true, 0 or 1.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    slope, shift = 1.0, 0.0
    for _ in range(100):
        probability = 1 / (1 + np.exp(-np.clip(slope * log_odds + shift, -40, 40)))
        miss = probability - is_contrast
        weight = np.maximum(probability * (1 - probability), 1e-9)
        gradient = np.array([(miss * log_odds).mean() + 1e-4 * slope, miss.mean()])
        curvature = np.array(
            [
                [(weight * log_odds**2).mean() + 1e-4, (weight * log_odds).mean()],
                [(weight * log_odds).mean(), weight.mean() + 1e-6],
            ]
        )
        step = np.linalg.solve(curvature, gradient)
        slope, shift = slope - step[0], shift - step[1]
    line = PhaseCalibration(slope=float(slope), shift=float(shift), least_confidence=0.0)
    return dataclasses.replace(
        line, least_confidence=_least_confidence(line, log_odds, is_contrast)
    )


def _least_confidence(
    line: PhaseCalibration, log_odds: NDArray[np.float64], is_contrast: NDArray[np.float64]
) -> float:
    """Give the lowest step of confidence above which enough verdicts are right."""
    confidence, says_contrast = line.confidence(log_odds)
    is_right = says_contrast == (is_contrast > 0.5)
    for step in range(_CONFIDENCE_STEPS):
        decided = confidence >= step / _CONFIDENCE_STEPS
        if decided.any() and is_right[decided].mean() >= _RIGHT_OF_DECIDED:
            return step / _CONFIDENCE_STEPS
    return 1.0


def _fit(
    network: PhaseClassifier,
    examples: PhaseExamples,
    settings: PhaseTrainingSettings,
    report: Callable[[str], None],
) -> None:
    random = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=1e-3
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps, pct_start=0.1
    )
    network.train()
    mean_loss = 0.0
    for step in range(settings.steps):
        chosen = torch.randint(len(examples.patients), (_BATCH,), generator=random)
        batch = _batch(examples, chosen.numpy(), TRAINING_SPREAD, random)
        loss = _loss(network, batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        mean_loss += (float(loss.detach()) - mean_loss) / min(step + 1, 50)
        if (step + 1) % 50 == 0:
            report(f"step {step + 1} of {settings.steps}: loss {mean_loss:.4f}")


def _batch(
    examples: PhaseExamples,
    chosen: NDArray[np.int64],
    spread: ScannerSpread,
    random: torch.Generator,
) -> SliceBatch:
    layers = (examples.plain_hu, examples.gain_hu, examples.is_telling, examples.is_enhanced)
    tissue = np.stack([layer[chosen].astype(np.float32) for layer in layers], axis=1)
    is_contrast = (torch.rand(len(chosen), generator=random) < 0.5).float()
    return scan_slices(torch.from_numpy(tissue), is_contrast, spread, random)


def _loss(network: PhaseClassifier, batch: SliceBatch) -> Tensor:
    scores = network(batch.slices_hu)
    weights = torch.tensor(_CLASS_WEIGHTS)
    by_place = nn.functional.cross_entropy(scores, batch.classes, weight=weights)
    odds = network.weigh(*evidence_cm2(scores, spacing_mm=GRID_MM))
    by_slice = nn.functional.binary_cross_entropy_with_logits(
        odds, batch.is_contrast, reduction="none"
    )
    tells = _is_telling(batch)
    return by_place + _SLICE_WEIGHT * (by_slice * tells).sum() / tells.sum().clamp(min=1)


def _is_telling(batch: SliceBatch) -> Tensor:
    """Tell which slices hold enough of anything to judge by."""
    return ((batch.classes > 0).sum(dim=(1, 2)) >= _LEAST_TELLING_CELLS).float()


@torch.no_grad()
def _judge(
    network: PhaseClassifier, examples: PhaseExamples, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Judge slices by scanners further afield than those of training."""
    random = torch.Generator().manual_seed(seed + 1)
    odds, truth = [], []
    order = np.arange(len(examples.patients))
    for chosen in np.array_split(np.tile(order, _CALIBRATION_ROUNDS), len(order) // 8):
        batch = _batch(examples, chosen, CALIBRATION_SPREAD, random)
        scores = network(batch.slices_hu)
        tells = _is_telling(batch) > 0
        weighed = network.weigh(*evidence_cm2(scores, spacing_mm=GRID_MM))
        odds.append(weighed[tells].double().numpy())
        truth.append(batch.is_contrast[tells].double().numpy())
    return np.concatenate(odds), np.concatenate(truth)
