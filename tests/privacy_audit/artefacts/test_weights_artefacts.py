from pathlib import Path

import numpy as np
import pytest
import torch

from privacy_audit.artefacts.weights_artefacts import holds_image
from privacy_audit.attacks.metadata import check_metadata
from tests.privacy_audit.artefacts.planted import body


def _kinds(folder: Path) -> set[str]:
    return {finding.kind for finding in check_metadata(folder, [], None)[1]}


@pytest.mark.parametrize("is_archive", [True, False])
def test_plain_torch_checkpoint_gives_no_alarm(tmp_path: Path, *, is_archive: bool) -> None:
    weights = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Linear(64, 64)).state_dict()
    torch.save(weights, tmp_path / "model.pt", _use_new_zipfile_serialization=is_archive)
    assert _kinds(tmp_path) == set()


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("replay_pool", (2, 2), "training_state"),
        ("optimizer", (2, 2), "training_state"),
        ("buffer", (4, 64, 64), "image_tensor"),
        ("/home/jane/ct", (2, 2), "path"),
    ],
)
def test_torch_checkpoint_with_more_than_weights_is_found(
    tmp_path: Path, name: str, shape: tuple[int, ...], kind: str
) -> None:
    torch.save({name: torch.zeros(shape)}, tmp_path / "model.pt")
    assert kind in _kinds(tmp_path)


def test_slice_is_told_from_weights_by_its_smoothness() -> None:
    generator = np.random.default_rng(0)
    assert holds_image(body(0, size=64))
    assert holds_image(body(0, size=64) + generator.normal(0, 100, (64, 64)))
    assert not holds_image(generator.normal(size=(64, 64)))
    assert not holds_image(np.zeros((64, 64)))
