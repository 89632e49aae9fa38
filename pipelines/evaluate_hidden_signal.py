"""What the released translations hide of their sources, read by the translator's own partner."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from torch import nn

from medsynth.evaluation.hidden_signal import ReversibleScan, measure_hidden_signal
from medsynth.evaluation.measurements import Measurement
from medsynth.imaging.volume import Volume
from medsynth.synthesis.index import TRAINED, SyntheticRecord
from medsynth.synthesis.translate import training_slabs
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import build_generator
from medsynth.training.device import Compute, choose_compute
from pipelines.stages import StageContext
from pipelines.train import generator_design

_TO_CONTRAST_NAME = "to_contrast.safetensors"
# Enough for a mean over the body; the intervals are over patients.
_SLABS_PER_SCAN = 8


@dataclasses.dataclass(frozen=True)
class TranslatedVolumes:
    """A scan before and after translation, as the workspace holds it.

    Attributes:
        source: the contrast scan that was translated.
        output: its translation.
        truth: the same patient without contrast, or None.
    """

    source: Volume
    output: Volume
    truth: Volume | None


@dataclasses.dataclass(frozen=True)
class WayBack:
    """The trained translator's partner, which reads what is hidden for it.

    Attributes:
        to_contrast: on the device, ready to use.
        spacing_mm: in-plane spacing that it was trained on, mm.
        seed: fixes the noise.
        compute: where and in which precision.
    """

    to_contrast: nn.Module
    spacing_mm: float
    seed: int
    compute: Compute


def read_way_back(context: StageContext) -> WayBack | None:
    """Read the trained translator's partner; None where the engine has no way back.

    Raises:
        RecordError: the weights do not fit the settings.
    """
    weights = context.finished("train") / _TO_CONTRAST_NAME
    if not weights.is_file():
        return None
    config = context.config
    compute = choose_compute(config.device)
    to_contrast = build_generator(generator_design(config))
    load_weights(weights, to_contrast)
    to_contrast.to(compute.device).eval()
    return WayBack(to_contrast, config.prepare.spacing_mm, config.seed, compute)


def measure_released_signal(
    record: SyntheticRecord, volumes: TranslatedVolumes, way_back: WayBack
) -> list[Measurement]:
    """Measure what one translation hides; nothing where the partner is not its maker's.

    Args:
        record: of the translation; the audit's null is not measured.
        volumes: the scan and its translation.
        way_back: the partner.
    """
    if record.role != "source" or record.engine != TRAINED:
        return []
    scan = ReversibleScan(
        patient=record.patient,
        source_hu=_slabs(volumes.source, way_back),
        output_hu=_slabs(volumes.output, way_back),
        truth_hu=None if volumes.truth is None else _slabs(volumes.truth, way_back),
    )
    return measure_hidden_signal(
        scan, way_back.to_contrast, seed=way_back.seed, compute=way_back.compute
    )


def _slabs(volume: Volume, way_back: WayBack) -> NDArray[np.float32]:
    return training_slabs(volume, spacing_mm=way_back.spacing_mm, most=_SLABS_PER_SCAN)
