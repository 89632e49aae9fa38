"""Seconds of a training step: the default translator against the original CycleGAN.

Both see the same number of pixels in a step and run on the same device in the
same process, in turn.
"""

import dataclasses
import statistics
import time

import torch

from medsynth.records.configuration import read_toml
from medsynth.training.cycle_networks import build_cycle_networks
from medsynth.training.cycle_trainer import CycleTrainer
from medsynth.training.device import choose_compute
from medsynth.training.loop import TrainingPlan
from pipelines.demo import DEMO_CONFIG
from pipelines.project_config import load_config
from pipelines.train import training_plan

REPEATS = 3
REFERENCE_CONFIG = DEMO_CONFIG.with_name("reference_cyclegan.toml")


@dataclasses.dataclass(frozen=True)
class _Arm:
    name: str
    plan: TrainingPlan
    batch: int
    patch: int


def main() -> None:
    """Print a table of seconds a step and the ratio to the original."""
    original = training_plan(load_config([read_toml(REFERENCE_CONFIG)]))
    default = training_plan(load_config([read_toml(DEMO_CONFIG)]))
    # 8 patches of 64 x 64 are as many pixels as 2 slices of 128 x 128.
    arms = (_Arm("original CycleGAN", original, 2, 128), _Arm("default", default, 8, 64))
    seconds: dict[str, list[float]] = {arm.name: [] for arm in arms}
    for _ in range(REPEATS):
        for arm in arms:
            seconds[arm.name].append(_seconds_a_step(arm))
    compute = choose_compute("auto")
    print(f"device {compute.device.type}, bfloat16 {compute.mixed}, 32768 pixels of each phase")
    print("| translator | parameters of a generator | seconds a step, median | ratio |")
    print("| --- | --- | --- | --- |")
    baseline = statistics.median(seconds["original CycleGAN"])
    for arm in arms:
        median = statistics.median(seconds[arm.name])
        count = _parameter_count(arm.plan)
        print(f"| {arm.name} | {count} | {median:.3f} | {median / baseline:.3f} |")


def _seconds_a_step(arm: _Arm) -> float:
    networks = build_cycle_networks(arm.plan.generator, arm.plan.discriminator, seed=0)
    trainer = CycleTrainer(networks, arm.plan.step, choose_compute("auto"))
    slices = torch.randn(arm.batch, 1, arm.patch, arm.patch) * 100
    trainer.train_step(slices, slices + 1, learning_rate_factor=1.0)
    started = time.perf_counter()
    losses = trainer.train_step(slices, slices + 1, learning_rate_factor=1.0)
    # Reading a loss waits for the device.
    float(losses["discriminator"])
    return time.perf_counter() - started


def _parameter_count(plan: TrainingPlan) -> int:
    networks = build_cycle_networks(plan.generator, plan.discriminator, seed=0)
    return sum(p.numel() for p in networks.to_noncontrast.parameters())


if __name__ == "__main__":
    main()
