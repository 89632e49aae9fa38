"""Made-up slices with their organs, from which the organ finder learns, wider than life."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.phase_examples import draw_wide_bolus, widen_tissues
from medsynth.networks.organ_segmenter import GRID_MM
from medsynth.phantom.anatomy import paint_anatomy
from medsynth.phantom.canvas import Canvas, Label, blank_canvas
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.space import ScanPosition, build_space
from medsynth.phantom.tissue import draw_tissues

MATRIX = 128
_SLICES = 14
_SLICE_MM = 20.0
_THICKNESS_MM = 5.0
# Every fourth patient is a chest scan: there, what looks like an organ mostly is none.
_CHEST_EVERY = 4
_MIDDLE_MM = {BodyRegion.ABDOMEN: 0.0, BodyRegion.CHEST: 205.0}
_STREAM = 78
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
    canvases = [_paint_patient(seed, index) for index in range(patients)]
    return OrganExamples(
        plain_hu=np.concatenate([plain_hu for plain_hu, _, _ in canvases]),
        gain_hu=np.concatenate([gain_hu for _, gain_hu, _ in canvases]),
        classes=np.concatenate([classes for _, _, classes in canvases]),
    )


def organ_classes(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn the phantom's labels into the network's classes; a new array of the same shape."""
    lookup = np.zeros(256, dtype=np.uint8)
    for number, label in enumerate(_LABELS, start=1):
        lookup[int(label)] = number
    return lookup[labels]


def _paint_patient(
    seed: int, index: int
) -> tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.uint8]]:
    random = np.random.default_rng([_STREAM, seed, index])
    is_chest = index % _CHEST_EVERY == _CHEST_EVERY - 1
    region = BodyRegion.CHEST if is_chest else BodyRegion.ABDOMEN
    patient = draw_patient(seed, index)
    options = PhantomOptions(
        matrix=MATRIX, slices=_SLICES, spacing_mm=GRID_MM, slice_mm=_SLICE_MM, region=region
    )
    left_mm, back_mm, head_mm = random.normal(0, (6.0, 6.0, 12.0))
    position = ScanPosition(
        left_mm, back_mm, _MIDDLE_MM[region] * patient.stature + head_mm, random.normal(0, 8)
    )
    space = build_space(
        seed, index, options, position=position, thickness_ratio=_THICKNESS_MM / _SLICE_MM
    )
    bolus = draw_wide_bolus(region, random)
    sheet = widen_tissues(draw_tissues(seed, patient, bolus), bolus, random)
    canvas: Canvas = blank_canvas(space.shape, sheet)
    paint_anatomy(canvas, space, seed, patient, region)
    plain_hu = canvas.plain_hu + canvas.texture_hu * space.texture
    return (
        plain_hu.astype(np.float16),
        canvas.gain_hu.astype(np.float16),
        organ_classes(canvas.labels),
    )
