"""Lesions and kept content of a translator's output on made-up patients.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_lesions.py [WHAT] [PATIENTS] [SEED]

WHAT is "start" (the public start; also where nothing is named), a file of weights (the
generator of the demo's settings), or one of: "input"
(nothing is translated), "truth" (translated without fault), "smoothed" (the truth,
blurred by 5 mm: lesions should be lost), "blobs" (the truth with one dark ball of 30
HU and 9 mm in each liver: one blob a patient should be found). Patients are those that
bench_translators.py holds out, 12 unless told; a seed makes others.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from medsynth.evaluation.fidelity import TranslatedScan, measure_scan
from medsynth.evaluation.intensity_correlation import intensity_correlation_report
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.kept_content import kept_report, measure_kept_content
from medsynth.evaluation.lesion_report import ScanLesions, lesion_report, read_scan_lesions
from medsynth.evaluation.lesions import LesionFate
from medsynth.evaluation.organs import organ_table
from medsynth.phantom.canvas import Label, label_names
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan
from medsynth.records.configuration import read_toml
from medsynth.synthesis.translate import translate_volume
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import build_generator
from medsynth.training.device import choose_compute
from medsynth.training.public_start import public_generator
from pipelines.demo import DEMO_CONFIG
from pipelines.project_config import load_config
from pipelines.train import generator_design

COHORT_SEED = 404
FIRST_HELD_OUT = 80
OPTIONS = PhantomOptions(sites=2)
ORGANS = organ_table({int(value): name for value, name in label_names().items()})
RESAMPLING = Resampling(resamples=2000, seed=0)
BALL_MM = 9.0
BALL_HU = -30.0

Array = NDArray[np.int16] | NDArray[np.float32]
Translator = Callable[[PhantomScan], Array]


def choose_translator(what: str) -> Translator:
    """Give what turns a scan into its translation."""
    known: dict[str, Translator] = {
        "input": lambda scan: scan.volume.voxels_hu,
        "truth": _truth,
        "smoothed": _smoothed,
        "blobs": _with_ball,
    }
    if what in known:
        return known[what]
    if what == "start":
        return _translator(public_generator())
    network = build_generator(generator_design(load_config([read_toml(DEMO_CONFIG)])))
    load_weights(Path(what), network)
    return _translator(network)


def _translator(network: nn.Module) -> Translator:
    compute = choose_compute("cpu")
    network.to(compute.device).eval()
    return lambda scan: (
        translate_volume(
            scan.volume, network, spacing_mm=OPTIONS.spacing_mm, batch=4, compute=compute
        ).voxels_hu
    )


def _truth(scan: PhantomScan) -> Array:
    if scan.truth is None:
        raise AssertionError("a contrast scan has a truth")
    return scan.truth.voxels_hu


def _smoothed(scan: PhantomScan) -> Array:
    sigma = [5.0 / mm for mm in scan.volume.spacing_slice_row_column_mm]
    return np.asarray(ndimage.gaussian_filter(_truth(scan).astype(np.float32), sigma))


def _with_ball(scan: PhantomScan) -> Array:
    spacing_mm = np.array(scan.volume.spacing_slice_row_column_mm)
    depth_mm = ndimage.distance_transform_edt(scan.labels == Label.LIVER, sampling=spacing_mm)
    centre = np.array(np.unravel_index(int(depth_mm.argmax()), depth_mm.shape))
    away = (np.indices(depth_mm.shape).T - centre) * spacing_mm
    inside = (np.sqrt((away**2).sum(axis=-1)) <= BALL_MM).T
    return np.asarray(_truth(scan) + BALL_HU * inside, dtype=np.float32)


def main(arguments: list[str]) -> int:
    """Print the tables."""
    if len(arguments) > 3:
        print(__doc__)
        return 2
    translate = choose_translator(arguments[0] if arguments else "start")
    patients = int(arguments[1]) if arguments[1:] else 12
    seed = int(arguments[2]) if arguments[2:] else COHORT_SEED
    measurements, found = [], []
    for index in range(FIRST_HELD_OUT, FIRST_HELD_OUT + patients):
        made = render_scan(seed, index, OPTIONS, "contrast")
        scan = TranslatedScan(
            patient=str(index),
            input_hu=made.volume.voxels_hu,
            synthetic_hu=translate(made),
            labels=made.labels,
            truth_hu=_truth(made),
            spacing_slice_row_column_mm=made.volume.spacing_slice_row_column_mm,
        )
        measurements += [*measure_scan(scan, ORGANS), *measure_kept_content(scan, ORGANS)]
        lesions = read_scan_lesions(scan, ORGANS)
        found += [] if lesions is None else [lesions]
    _print_lost(found)
    _print_section("lesions", lesion_report(found, RESAMPLING))
    kept = kept_report(measurements, RESAMPLING) or {}
    tissues = kept.pop("tissues", {})
    for tissue, values in tissues.items() if isinstance(tissues, dict) else ():
        _print_section(f"kept: {tissue}", values)
    _print_section("kept", kept)
    correlation = intensity_correlation_report(measurements, RESAMPLING)
    _print_section("organ intensity correlation", correlation)
    return 0


def _print_lost(found: list[ScanLesions]) -> None:
    print("patient organ    voxels  input output  truth  contrast/noise  volume ratio")
    for reading in (reading for scan in found for reading in scan.lesions):
        if reading.fate is LesionFate.LOST:
            print(
                f"{reading.patient:7} {reading.organ:8} {reading.voxels:6} "
                f"{reading.input_contrast_hu:6.1f} {reading.output_contrast_hu:6.1f} "
                f"{reading.truth_contrast_hu or 0.0:6.1f} {reading.contrast_to_noise:15.1f} "
                f"{reading.volume_ratio or 0.0:13.2f}"
            )


def _print_section(name: str, values: Mapping[str, object] | None) -> None:
    print(f"\n{name}")
    for key, value in (values or {}).items():
        shown = (
            [round(v, 3) for v in value]
            if isinstance(value, list) and key.endswith("ci")
            else value
        )
        print(f"  {key:24} {round(shown, 3) if isinstance(shown, float) else shown}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
