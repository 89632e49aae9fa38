from pathlib import Path

import torch

from medsynth.training.device import Compute
from medsynth.training.start_training import StartReport, StartSettings, train_public_start

TINY = StartSettings(
    patients=1,
    held_out_patients=1,
    paired_steps=40,
    reverse_steps=2,
    adversarial_steps=1,
    batch=2,
    seed=5,
)
PROCESSOR = Compute(torch.device("cpu"), mixed=False)


def trained(path: Path) -> tuple[StartReport, list[str]]:
    lines: list[str] = []
    found = train_public_start(TINY, path, PROCESSOR, lines.append)
    return found, lines


def test_pairs_teach_to_take_the_agent_out(tmp_path: Path) -> None:
    found, lines = trained(tmp_path / "start.safetensors")
    assert found.translated_hu < 0.97 * found.input_hu
    assert lines[0] == "making 1 patients"


def test_equal_settings_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one.safetensors", "two.safetensors"):
        trained(tmp_path / name)
    one, two = (tmp_path / f"{name}.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
