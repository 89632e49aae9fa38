from pathlib import Path

from medsynth.networks.organ_segmenter import ORGANS
from medsynth.synthesis.organ_training import OrganTrainingSettings, train_organ_finder

SMALL = OrganTrainingSettings(seed=3, patients=1, test_patients=1, steps=2)


def _silent(_line: str) -> None:
    pass


def test_equal_settings_give_equal_weights(tmp_path: Path) -> None:
    for name in ("first", "second"):
        train_organ_finder(SMALL, tmp_path / f"{name}.safetensors", _silent)
    first = (tmp_path / "first.safetensors").read_bytes()
    assert first == (tmp_path / "second.safetensors").read_bytes()
    # The settings stand in the file's own header.
    assert b"steps" in first[:10_000]


def test_the_report_tells_of_every_organ_on_patients_held_out(tmp_path: Path) -> None:
    found = train_organ_finder(SMALL, tmp_path / "w.safetensors", _silent)
    assert [name for name, _ in found.dice] == list(ORGANS)
    assert found.slices == 14
    assert all(0 <= dice <= 1 for _, dice in found.dice)
