"""Checkpoints of a training in progress, and the weights of a finished one."""

import io
import pickle
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from medsynth.errors import RecordError
from medsynth.records.atomic import write_bytes_atomically


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
