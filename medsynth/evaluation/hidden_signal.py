"""What a translator hides of the source in changes too small to be seen.

A cycle translator is trained to be undone. Where it cannot know how bright an
organ was, it is rewarded for writing that into its output, in patterns of a HU or
less that its partner reads. They show when they are covered: with a little noise
the partner rebuilds the source worse, although no organ looks any different.

Source: Chu et al. 2017, arXiv 1712.02950; the measure is our own derivation.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import BODY, Measurement, summarise
from medsynth.imaging.body import body_mask
from medsynth.training.device import Compute

COVERING_HU = (0.5, 1.0, 2.0, 4.0)
_BATCH = 8


@dataclasses.dataclass(frozen=True)
class ReversibleScan:
    """A translated scan on the network's grid, (slabs, rows, columns) each, float32, HU.

    Attributes:
        patient: pseudonym of the patient.
        source_hu: the contrast scan that was translated.
        output_hu: its translation: as computed, or as released.
        truth_hu: the same patient without contrast, or None.
    """

    patient: str
    source_hu: NDArray[np.float32]
    output_hu: NDArray[np.float32]
    truth_hu: NDArray[np.float32] | None


def measure_hidden_signal(
    scan: ReversibleScan, to_contrast: nn.Module, *, seed: int, compute: Compute
) -> list[Measurement]:
    """Measure how much of the source is rebuilt, and how much of that noise takes away.

    Each value is the mean absolute error of the rebuilt contrast scan within the
    body: `rebuilt_hu` from the output, `rebuilt_rounded_hu` from the output in whole
    HU, `rebuilt_covered_A_hu` from the output under triangular noise of at most A
    HU, `rebuilt_truth_hu` from the truth, in which nothing is hidden. Noise that is
    merely passed on does not count as an error: rebuilds from the noise and from
    its negative are averaged. `hidden_signal_hu` is the error under the largest noise
    less the error under none; about zero where nothing is hidden.

    Args:
        scan: the scan.
        to_contrast: the network's partner, (batch, 1, rows, columns) HU to the same.
        seed: fixes the noise.
        compute: where and in which precision.

    Returns:
        Measurements of the body; none where the source shows no body.
    """
    body = body_mask(scan.source_hu)
    if not body.any():
        return []

    def error(rebuilt_hu: NDArray[np.float32]) -> float:
        return float(np.abs(rebuilt_hu - scan.source_hu)[body].mean(dtype=np.float64))

    output = scan.output_hu
    errors = {
        "rebuilt_hu": error(_rebuilt(output, to_contrast, compute)),
        "rebuilt_rounded_hu": error(_rebuilt(np.rint(output), to_contrast, compute)),
    }
    noise = _triangular_noise(output.shape, seed)
    for amplitude in COVERING_HU:
        with_noise = _rebuilt(output + amplitude * noise, to_contrast, compute)
        against_noise = _rebuilt(output - amplitude * noise, to_contrast, compute)
        errors[_covered(amplitude)] = error(np.float32(0.5) * (with_noise + against_noise))
    errors["hidden_signal_hu"] = errors[_covered(COVERING_HU[-1])] - errors["rebuilt_hu"]
    if scan.truth_hu is not None:
        errors["rebuilt_truth_hu"] = error(_rebuilt(scan.truth_hu, to_contrast, compute))
    return [Measurement(scan.patient, BODY, name, value) for name, value in errors.items()]


def hidden_signal_report(
    measurements: Sequence[Measurement], resampling: Resampling
) -> dict[str, object]:
    """Summarise over patients what `measure_hidden_signal` measured.

    Args:
        measurements: of all patients.
        resampling: how intervals are drawn.

    Returns:
        `hidden_signal_hu` with `ci` (null for a single patient) and `n`; under
        `rebuilt_mae_hu` the errors of the rebuilt scan from each kind of input.
        Empty where nothing was measured.
    """
    hidden = summarise(measurements, BODY, "hidden_signal_hu", resampling)
    if hidden is None:
        return {}
    named = {
        "output": "rebuilt_hu",
        "rounded": "rebuilt_rounded_hu",
        **{f"covered_{amplitude:g}_hu": _covered(amplitude) for amplitude in COVERING_HU},
        "truth": "rebuilt_truth_hu",
    }
    rebuilt = {
        key: estimate.mean
        for key, quantity in named.items()
        if (estimate := summarise(measurements, BODY, quantity, resampling)) is not None
    }
    return {
        "hidden_signal_hu": hidden.mean,
        "ci": None if hidden.interval is None else list(hidden.interval),
        "n": hidden.patients,
        "rebuilt_mae_hu": rebuilt,
    }


@torch.inference_mode()
def _rebuilt(
    output_hu: NDArray[np.float32], to_contrast: nn.Module, compute: Compute
) -> NDArray[np.float32]:
    rebuilt = np.empty_like(output_hu)
    for first in range(0, len(output_hu), _BATCH):
        given = torch.from_numpy(output_hu[first : first + _BATCH]).unsqueeze(1)
        with compute.precision():
            made = to_contrast(given.to(compute.device)).float()
        rebuilt[first : first + _BATCH] = made[:, 0].cpu().numpy()
    return rebuilt


def _triangular_noise(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    one, other = np.random.default_rng(seed).random((2, *shape), dtype=np.float32)
    noise: NDArray[np.float32] = one - other
    return noise


def _covered(amplitude_hu: float) -> str:
    return f"rebuilt_covered_{amplitude_hu:g}_hu"
