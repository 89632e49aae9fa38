"""Rebuild the public start: made-up patients in, one file of weights out.

    python -m pipelines.train_public_start medsynth/training/start_weights.safetensors

No real scan is read. It takes about 40 minutes on one processor core. The same version of
torch on the same kind of processor gives the same bytes.
"""

import sys
from pathlib import Path

from medsynth.training.device import choose_compute
from medsynth.training.start_training import StartSettings, train_public_start
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
    found = train_public_start(StartSettings(), weights, choose_compute("cpu"), report)
    return (
        f"made-up patients held out, HU in the body: input {found.input_hu:.2f}, "
        f"translated {found.translated_hu:.2f}"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
