"""Rebuild the weights of the organ finder: made-up patients in, one file out.

    python -m pipelines.train_organ_finder medsynth/synthesis/organ_weights.safetensors

No real scan is read. The same version of torch and the same number of threads
(set here) give the same bytes.
"""

import sys
from pathlib import Path

import torch

from medsynth.errors import ConfigurationError
from medsynth.synthesis.organ_training import OrganTrainingSettings, train_organ_finder

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
    found = train_organ_finder(OrganTrainingSettings(), weights, _report)
    overlaps = ", ".join(f"{name} {dice:.3f}" for name, dice in found.dice)
    _report(f"Dice on made-up patients held out, {found.slices} slices: {overlaps}")
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
