from pathlib import Path

import pytest
import torch
from torch import nn

from medsynth.errors import RecordError
from medsynth.training.checkpoints import (
    keep_rows_until,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
)


def test_weights_come_back_as_saved(tmp_path: Path) -> None:
    saved, read = nn.Linear(3, 2), nn.Linear(3, 2)
    save_weights(tmp_path / "w.safetensors", saved)
    load_weights(tmp_path / "w.safetensors", read)
    assert torch.equal(saved.weight, read.weight)


def test_weights_of_another_design_are_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", nn.Linear(3, 2))
    with pytest.raises(RecordError, match="do not fit"):
        load_weights(tmp_path / "w.safetensors", nn.Linear(4, 2))


class _Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, ("executed",)


def test_checkpoint_with_a_payload_is_refused_and_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"trainer": _Payload()}, tmp_path / "checkpoint.pt")
    with pytest.raises(RecordError, match="cannot be read"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "executed").exists()


def test_checkpoint_comes_back_as_saved(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint.pt", {"step": 3, "tensor": torch.arange(3)})
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert state["step"] == 3
    assert torch.equal(state["tensor"], torch.arange(3))


def test_rows_after_the_checkpoint_and_a_torn_line_are_dropped(tmp_path: Path) -> None:
    rows = tmp_path / "metrics.jsonl"
    rows.write_text('{"step": 10}\n{"step": 20}\n{"step": 30}\n{"step": 4')
    keep_rows_until(rows, 20)
    assert rows.read_text() == '{"step": 10}\n{"step": 20}\n'


def test_row_without_a_step_is_refused(tmp_path: Path) -> None:
    rows = tmp_path / "metrics.jsonl"
    rows.write_text('{"loss": 1.0}\n')
    with pytest.raises(RecordError, match="without a step"):
        keep_rows_until(rows, 20)
