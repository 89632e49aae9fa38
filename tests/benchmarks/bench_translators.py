"""HU error over time of translators on one made-up cohort.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_translators.py ARM SECONDS [COHORT [OUT.jsonl]]

Trains one arm (a file of pipelines/configs, or "default", which begins with the public
start) on 40 contrast and 40 other non-contrast patients and measures 12 further patients
with truth at the start and each time a share of the budget is used up. COHORT is
"two_sites", the phantom's first two hospitals, or "other_site", its fourth alone. Without
arguments the public start, the same networks from scratch and the original CycleGAN take
a minute each. Seconds are those that the processor worked for this process; with one
thread they do not depend on what else runs. The time of measuring is not counted. One
line of JSON a measurement.
"""

import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medsynth.imaging.volume import Volume
from medsynth.phantom.canvas import Label
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan
from medsynth.records.configuration import read_toml
from medsynth.synthesis.translate import translate_volume
from medsynth.training.batches import Draw, PatientSlices, draw_patches
from medsynth.training.device import Compute, choose_compute
from medsynth.training.engine import TranslationEngine, build_engine
from medsynth.training.schedule import learning_rate_factor
from pipelines.demo import DEMO_CONFIG
from pipelines.project_config import load_config
from pipelines.train import training_plan

COHORT_SEED = 404
SITES = {"two_sites": (2, (0, 1)), "other_site": (4, (3,))}
OPTIONS = PhantomOptions()
ORGANS = {
    "liver": Label.LIVER,
    "spleen": Label.SPLEEN,
    "kidney": Label.KIDNEY,
    "aorta": Label.AORTA,
}
MEASUREMENTS = 12
QUICK_SECONDS = 60.0
Voxels = NDArray[np.int16] | NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Unpaired training patients, and others with truth."""

    contrast: list[PatientSlices]
    noncontrast: list[PatientSlices]
    held_out: list[PhantomScan]


def make_cohort(
    *,
    contrast: int = 40,
    noncontrast: int = 40,
    held_out: int = 12,
    options: PhantomOptions,
    sites: tuple[int, ...] | None = None,
) -> Cohort:
    """Make the patients of some of the sites, or of all; no patient is in two groups."""
    total = contrast + noncontrast + held_out
    of_sites = (n for n in itertools.count() if sites is None or n % options.sites in sites)
    scans = [
        render_scan(
            COHORT_SEED,
            index,
            options,
            "noncontrast" if contrast <= place < contrast + noncontrast else "contrast",
        )
        for place, index in enumerate(itertools.islice(of_sites, total))
    ]
    slices = [
        PatientSlices(str(n), (scan.volume.voxels_hu.astype(np.int16, copy=False),))
        for n, scan in enumerate(scans)
    ]
    return Cohort(
        slices[:contrast],
        slices[contrast : contrast + noncontrast],
        scans[contrast + noncontrast :],
    )


def measure(
    network: nn.Module, scans: Sequence[PhantomScan], compute: Compute
) -> dict[str, object]:
    """Translate scans and compare with their truth.

    Returns:
        Body error and that of the input, and of each organ mean absolute error
        and bias, HU, means over patients; the correlation of organ medians.
    """
    made = [_translated(scan, network, compute) for scan in scans]
    body = [_mean_error(m, s, s.body) for m, s in zip(made, scans, strict=True)]
    given = [_mean_error(s.volume.voxels_hu, s, s.body) for s in scans]
    row: dict[str, object] = {
        "body": round(float(np.mean(body)), 2),
        "input_body": round(float(np.mean(given)), 2),
    }
    medians: list[tuple[float, float]] = []
    for name, label in ORGANS.items():
        errors, biases = [], []
        for values, scan in zip(made, scans, strict=True):
            mask = scan.labels == label
            if not mask.any() or scan.truth is None:
                continue
            truth = scan.truth.voxels_hu[mask]
            errors.append(_mean_error(values, scan, mask))
            biases.append(float((values[mask].astype(float) - truth).mean()))
            medians.append((float(np.median(values[mask])), float(np.median(truth))))
        row[name] = [round(float(np.mean(errors)), 1), round(float(np.mean(biases)), 1)]
    row["correlation"] = round(float(np.corrcoef(np.array(medians).T)[0, 1]), 3)
    return row


def train_arm(arm: str, budget_seconds: float, cohort_name: str, out: Path | None) -> None:
    """Train one arm and print its error over time."""
    layers = [] if arm == "default" else [read_toml(DEMO_CONFIG.with_name(f"{arm}.toml"))]
    config = load_config(layers)
    plan = training_plan(config)
    compute = choose_compute("auto")
    sites, chosen = SITES[cohort_name]
    cohort = make_cohort(options=PhantomOptions(sites=sites), sites=chosen)
    trainer = build_engine(
        config.train.engine, plan.generator, plan.discriminator, settings=plan.step, compute=compute
    )
    spent, measured = 0.0, 0
    while True:
        progress = spent / budget_seconds
        if progress >= measured / MEASUREMENTS:
            measured += 1
            row = {"arm": arm, "step": trainer.step, "seconds": round(spent, 1)}
            averaged = trainer.averaged["to_noncontrast"]
            _tell({**row, **measure(averaged, cohort.held_out, compute)}, out)
        if progress >= 1.0:
            return
        started = time.process_time()
        _one_step(trainer, cohort, plan.draw, progress)
        spent += time.process_time() - started


def _one_step(trainer: TranslationEngine, cohort: Cohort, draw: Draw, progress: float) -> None:
    trainer.train_step(
        draw_patches(cohort.contrast, draw, step=trainer.step, stream=0),
        draw_patches(cohort.noncontrast, draw, step=trainer.step, stream=1),
        learning_rate_factor=learning_rate_factor(min(1.0, progress)),
    )


def _translated(scan: PhantomScan, network: nn.Module, compute: Compute) -> Voxels:
    made: Volume = translate_volume(
        scan.volume, network, spacing_mm=OPTIONS.spacing_mm, batch=4, compute=compute
    )
    return made.voxels_hu


def _mean_error(values: Voxels, scan: PhantomScan, mask: NDArray[np.bool_]) -> float:
    if scan.truth is None:
        raise AssertionError("a contrast scan has a truth")
    difference = values[mask].astype(float) - scan.truth.voxels_hu[mask]
    return float(np.abs(difference).mean())


def _tell(row: dict[str, object], out: Path | None) -> None:
    line = json.dumps(row)
    print(line, flush=True)
    if out is not None:
        with out.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def main(arguments: list[str]) -> int:
    """Train the arm that the arguments name."""
    if len(arguments) not in (0, 2, 3, 4):
        print(__doc__)
        return 2
    torch.manual_seed(0)
    if not arguments:
        for arm in ("default", "from_scratch", "reference_cyclegan"):
            train_arm(arm, QUICK_SECONDS, "two_sites", None)
        return 0
    cohort = arguments[2] if len(arguments) > 2 else "two_sites"
    out = Path(arguments[3]) if len(arguments) > 3 else None
    train_arm(arguments[0], float(arguments[1]), cohort, out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
