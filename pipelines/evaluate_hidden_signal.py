"""What the released translations hide of their sources, read by the translator's own partner."""

from medsynth.cohort.series import read_series, truth_path, volume_path
from medsynth.evaluation.hidden_signal import (
    ReversibleScan,
    hidden_signal_report,
    measure_hidden_signal,
)
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement
from medsynth.imaging.nifti import read_volume
from medsynth.synthesis.index import TRAINED, read_synthetic
from medsynth.synthesis.translate import training_slabs
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import build_generator
from medsynth.training.device import choose_compute
from pipelines.stages import StageContext
from pipelines.train import generator_design

_TO_CONTRAST_NAME = "to_contrast.safetensors"
# Enough for a mean over the body; the intervals are over patients.
_SLABS_PER_SCAN = 8


def measure_released_signal(context: StageContext, resampling: Resampling) -> dict[str, object]:
    """Give `hidden_signal` of `fidelity.json`; empty where the engine has no way back."""
    weights = context.finished("train") / _TO_CONTRAST_NAME
    if not weights.is_file():
        return {}
    compute = choose_compute(context.config.device)
    to_contrast = build_generator(generator_design(context.config.train))
    load_weights(weights, to_contrast)
    to_contrast.to(compute.device).eval()
    ingest, synthesize = context.finished("ingest"), context.finished("synthesize")
    series = {record.series: record for record in read_series(ingest)}
    spacing_mm = context.config.prepare.spacing_mm
    found: list[Measurement] = []
    for record in read_synthetic(synthesize):
        if record.role != "source" or record.engine != TRAINED:
            continue
        paths = [
            volume_path(ingest, record.series),
            synthesize / "nifti" / f"{record.synthetic}.nii.gz",
        ]
        if series[record.series].has_truth:
            paths.append(truth_path(ingest, record.series))
        source, output, *truth = [
            training_slabs(read_volume(path), spacing_mm=spacing_mm, most=_SLABS_PER_SCAN)
            for path in paths
        ]
        scan = ReversibleScan(record.patient, source, output, truth[0] if truth else None)
        found += measure_hidden_signal(scan, to_contrast, seed=context.config.seed, compute=compute)
    return hidden_signal_report(found, resampling)
