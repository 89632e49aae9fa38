"""Rebuild the public start: made-up patients in, one file of weights out.

    python -m pipelines.train_public_start medsynth/training/start_weights.safetensors

No real scan is read. It takes about 40 minutes on one processor core. The same version of
torch on the same kind of processor gives the same bytes.
"""

import sys
from pathlib import Path

import torch

from medsynth.errors import ConfigurationError
from medsynth.training.device import choose_compute
from medsynth.training.start_training import StartSettings, train_public_start

_THREADS = 1


def main(arguments: list[str]) -> int:
    """Train with the standard settings.

    Args:
        arguments: the path of the file to write, and nothing else.

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
    found = train_public_start(StartSettings(), weights, choose_compute("cpu"), _report)
    _report(
        f"made-up patients held out, HU in the body: input {found.input_hu:.2f}, "
        f"translated {found.translated_hu:.2f}"
    )
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


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
