"""One process of stage train, for tests: `torchrun -m ... WORKSPACE`."""

import sys
from pathlib import Path

from pipelines import train
from pipelines.project_config import ProjectConfig, load_config
from tests.pipelines.stage_running import run_stages


def small_config() -> ProjectConfig:
    """Give settings of a training of seconds."""
    settings = {
        "start": "scratch",
        "steps": 6,
        "channels": 8,
        "blocks": 1,
        "discriminator_channels": 8,
        "batch": 4,
        "patch": 32,
    }
    return load_config([{"device": "cpu", "prepare": {"matrix": 32}, "train": settings}])


if __name__ == "__main__":
    if train.is_follower():
        train.follow_training()
    else:
        run_stages([train.STAGE], Path(sys.argv[1]), small_config())
