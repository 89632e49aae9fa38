"""Rebuild the weights of the phase classifier: made-up patients in, one file out.

    python -m pipelines.train_phase_classifier medsynth/cohort/phase_weights.safetensors

No real scan is read. The same version of torch and the same number of threads
(set here) give the same bytes.
"""

import sys
from pathlib import Path

from medsynth.cohort.phase_training import PhaseTrainingSettings, train_phase_classifier
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
    found = train_phase_classifier(PhaseTrainingSettings(), weights, report)
    return (
        f"made-up patients held out, {found.slices} slices: decided {found.decided:.3f}, "
        f"right {found.right:.4f} of these"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
