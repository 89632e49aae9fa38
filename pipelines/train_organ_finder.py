"""Rebuild the weights of the organ finder: made-up patients in, one file out.

    python -m pipelines.train_organ_finder medsynth/synthesis/organ_weights.safetensors

No real scan is read. The same version of torch and the same number of threads
(set here) give the same bytes.
"""

import sys
from pathlib import Path

from medsynth.synthesis.organ_training import OrganTrainingSettings, train_organ_finder
from pipelines.rebuild_weights import Report, rebuild_weights


def main(arguments: list[str]) -> int:
    """Train with the standard settings.

    Args:
        arguments: the path of the file to write, and nothing else.

    Returns:
        The exit code: 0 when done, 2 when the path is missing or not to be used.
    """
    return rebuild_weights(arguments, _train)


def _train(weights: Path, report: Report) -> str:
    found = train_organ_finder(OrganTrainingSettings(), weights, report)
    overlaps = ", ".join(f"{name} {dice:.3f}" for name, dice in found.dice)
    return f"Dice on made-up patients held out, {found.slices} slices: {overlaps}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
