"""Driving the real commands as a user would, on small made-up patients."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Coarse patients and short trainings: the way is real, the result is not good.
SMALL = (
    "--set=prepare.matrix=64",
    "--set=prepare.spacing_mm=5.6",
    "--set=train.start=scratch",
    "--set=train.steps=12",
    "--set=train.channels=8",
    "--set=train.blocks=1",
    # Fast enough to change something in twelve steps: an unchanged scan is a copy, and refused.
    "--set=train.learning_rate=0.02",
    "--set=train.discriminator_channels=8",
    "--set=train.checkpoint_seconds=0.2",
    "--set=evaluate.steps=6",
    "--set=evaluate.channels=8",
    "--set=evaluate.bootstrap=50",
)


def medsynth(*arguments: str, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own and wait for it."""
    return subprocess.run(
        command_line(arguments),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=environment(),
    )


def command_line(arguments: Sequence[str]) -> list[str]:
    """Give the words that start the command line with this interpreter."""
    return [sys.executable, "-m", "pipelines", *arguments]


def environment() -> dict[str, str]:
    """Give the environment with one thread for each network."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def make_patients(folder: Path, *, patients: int, seed: int) -> Path:
    """Make coarse patients: 64x64 pixels, 12 slices."""
    made = medsynth(
        "phantom",
        str(folder),
        f"--patients={patients}",
        f"--seed={seed}",
        "--set=phantom.matrix=64",
        "--set=phantom.slices=12",
        "--quiet",
    )
    assert made.returncode == 0, made.stderr
    return folder


def run_arguments(patients: Path, workspace: Path) -> list[str]:
    """Give the arguments of a small whole run."""
    return [
        "run",
        f"--dicom={patients / 'dicom'}",
        f"--labels={patients / 'labels'}",
        f"--truth={patients / 'truth'}",
        f"--workspace={workspace}",
        *SMALL,
    ]
