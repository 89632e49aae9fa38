"""Peak memory of a training: the default translator against the original CycleGAN.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_training_memory.py

Each trains 20 steps in a fresh process on one and the same slice store of 40 contrast
and 40 other non-contrast patients, 32 slices of 128 x 128 each, memory-mapped. The
figure is what the kernel counted as the process's resident memory at its highest; the
first row is a process that has loaded the code and the store and trains nothing.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from medsynth.cohort.slice_store import load_slices, store_array
from medsynth.records.configuration import read_toml
from medsynth.records.progress import SilentReporter
from medsynth.training.batches import PatientSlices
from medsynth.training.device import choose_compute, peak_memory_gb
from medsynth.training.loop import TrainingPlan, TrainingSlices, train_translator
from medsynth.training.schedule import Budget
from pipelines.demo import DEMO_CONFIG
from pipelines.project_config import load_config
from pipelines.train import training_plan

PATIENTS, SLICES, MATRIX, STEPS = 40, 32, 128, 20
REFERENCE_CONFIG = DEMO_CONFIG.with_name("reference_cyclegan.toml")
ARMS = {
    "code and store alone": [],
    "default": [DEMO_CONFIG],
    "default with early stop": [DEMO_CONFIG],
    "original CycleGAN": [REFERENCE_CONFIG],
}


def main(arguments: list[str]) -> int:
    """Print the table, or train the one arm that the arguments name."""
    if len(arguments) == 2:
        print(json.dumps(_train_arm(arguments[0], Path(arguments[1]))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        _write_store(Path(folder))
        peaks = {arm: _peak_gb(arm, Path(folder)) for arm in ARMS}
    print(
        f"{STEPS} steps, {PATIENTS} + {PATIENTS} patients, {SLICES} slices of {MATRIX} x {MATRIX}"
    )
    print("| training | peak memory, GB | ratio to the original |")
    print("| --- | --- | --- |")
    for arm, peak in peaks.items():
        print(f"| {arm} | {peak:.2f} | {peak / peaks['original CycleGAN']:.2f} |")
    return 0


def _peak_gb(arm: str, store: Path) -> float:
    done = subprocess.run(
        [sys.executable, __file__, arm, str(store)], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout)["process"])


def _train_arm(arm: str, store: Path) -> dict[str, float]:
    slices = TrainingSlices(_patients(store, "contrast"), _patients(store, "noncontrast"))
    compute = choose_compute("cpu")
    if ARMS[arm]:
        with tempfile.TemporaryDirectory() as folder:
            train_translator(
                slices, _plan(arm), Path(folder), compute=compute, reporter=SilentReporter()
            )
    return peak_memory_gb(compute)


def _plan(arm: str) -> TrainingPlan:
    layers = [read_toml(path) for path in ARMS[arm]]
    chosen = {"train": {"early_stop": arm == "default with early stop"}}
    plan = training_plan(load_config([*layers, chosen]))
    return dataclasses.replace(plan, budget=Budget(STEPS, None))


def _patients(store: Path, phase: str) -> list[PatientSlices]:
    return [
        PatientSlices(f"{phase}{n}", (load_slices(store, f"{phase}{n}"),)) for n in range(PATIENTS)
    ]


def _write_store(folder: Path) -> None:
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:MATRIX, :MATRIX] - (MATRIX - 1) / 2
    body = (rows / 40) ** 2 + (columns / 56) ** 2 < 1
    for phase, hu in (("contrast", 120), ("noncontrast", 50)):
        for number in range(PATIENTS):
            noise = generator.normal(0, 20, (SLICES, MATRIX, MATRIX))
            values = np.where(body, hu, -1000) + noise
            store_array(folder, "slices", f"{phase}{number}", values.astype(np.int16))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
