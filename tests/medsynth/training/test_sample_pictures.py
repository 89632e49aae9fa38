from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from medsynth.training.sample_pictures import SamplePictures, write_sample_picture


class _Darken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(100.0))

    def forward(self, slices: Tensor) -> Tensor:
        return slices - self.by


def _pictures(folder: Path, *, every_seconds: float) -> SamplePictures:
    return SamplePictures(folder, torch.full((2, 1, 8, 8), 140.0), every_seconds=every_seconds)


def test_picture_shows_input_output_and_change(tmp_path: Path) -> None:
    contrast = np.full((1, 2, 2), 140.0, dtype=np.float32)
    write_sample_picture(tmp_path / "p.png", contrast, contrast - 100.0)
    shown = np.asarray(Image.open(tmp_path / "p.png"))
    assert shown.shape == (6, 2)
    # (140 + 160) / 400 * 255 = 191.25; (40 + 160) / 400 * 255 = 127.5; (-100 / 400 + 0.5) * 255.
    assert [int(shown[row, 0]) for row in (0, 2, 4)] == [191, 128, 64]


def test_start_is_shown_once_and_later_steps_when_their_time_has_come(tmp_path: Path) -> None:
    rare = _pictures(tmp_path / "rare", every_seconds=1e9)
    often = _pictures(tmp_path / "often", every_seconds=0.0)
    for step in range(3):
        rare.write_when_due(_Darken(), step)
        often.write_when_due(_Darken(), step)
    assert _names(tmp_path / "rare") == ["step_000000.png"]
    assert _names(tmp_path / "often") == ["step_000000.png", "step_000001.png", "step_000002.png"]


def test_pictures_of_steps_to_be_trained_again_are_removed(tmp_path: Path) -> None:
    pictures = _pictures(tmp_path / "s", every_seconds=1e9)
    for step in (0, 10, 20):
        pictures.write(_Darken(), step)
    pictures.discard_after(10)
    assert _names(tmp_path / "s") == ["step_000000.png", "step_000010.png"]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
