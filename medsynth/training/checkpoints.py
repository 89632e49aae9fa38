"""Checkpoints of a training in progress, and the weights of a finished one."""

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from medsynth.errors import RecordError
from medsynth.records.atomic import write_bytes_atomically
from medsynth.records.json_lines import write_json_lines


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a training's state in one atomic step.

    Args:
        path: the checkpoint file.
        state: tensors and plain values, as `CycleTrainer.state` gives.
    """
    stream = io.BytesIO()
    torch.save(state, stream)
    write_bytes_atomically(path, stream.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a training's state; nothing in the file is executed.

    Raises:
        RecordError: the file is not a whole checkpoint.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError):
        raise RecordError(
            f"Checkpoint {path.name} cannot be read. Expected the state of an interrupted "
            f"training. Delete the folder {path.parent.name} to train from the start."
        ) from None
    return state


def keep_rows_until(path: Path, step: int) -> None:
    """Drop the rows that a killed sitting wrote after its last checkpoint.

    A last line that was cut off in the middle is dropped, too.

    Args:
        path: a file of rows with a "step" each; may be missing.
        step: last step whose row is kept.

    Raises:
        RecordError: a whole line is no row.
    """
    if not path.is_file():
        return
    # What follows the last line's end was being written when the sitting was killed.
    whole_lines = path.read_bytes().split(b"\n")[:-1]
    try:
        rows = [json.loads(line) for line in whole_lines]
        kept = [row for row in rows if row["step"] <= step]
    except (ValueError, TypeError, KeyError):
        raise RecordError(
            f"File {path.name} has a line without a step. Expected the rows of an interrupted "
            f"training. Delete the folder {path.parent.name} to train from the start."
        ) from None
    write_json_lines(path, kept)


def flush_to_disk(path: Path) -> None:
    """Make sure that a power cut cannot take back what was appended to a file.

    Args:
        path: the file; may be missing.
    """
    if path.is_file():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def save_weights(path: Path, network: nn.Module) -> None:
    """Write a network's weights as safetensors, with no metadata."""
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    write_bytes_atomically(path, safetensors.torch.save(tensors))


def load_weights(path: Path, network: nn.Module) -> None:
    """Fill a network with weights that `save_weights` wrote.

    Args:
        path: the safetensors file.
        network: of the same design; changed in place.

    Raises:
        RecordError: the file is missing, damaged, or of another design.
    """
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (FileNotFoundError, SafetensorError, RuntimeError):
        raise RecordError(
            f"Weights {path.name} do not fit the translator that the settings describe. Expected "
            "the file that `medsynth train` wrote with these settings. Run `medsynth train` again."
        ) from None
