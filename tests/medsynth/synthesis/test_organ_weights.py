from pathlib import Path

import pytest
import torch

from medsynth.errors import RecordError
from medsynth.networks.organ_segmenter import OrganSegmenter
from medsynth.synthesis.organ_weights import (
    SHIPPED_WEIGHTS,
    read_organ_segmenter,
    write_organ_segmenter,
)


def test_weights_come_back_rounded_to_half_precision(tmp_path: Path) -> None:
    network = OrganSegmenter()
    write_organ_segmenter(tmp_path / "w.safetensors", network, {"steps": 1})
    back = read_organ_segmenter(tmp_path / "w.safetensors")
    assert not back.training
    for name, tensor in network.state_dict().items():
        rounded = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(back.state_dict()[name], rounded)
        assert back.state_dict()[name].dtype == tensor.dtype


def test_a_file_of_something_else_is_refused_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(RecordError, match="does not hold the organ finder") as refusal:
        read_organ_segmenter(tmp_path / "w.safetensors")
    assert str(tmp_path) not in str(refusal.value)


def test_the_shipped_weights_are_small_and_fit() -> None:
    assert SHIPPED_WEIGHTS.stat().st_size <= 2_000_000
    assert not read_organ_segmenter().training
