from pathlib import Path

import pytest

from medsynth.errors import RecordError
from medsynth.records.json_lines import write_json
from medsynth.training.checkpoints import save_checkpoint
from pipelines.private_checkpoint import forbids_discarding, has_ended, holds_private_training


def test_folder_without_a_training_may_be_discarded(tmp_path: Path) -> None:
    assert forbids_discarding(tmp_path) is None
    assert not holds_private_training(tmp_path / "missing")


def test_checkpoint_and_record_without_privacy_may_be_discarded(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint.pt", {"engine": {}, "seconds": 1.0})
    write_json(tmp_path / "privacy.json", {"private": False})
    assert forbids_discarding(tmp_path) is None
    assert not has_ended(tmp_path)


def test_checkpoint_with_a_budget_must_not_be_discarded_unasked(tmp_path: Path) -> None:
    folder = tmp_path / ".train.partial"
    folder.mkdir()
    save_checkpoint(folder / "checkpoint.pt", {"trainer": {}, "budget": {"step": 1}})
    reason = forbids_discarding(folder)
    assert reason is not None
    assert "delete the folder .train.partial by hand" in reason
    assert str(tmp_path) not in reason
    assert not has_ended(folder)


def test_private_record_must_not_be_discarded_unasked(tmp_path: Path) -> None:
    write_json(tmp_path / "privacy.json", {"private": True})
    assert forbids_discarding(tmp_path) is not None


def test_private_training_has_ended_when_its_checkpoint_is_gone(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint.pt", {"trainer": {}, "budget": {"step": 1}})
    write_json(tmp_path / "privacy.json", {"private": True})
    assert not has_ended(tmp_path)
    (tmp_path / "checkpoint.pt").unlink()
    assert has_ended(tmp_path)


def test_checkpoint_that_cannot_be_read_is_not_taken_for_one_without_privacy(
    tmp_path: Path,
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"cut off")
    with pytest.raises(RecordError, match=r"checkpoint\.pt"):
        forbids_discarding(tmp_path)
