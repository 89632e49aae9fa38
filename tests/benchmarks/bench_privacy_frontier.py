"""What privacy costs: HU error and kidney Dice at a far site, by epsilon.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_privacy_frontier.py measure OUT.jsonl [ARM ...]
    python tests/benchmarks/bench_privacy_frontier.py draw OUT.jsonl PICTURE.png

100 private patients, 50 of each phase, at a site that the public start does not know: the
phantom's fourth hospital (another kernel, noise and bolus), whose scanner moreover shows
every tissue by a factor of 1.1 and 35 HU too bright. An arm is START/LEARNING/EPSILON, such
as public/calibration/8; epsilon "none" trains without privacy. With public_source_ before what
learns, the 50 patients of contrast are not read, and made-up contrast scans stand for them.
Without names all arms are measured, each with three seeds. The error is that of 12 further
patients against their truth; kidney Dice is that of a U-Net trained on translations of 12
contrast patients and tested on the 12 patients' non-contrast scans. One line of JSON a training;
arms in the file are skipped.
Without arguments the untouched start and two arms are measured with one seed.
"""

import dataclasses
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from torch import nn

from medsynth.evaluation.augmentation import Augmentation
from medsynth.evaluation.organs import organ_table
from medsynth.evaluation.segmentation_utility import RealTestScans, run_arm
from medsynth.evaluation.segmenter_training import LabelledScan, SegmenterPlan
from medsynth.imaging.volume import Volume
from medsynth.phantom.canvas import Label
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan
from medsynth.privacy.accounting import default_delta, noise_for_epsilon
from medsynth.privacy.entropy import SystemEntropy
from medsynth.privacy.patients import join_patients
from medsynth.privacy.private_loop import PrivatePlan, Scans, begun_networks, build_trainer
from medsynth.privacy.private_trainer import PrivateStepSettings, PrivateTrainer
from medsynth.privacy.public_scans import made_up_scans
from medsynth.privacy.public_source import PublicSettings
from medsynth.synthesis.translate import translate_volume
from medsynth.training.batches import PatientSlices, draw_patches
from medsynth.training.device import Compute, choose_compute
from medsynth.training.engine import build_engine
from medsynth.training.public_start import (
    START_DISCRIMINATOR,
    START_GENERATOR,
    public_generator,
)
from medsynth.training.schedule import learning_rate_factor
from pipelines.project_config import load_config
from pipelines.train import training_plan

SEED, SITE, SITES = 404, 3, 4
FACTOR, OFFSET_HU = 1.1, 35.0
EACH_PHASE, HELD_OUT, LABELLED = 50, 12, 12
SEEDS = 3
FREE_STEPS = 500
PUBLIC_SOURCE = "public_source_"
KIDNEY = organ_table({int(Label.KIDNEY): "kidney"})
ARMS = (
    "public/none/untouched",
    *(f"public/calibration/{epsilon}" for epsilon in ("1", "3", "8", "none")),
    *(f"public/{PUBLIC_SOURCE}calibration/{epsilon}" for epsilon in ("1", "8", "none")),
    *(f"public/{PUBLIC_SOURCE}all/{epsilon}" for epsilon in ("8", "none")),
    *(f"public/norms_and_last/{epsilon}" for epsilon in ("8", "none")),
    *(f"public/all/{epsilon}" for epsilon in ("8", "free")),
    *(f"scratch/all/{epsilon}" for epsilon in ("1", "3", "8", "free")),
)
QUICK = ("public/none/untouched", "public/calibration/1", "public/calibration/none")


@dataclasses.dataclass(frozen=True)
class Learning:
    """How a part of the weights is best learnt in private, as found by trials."""

    steps: int
    rate: float
    clipping_norm: float
    averaging: float


LEARNING = {
    "calibration": Learning(steps=60, rate=0.1, clipping_norm=0.05, averaging=0.9),
    "norms_and_last": Learning(steps=60, rate=5e-4, clipping_norm=1.0, averaging=0.95),
    "all": Learning(steps=60, rate=2e-4, clipping_norm=1.0, averaging=0.95),
}
PUBLIC_LEARNING = {
    "calibration": Learning(steps=60, rate=0.04, clipping_norm=1.0, averaging=0.95),
    "all": Learning(steps=60, rate=2e-4, clipping_norm=1.0, averaging=0.95),
}
JUDGE_RATE = {"calibration": 1e-2, "all": 2e-3}
FREE_UPDATES, PUBLIC_BATCH = 2, 4


@dataclasses.dataclass(frozen=True)
class FarSite:
    """The private patients, and those on whom a translator is measured."""

    contrast: list[PatientSlices]
    noncontrast: list[PatientSlices]
    labelled: list[PhantomScan]
    held_out: list[PhantomScan]


def make_far_site() -> FarSite:
    """Make the patients; no patient is in two groups but that the labelled ones are private."""
    indices = [SITES * n + SITE for n in range(2 * EACH_PHASE + HELD_OUT)]
    options = PhantomOptions(sites=SITES)
    contrast = [_far(render_scan(SEED, n, options, "contrast")) for n in indices[:EACH_PHASE]]
    noncontrast = [
        _far(render_scan(SEED, n, options, "noncontrast"))
        for n in indices[EACH_PHASE : 2 * EACH_PHASE]
    ]
    held_out = [_far(render_scan(SEED, n, options, "contrast")) for n in indices[2 * EACH_PHASE :]]
    return FarSite(
        [_slices(f"c{n}", scan) for n, scan in enumerate(contrast)],
        [_slices(f"n{n}", scan) for n, scan in enumerate(noncontrast)],
        contrast[:LABELLED],
        held_out,
    )


def measure_arm(arm: str, seed: int, site: FarSite, compute: Compute) -> dict[str, Any]:
    """Train one arm with one seed and measure it."""
    start, trained, epsilon = arm.split("/")
    began = time.process_time()
    if epsilon == "untouched":
        network = public_generator()
    elif epsilon == "free":
        network = _free(start, seed, site, compute)
    elif trained.startswith(PUBLIC_SOURCE):
        network = _public_source(trained.removeprefix(PUBLIC_SOURCE), epsilon, site, compute)
    else:
        network = _private(start, trained, epsilon, site, compute)
    spent = time.process_time() - began
    made = [_translated(scan, network, compute) for scan in site.held_out]
    errors = [
        np.abs(m.astype(float) - _truth(s))[s.body].mean()
        for m, s in zip(made, site.held_out, strict=True)
    ]
    return {
        "arm": arm,
        "seed": seed,
        "body": round(float(np.mean(errors)), 3),
        "patients": [round(float(error), 3) for error in errors],
        "kidney": round(_kidney_dice(network, seed, site, compute), 4),
        "seconds": round(spent, 1),
    }


def _free(start: str, seed: int, site: FarSite, compute: Compute) -> nn.Module:
    """Train all weights without privacy; the change is held to the start's but lightly."""
    rate = 5e-4 if start == "public" else 1e-3
    train = {"start": start, "learning_rate": rate, "change_weight": 0.1}
    plan = training_plan(load_config([{"seed": seed, "train": train}]))
    engine = build_engine(
        plan.engine, plan.generator, plan.discriminator, settings=plan.step, compute=compute
    )
    for step in range(FREE_STEPS):
        engine.train_step(
            draw_patches(site.contrast, plan.draw, step=step, stream=0),
            draw_patches(site.noncontrast, plan.draw, step=step, stream=1),
            learning_rate_factor=learning_rate_factor(step / FREE_STEPS),
        )
    return engine.averaged["to_noncontrast"]


def _private(start: str, trained: str, epsilon: str, site: FarSite, compute: Compute) -> nn.Module:
    learning = LEARNING[trained]
    patients = join_patients(site.contrast, site.noncontrast)
    rate = 1 / 3
    # Against discriminators that stay as they are, more than one number learns to deceive them.
    discriminator_steps = 0 if trained == "calibration" else 1
    steps = {"generators": learning.steps, "discriminators": learning.steps * discriminator_steps}
    noise = 0.0
    if epsilon != "none":
        noise = noise_for_epsilon(
            float(epsilon),
            default_delta(len(patients)),
            sample_rate=rate,
            steps_by_name={name: count for name, count in steps.items() if count},
        )
    plan = training_plan(load_config([{"train": {"start": start}}]))
    settings = PrivateStepSettings(
        weights=dataclasses.replace(plan.step.weights, change=0.1),
        learning_rate=learning.rate,
        discriminator_learning_rate=5e-4,
        averaging=learning.averaging,
        clipping_norm=learning.clipping_norm,
        discriminator_clipping_norm=1.0,
        noise_multiplier=noise,
        sample_rate=rate,
        slices=1,
        patch=64,
        discriminator_steps=discriminator_steps,
        trained=trained,  # type: ignore[arg-type]
        start=start,  # type: ignore[arg-type]
    )
    generator = dataclasses.replace(START_GENERATOR, calibrated=trained == "calibration")
    private = PrivatePlan(generator, START_DISCRIMINATOR, settings, learning.steps, 0, 60.0)
    trainer = PrivateTrainer(begun_networks(private), patients, settings, compute, SystemEntropy())
    for step in range(learning.steps):
        trainer.train_step(learning_rate_factor=learning_rate_factor(step / learning.steps))
    return trainer.averaged["to_noncontrast"]


def _public_source(trained: str, epsilon: str, site: FarSite, compute: Compute) -> nn.Module:
    """Train from made-up contrast scans and the non-contrast patients alone."""
    learning = PUBLIC_LEARNING[trained]
    patients = join_patients((), site.noncontrast)
    rate = 1 / 3
    noise = 0.0
    if epsilon != "none":
        noise = noise_for_epsilon(
            float(epsilon),
            default_delta(len(patients)),
            sample_rate=rate,
            steps_by_name={"noncontrast_discriminator": learning.steps},
        )
    plan = training_plan(load_config([{"train": {"start": "public"}}]))
    settings = PrivateStepSettings(
        weights=dataclasses.replace(plan.step.weights, change=0.1),
        learning_rate=learning.rate,
        discriminator_learning_rate=JUDGE_RATE[trained],
        averaging=learning.averaging,
        clipping_norm=learning.clipping_norm,
        discriminator_clipping_norm=1.0,
        noise_multiplier=noise,
        sample_rate=rate,
        slices=1,
        patch=64,
        discriminator_steps=1,
        trained=trained,  # type: ignore[arg-type]
        start="public",
        public=PublicSettings("made_up", FREE_UPDATES, PUBLIC_BATCH),
    )
    generator = dataclasses.replace(START_GENERATOR, calibrated=trained == "calibration")
    private = PrivatePlan(generator, START_DISCRIMINATOR, settings, learning.steps, 0, 60.0)
    scans = Scans(patients, made_up_scans())
    trainer = build_trainer(private, scans, compute, SystemEntropy())
    for step in range(learning.steps):
        trainer.train_step(learning_rate_factor=learning_rate_factor(step / learning.steps))
    return trainer.averaged["to_noncontrast"]


def _kidney_dice(network: nn.Module, seed: int, site: FarSite, compute: Compute) -> float:
    training = [
        LabelledScan(str(n), _translated(scan, network, compute), scan.labels)
        for n, scan in enumerate(site.labelled)
    ]
    tests = tuple(
        LabelledScan(str(n), _truth(scan), scan.labels) for n, scan in enumerate(site.held_out)
    )
    plan = SegmenterPlan(
        steps=250,
        batch=8,
        channels=16,
        learning_rate=3e-3,
        seed=seed,
        compute=compute,
        augmentation=Augmentation(),
    )
    result = run_arm(
        "translated", training, RealTestScans((), tests), KIDNEY, plan, on_step=lambda *_: None
    )
    return float(np.mean([one.value for one in result.out_of_distribution]))


def _far(scan: PhantomScan) -> PhantomScan:
    truth = scan.truth and Volume(_far_hu(scan.truth.voxels_hu), scan.truth.affine)
    volume = Volume(_far_hu(scan.volume.voxels_hu), scan.volume.affine)
    return dataclasses.replace(scan, volume=volume, truth=truth)


def _far_hu(voxels_hu: NDArray[Any]) -> NDArray[np.int16]:
    shown = np.where(voxels_hu > -900, FACTOR * voxels_hu.astype(float) + OFFSET_HU, voxels_hu)
    return np.rint(shown).clip(-1024, 3071).astype(np.int16)


def _slices(patient: str, scan: PhantomScan) -> PatientSlices:
    return PatientSlices(patient, (scan.volume.voxels_hu.astype(np.int16, copy=False),))


def _truth(scan: PhantomScan) -> NDArray[np.int16]:
    if scan.truth is None:
        raise AssertionError("a contrast scan has a truth")
    return scan.truth.voxels_hu.astype(np.int16, copy=False)


def _translated(scan: PhantomScan, network: nn.Module, compute: Compute) -> NDArray[np.int16]:
    spacing_mm = PhantomOptions().spacing_mm
    made = translate_volume(scan.volume, network, spacing_mm=spacing_mm, batch=4, compute=compute)
    return np.rint(made.voxels_hu).astype(np.int16)


def _by_arm(out: Path) -> dict[str, list[dict[str, Any]]]:
    rows = (
        [json.loads(line) for line in out.read_text("utf-8").splitlines()] if out.exists() else []
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    known = [row for row in rows if row["arm"] in ARMS]
    for row in sorted(known, key=lambda row: ARMS.index(row["arm"])):
        found[row["arm"]].append(row)
    return found


def measure(out: Path, arms: tuple[str, ...], seeds: int = SEEDS) -> None:
    """Measure what the file does not hold yet."""
    compute = choose_compute("auto")
    site = make_far_site()
    for seed in range(seeds):
        for arm in arms:
            done = {row["seed"] for row in _by_arm(out)[arm]}
            if seed in done:
                continue
            row = measure_arm(arm, seed, site, compute)
            with out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            print(json.dumps({key: value for key, value in row.items() if key != "patients"}))


def _table(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield "| start / learning / epsilon | body HU error | over seeds | kidney Dice | seeds |"
    yield "| --- | --- | --- | --- | --- |"
    for arm, rows in found.items():
        body, kidney = ([row[key] for row in rows] for key in ("body", "kidney"))
        spread = f"{min(body):.2f} to {max(body):.2f}"
        yield (
            f"| {arm} | {np.mean(body):.2f} | {spread} | {np.mean(kidney):.3f} "
            f"({min(kidney):.3f} to {max(kidney):.3f}) | {len(rows)} |"
        )


def draw(out: Path, picture: Path) -> None:
    """Print the table and draw error and Dice of every arm, a dot a seed."""
    found = _by_arm(out)
    print("\n".join(_table(found)))
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.4 * len(found) + 1.5), sharey=True)
    for place, rows in enumerate(found.values()):
        for axis, key in zip(axes, ("body", "kidney"), strict=True):
            values = [row[key] for row in rows]
            axis.plot(values, [place] * len(values), "o", color="tab:blue", alpha=0.6)
            axis.plot([np.mean(values)], [place], "|", color="black", markersize=14)
    axes[0].set_yticks(range(len(found)), list(found))
    axes[0].invert_yaxis()
    axes[0].set_xlabel("HU error in the body")
    axes[1].set_xlabel("kidney Dice on non-contrast scans")
    for axis in axes:
        axis.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    figure.savefig(picture, dpi=120)


def main(arguments: list[str]) -> int:
    """Measure or draw."""
    torch.manual_seed(0)
    if not arguments:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "quick.jsonl"
            measure(out, QUICK, seeds=1)
            print("\n".join(_table(_by_arm(out))))
    elif len(arguments) >= 2 and arguments[0] == "measure":
        measure(Path(arguments[1]), tuple(arguments[2:]) or ARMS)
    elif len(arguments) == 3 and arguments[0] == "draw":
        draw(Path(arguments[1]), Path(arguments[2]))
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
