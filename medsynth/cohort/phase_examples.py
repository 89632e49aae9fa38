"""Made-up slices from which the phase classifier learns, wider than life."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.networks.phase_classifier import GRID_MM
from medsynth.phantom.canvas import Label
from medsynth.phantom.options import BodyRegion
from medsynth.phantom.wide_patient import WideView, paint_wide_patient

_VIEW = WideView(
    stream=77,
    slices=14,
    slice_mm=20.0,
    spacing_mm=GRID_MM,
    middle_mm=(-25.0, 205.0),
    head_spread_mm=9.0,
    breath_spread_mm=5.0,
)
_LEAST_ORGAN_GAIN_HU = 20.0
_LEAST_ANY_GAIN_HU = 45.0

_TELLING = (
    Label.LIVER,
    Label.SPLEEN,
    Label.KIDNEY,
    Label.AORTA,
    Label.VENA_CAVA,
    Label.PORTAL_VEIN,
    Label.HEART,
    Label.PULMONARY_ARTERY,
)


@dataclasses.dataclass(frozen=True)
class PhaseExamples:
    """Slices of made-up patients, each with and without contrast agent.

    Attributes:
        plain_hu: (slices, rows, columns), float16, without contrast agent.
        gain_hu: likewise, what the agent adds.
        is_telling: likewise, bool, blood or an organ that the agent reaches.
        is_enhanced: likewise, bool, where it was reached.
        patients: (slices,), the patient of each slice.
    """

    plain_hu: NDArray[np.float16]
    gain_hu: NDArray[np.float16]
    is_telling: NDArray[np.bool_]
    is_enhanced: NDArray[np.bool_]
    patients: NDArray[np.int64]


def make_examples(seed: int, *, patients: int) -> PhaseExamples:
    """Make the slices of some patients, chest and abdomen in turn.

    Args:
        seed: decides everything, not negative.
        patients: how many.
    """
    parts = [_patient_examples(seed, index) for index in range(patients)]
    return PhaseExamples(
        plain_hu=np.concatenate([part.plain_hu for part in parts]),
        gain_hu=np.concatenate([part.gain_hu for part in parts]),
        is_telling=np.concatenate([part.is_telling for part in parts]),
        is_enhanced=np.concatenate([part.is_enhanced for part in parts]),
        patients=np.concatenate([part.patients for part in parts]),
    )


def _patient_examples(seed: int, index: int) -> PhaseExamples:
    region = (BodyRegion.CHEST, BodyRegion.ABDOMEN)[index % 2]
    painted = paint_wide_patient(seed, index, region, _VIEW)
    is_telling = np.isin(painted.labels, [int(label) for label in _TELLING])
    is_enhanced = is_telling & (painted.gain_hu >= _LEAST_ORGAN_GAIN_HU)
    is_enhanced |= painted.gain_hu >= _LEAST_ANY_GAIN_HU
    return PhaseExamples(
        plain_hu=painted.plain_hu.astype(np.float16),
        gain_hu=painted.gain_hu.astype(np.float16),
        is_telling=is_telling,
        is_enhanced=is_enhanced,
        patients=np.full(len(painted.plain_hu), index, dtype=np.int64),
    )
