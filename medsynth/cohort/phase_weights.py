"""The phase classifier's weights with their calibration, in one safetensors file."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from medsynth.errors import RecordError
from medsynth.networks.phase_classifier import PhaseClassifier

SHIPPED_WEIGHTS = Path(__file__).with_name("phase_weights.safetensors")
_METADATA = "phase_classifier"
_SLOPE, _SHIFT, _LEAST = "calibration_slope", "calibration_shift", "least_confidence"


@dataclasses.dataclass(frozen=True)
class PhaseCalibration:
    """From the network's log odds to a confidence that means what it says.

    Attributes:
        slope: of the line from raw to calibrated log odds.
        shift: its value at zero.
        least_confidence: below it there is no verdict.
    """

    slope: float
    shift: float
    least_confidence: float

    def confidence(
        self, log_odds: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Give confidence, from 0 for a toss of a coin to 1, and whether it is contrast.

        Args:
            log_odds: any shape, what the network says.
        """
        calibrated = self.slope * log_odds + self.shift
        # Twice the distance of the probability from one half.
        return np.abs(np.tanh(calibrated / 2)), calibrated > 0

    def pooled_log_odds(self, log_odds: NDArray[np.float64]) -> float:
        """Pool the slices of a series, each by the weight of its own certainty.

        A slice that shows neither blood nor organs then counts for nothing, and
        an arterial scan is not outvoted by the liver that is not reached yet.

        Args:
            log_odds: (slices,), what the network says of each slice.

        Returns:
            Log odds to be calibrated; of one slice, its own.
        """
        calibrated = self.slope * log_odds + self.shift
        weights = np.abs(calibrated)
        if not weights.any():
            return float(log_odds.mean())
        return float((weights * calibrated).sum() / weights.sum() - self.shift) / self.slope


@dataclasses.dataclass(frozen=True)
class PhaseModel:
    """A trained classifier, ready to judge."""

    network: PhaseClassifier
    calibration: PhaseCalibration


def write_phase_model(path: Path, model: PhaseModel, settings: Mapping[str, float]) -> None:
    """Write weights and calibration.

    Args:
        path: the file.
        model: what to write.
        settings: of the training, kept in the file's metadata.
    """
    tensors = {name: tensor.contiguous() for name, tensor in model.network.state_dict().items()}
    calibration = model.calibration
    kept = {
        **settings,
        _SLOPE: calibration.slope,
        _SHIFT: calibration.shift,
        _LEAST: calibration.least_confidence,
    }
    # One entry: safetensors writes several in any order, and equal work must give equal bytes.
    save_file(tensors, path, metadata={_METADATA: json.dumps(kept, sort_keys=True)})


def read_phase_model(path: Path = SHIPPED_WEIGHTS) -> PhaseModel:
    """Read weights and calibration.

    Args:
        path: the file; that of the package if none is named.

    Raises:
        RecordError: the file is missing or is not the classifier's.
    """
    network = PhaseClassifier()
    try:
        with safe_open(path, framework="pt") as stored:
            kept = json.loads((stored.metadata() or {})[_METADATA])
        network.load_state_dict(load_file(path))
        line = (float(kept[_SLOPE]), float(kept[_SHIFT]), float(kept[_LEAST]))
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise RecordError(
            f"{path.name} does not hold the phase classifier ({type(error).__name__}). Expected "
            "the weights of this version. Install the package again, or rebuild them with "
            "python -m pipelines.train_phase_classifier."
        ) from error
    network.eval()
    return PhaseModel(network, PhaseCalibration(*line))
