"""What an unfinished or finished train folder tells of a private training, whose steps are charged.

A private training writes its weights, then `privacy.json`, then removes its checkpoint.
"""

from pathlib import Path

from medsynth.records.json_lines import read_json
from medsynth.training.checkpoints import load_checkpoint
from medsynth.training.loop import CHECKPOINT_NAME

_RECORD_NAME = "privacy.json"


def holds_private_training(folder: Path) -> bool:
    """Tell whether a folder holds the checkpoint or the record of a private training.

    Args:
        folder: of the stage train, finished or not; may be missing.

    Raises:
        RecordError: the checkpoint or the record cannot be read.
    """
    checkpoint = folder / CHECKPOINT_NAME
    if checkpoint.is_file() and "budget" in load_checkpoint(checkpoint):
        return True
    return _has_private_record(folder)


def has_ended(folder: Path) -> bool:
    """Tell whether the private training in an unfinished folder lacks nothing but its place.

    Args:
        folder: the output of the stage train, of the same settings and input.

    Raises:
        RecordError: the record cannot be read.
    """
    return _has_private_record(folder) and not (folder / CHECKPOINT_NAME).is_file()


def forbids_discarding(folder: Path) -> str | None:
    """Say why a folder that cannot be gone on with must not be lost unasked; None if it may.

    Args:
        folder: what an interrupted sitting of the stage train left.

    Raises:
        RecordError: the checkpoint or the record cannot be read.
    """
    if not holds_private_training(folder):
        return None
    return (
        "An interrupted private training has other settings or other input than now. Expected "
        "the same, as what it was charged stays in the ledger. Restore them and run "
        f"`medsynth train` to finish it, or delete the folder {folder.name} by hand, after which "
        "what it was charged and had planned stays in the ledger."
    )


def _has_private_record(folder: Path) -> bool:
    record = folder / _RECORD_NAME
    if not record.is_file():
        return False
    content = read_json(record)
    return isinstance(content, dict) and content.get("private") is True
