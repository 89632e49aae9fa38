"""Which no-truth criterion tells when a training should have stopped.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_early_stop.py RUN OUT.jsonl
    python tests/benchmarks/bench_early_stop.py table OUT.jsonl

Trains one RUN of the default translator on made-up patients at half resolution (64 x
64, to be quick) and judges every checkpoint: the true body error of 6 further patients
against criteria that see no truth. The table gives, for each run and criterion, the
rank correlation with the true error over the checkpoints, and the regret: true error
at the criterion's best checkpoint less the lowest, HU. "last" stops never.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import render_scan
from medsynth.records.configuration import read_toml
from medsynth.records.json_lines import append_json_line, read_json_lines
from medsynth.training.batches import PatientSlices, draw_patches
from medsynth.training.cycle_networks import build_cycle_networks
from medsynth.training.cycle_trainer import CycleTrainer
from medsynth.training.device import Compute, choose_compute
from medsynth.training.early_stop import JudgedSlices, distance_to_real, draw_judged_slices
from medsynth.training.schedule import learning_rate_factor
from pipelines.demo import DEMO_CONFIG
from pipelines.project_config import load_config
from pipelines.train import training_plan

COHORT_SEED = 404
OPTIONS = PhantomOptions(sites=2)
JUDGES = 6


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        contrast: contrast patients trained on.
        noncontrast: others trained on.
        steps: steps done.
        horizon: steps that the learning rate is planned for; more than `steps` keeps it high.
        learning_rate: of the generators; the discriminators have half of it.
        seed: of the training.
    """

    contrast: int
    noncontrast: int
    steps: int
    horizon: int
    learning_rate: float
    seed: int


RUNS = {
    "20+20": Run(20, 20, 640, 640, 1e-3, 0),
    "20+20 hot": Run(20, 20, 640, 4000, 3e-3, 3),
    "11+7 hot": Run(11, 7, 840, 4000, 2e-3, 2),
    "5+4 hot": Run(5, 4, 640, 4000, 2e-3, 5),
}
CHECKPOINTS = 8


@dataclasses.dataclass(frozen=True)
class Judges:
    """What checkpoints are judged by; truth is for the true error alone."""

    trained: JudgedSlices
    six: JudgedSlices
    two: JudgedSlices
    given: torch.Tensor
    truth: torch.Tensor
    body: NDArray[np.bool_]


def train_and_judge(name: str, out: Path) -> None:
    """Train one run and append a row for each checkpoint."""
    run, compute = RUNS[name], choose_compute("cpu")
    settings = {
        "start": "scratch",
        "learning_rate": run.learning_rate,
        "discriminator_learning_rate": run.learning_rate / 2,
        "patch": 32,
    }
    plan = training_plan(
        load_config([read_toml(DEMO_CONFIG), {"seed": run.seed, "train": settings}])
    )
    contrast = [_patient(n, "contrast") for n in range(run.contrast)]
    noncontrast = [_patient(20 + n, "noncontrast") for n in range(run.noncontrast)]
    judges = _make_judges(contrast, noncontrast)
    networks = build_cycle_networks(plan.generator, plan.discriminator, seed=run.seed)
    trainer = CycleTrainer(networks, plan.step, compute)
    while trainer.step < run.steps:
        trainer.train_step(
            draw_patches(contrast, plan.draw, step=trainer.step, stream=0),
            draw_patches(noncontrast, plan.draw, step=trainer.step, stream=1),
            learning_rate_factor=learning_rate_factor(trainer.step / run.horizon),
        )
        if trainer.step % (run.steps // CHECKPOINTS) == 0:
            row = {"run": name, "step": trainer.step, **_judged(trainer, judges, compute)}
            append_json_line(out, row)
            print(json.dumps(row), flush=True)


@torch.no_grad()
def _judged(trainer: CycleTrainer, judges: Judges, compute: Compute) -> dict[str, float]:
    there, back = trainer.averaged["to_noncontrast"], trainer.averaged["to_contrast"]
    with compute.precision():
        made = there(judges.given).float()
        held = there(judges.six.contrast).float()
        rebuilt = back(held).float()
        kept = there(judges.six.noncontrast).float()
    body = torch.from_numpy(judges.body)
    row = {
        "true_body": (made - judges.truth).abs()[body].mean(),
        "distance, 6 + 6 held back": distance_to_real(there, judges.six, compute),
        "distance, 2 + 2 held back": distance_to_real(there, judges.two, compute),
        "distance, trained on": distance_to_real(there, judges.trained, compute),
        "cycle, held back": (rebuilt - judges.six.contrast).abs().mean(),
        "identity, held back": (kept - judges.six.noncontrast).abs().mean(),
        "change, held back": (held - judges.six.contrast).abs().mean(),
    }
    return {name: round(float(value), 4) for name, value in row.items()}


def _make_judges(contrast: list[PatientSlices], noncontrast: list[PatientSlices]) -> Judges:
    held_contrast = [_patient(40 + n, "contrast") for n in range(JUDGES)]
    held_noncontrast = [_patient(46 + n, "noncontrast") for n in range(JUDGES)]
    # Other patients than those that judge, so that a criterion cannot win by knowing them.
    scans = [render_scan(COHORT_SEED, 52 + n, OPTIONS, "contrast") for n in range(JUDGES)]
    given, truth, body = [], [], []
    for scan in scans:
        if scan.truth is None:
            raise AssertionError("a contrast scan has a truth")
        places = np.linspace(3, len(scan.body) - 4, 4).astype(int)
        given.append(_halved(scan.volume.voxels_hu)[places])
        truth.append(_halved(scan.truth.voxels_hu)[places])
        body.append(scan.body[places, ::2, ::2])
    return Judges(
        trained=draw_judged_slices(contrast, noncontrast, seed=1),
        six=draw_judged_slices(held_contrast, held_noncontrast, seed=1),
        two=draw_judged_slices(held_contrast[:2], held_noncontrast[:2], seed=1),
        given=_as_batch(given),
        truth=_as_batch(truth),
        body=np.concatenate(body)[:, None],
    )


def _patient(index: int, phase: str) -> PatientSlices:
    scan = render_scan(
        COHORT_SEED, index, OPTIONS, "contrast" if phase == "contrast" else "noncontrast"
    )
    return PatientSlices(str(index), (_halved(scan.volume.voxels_hu),))


def _halved(hu: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.int16]:
    slices, rows, columns = hu.shape
    means = hu.reshape(slices, rows // 2, 2, columns // 2, 2).mean((2, 4))
    halved: NDArray[np.int16] = np.rint(means).astype(np.int16)
    return halved


def _as_batch(volumes: list[NDArray[np.int16]]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(volumes).astype(np.float32)).unsqueeze(1)


def print_table(path: Path) -> None:
    """Print correlation and regret of each criterion in each run."""
    rows = read_json_lines(path)
    runs = [name for name in RUNS if any(row["run"] == name for row in rows)]
    criteria = [name for name in rows[0] if name not in ("run", "step", "true_body")]
    print(f"| criterion | {' | '.join(f'{name}: rho, regret' for name in runs)} |")
    print(f"| --- {'| --- ' * len(runs)}|")
    for criterion in criteria:
        print(f"| {criterion} | {' | '.join(_cell(rows, run, criterion) for run in runs)} |")
    lasts = []
    for run in runs:
        errors = [row["true_body"] for row in rows if row["run"] == run]
        lasts.append(f"{errors[-1] - min(errors):.2f} (errors {min(errors):.1f}, {errors[-1]:.1f})")
    print(f"| last | {' | '.join(lasts)} |")


def _cell(rows: list[dict[str, Any]], run: str, criterion: str) -> str:
    chosen = [row for row in rows if row["run"] == run]
    true = np.array([row["true_body"] for row in chosen])
    seen = np.array([row[criterion] for row in chosen])
    return f"{float(spearmanr(seen, true)[0]):.2f}, {true[seen.argmin()] - true.min():.2f}"


def main(arguments: list[str]) -> int:
    """Train the run that the arguments name, or print the table of what was written."""
    if not arguments:
        # It takes hours; `make bench` only names it.
        print(__doc__)
        return 0
    if len(arguments) != 2 or arguments[0] not in (*RUNS, "table"):
        print(__doc__)
        return 2
    if arguments[0] == "table":
        print_table(Path(arguments[1]))
    else:
        train_and_judge(arguments[0], Path(arguments[1]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
