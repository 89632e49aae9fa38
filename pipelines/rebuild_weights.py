"""The frame of the programs that rebuild shipped weights: one path in, one file out."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from medsynth.errors import ConfigurationError

Report = Callable[[str], None]
_THREADS = 1


def rebuild_weights(arguments: list[str], train: Callable[[Path, Report], str]) -> int:
    """Train on one thread, with algorithms that repeat exactly.

    Args:
        arguments: the path of the file to write, and nothing else.
        train: writes that file, reports how it goes, and gives the line that ends the report.

    Returns:
        The exit code: 0 when done, 2 when the path is missing or not to be used.
    """
    try:
        weights = _weights_path(arguments)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    torch.set_num_threads(_THREADS)
    torch.use_deterministic_algorithms(True)
    _report(train(weights, _report))
    return 0


def _weights_path(arguments: list[str]) -> Path:
    if len(arguments) != 1 or not arguments[0].endswith(".safetensors"):
        raise ConfigurationError(
            "No file to write was named. Expected one path that ends in .safetensors. "
            "Add it to the command."
        )
    path = Path(arguments[0])
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"The folder for {path.name} does not exist. Expected one that does. Make it first."
        )
    return path


def _report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
