"""Made-up slices with their organs, from which the organ finder learns, wider than life."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.networks.organ_segmenter import GRID_MM
from medsynth.phantom.canvas import Label
from medsynth.phantom.options import BodyRegion
from medsynth.phantom.wide_patient import WideView, paint_wide_patient

_VIEW = WideView(
    stream=78,
    slices=14,
    slice_mm=20.0,
    spacing_mm=GRID_MM,
    middle_mm=(0.0, 205.0),
    head_spread_mm=12.0,
    breath_spread_mm=8.0,
)
# Every fourth patient is a chest scan: there, what looks like an organ mostly is none.
_CHEST_EVERY = 4
# In the order of `organ_segmenter.ORGANS`.
_LABELS = (Label.LIVER, Label.SPLEEN, Label.KIDNEY, Label.AORTA, Label.VENA_CAVA)


@dataclasses.dataclass(frozen=True)
class OrganExamples:
    """Slices of made-up patients with what is true of them.

    Attributes:
        plain_hu: (slices, rows, columns), float16, without contrast agent.
        gain_hu: likewise, what the agent adds.
        classes: likewise, uint8, 0 none, 1 the first of `organ_segmenter.ORGANS`.
    """

    plain_hu: NDArray[np.float16]
    gain_hu: NDArray[np.float16]
    classes: NDArray[np.uint8]


def make_organ_examples(seed: int, *, patients: int) -> OrganExamples:
    """Make the slices of some patients, one chest to three abdomens.

    Args:
        seed: decides everything, not negative.
        patients: how many.
    """
    parts = [_patient_examples(seed, index) for index in range(patients)]
    return OrganExamples(
        plain_hu=np.concatenate([part.plain_hu for part in parts]),
        gain_hu=np.concatenate([part.gain_hu for part in parts]),
        classes=np.concatenate([part.classes for part in parts]),
    )


def organ_classes(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn the phantom's labels into the network's classes; a new array of the same shape."""
    lookup = np.zeros(256, dtype=np.uint8)
    for number, label in enumerate(_LABELS, start=1):
        lookup[int(label)] = number
    return lookup[labels]


def _patient_examples(seed: int, index: int) -> OrganExamples:
    is_chest = index % _CHEST_EVERY == _CHEST_EVERY - 1
    region = BodyRegion.CHEST if is_chest else BodyRegion.ABDOMEN
    painted = paint_wide_patient(seed, index, region, _VIEW)
    return OrganExamples(
        plain_hu=painted.plain_hu.astype(np.float16),
        gain_hu=painted.gain_hu.astype(np.float16),
        classes=organ_classes(painted.labels),
    )
