"""Made-up slices in pairs, from which the public start learns, wider than life."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.phase_examples import draw_wide_bolus, widen_tissues
from medsynth.phantom.anatomy import paint_anatomy
from medsynth.phantom.canvas import blank_canvas
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.space import ScanPosition, build_space
from medsynth.phantom.tissue import Appearance, Tissue, TissueSheet, draw_tissues
from medsynth.training.public_start import START_SPACING_MM

MATRIX = 128
_SLICES = 16
_SLICE_MM = 18.0
_THICKNESS_MM = 5.0
_CHEST_EVERY = 3
_MIDDLE_MM = {BodyRegion.ABDOMEN: -15.0, BodyRegion.CHEST: 195.0}
_STREAM = 79
# What bone takes up is less than its density varies from patient to patient, so it is kept.
_KEPT = (Tissue.CORTICAL_BONE, Tissue.MARROW, Tissue.CARTILAGE)
_DENSITY_HU = {Tissue.CORTICAL_BONE: (350.0, 1000.0), Tissue.MARROW: (40.0, 330.0)}
_BONE_TEXTURE = (0.5, 2.5)


@dataclasses.dataclass(frozen=True)
class StartExamples:
    """Slices of made-up patients.

    Attributes:
        plain_hu: (slices, rows, columns), float16, without contrast agent.
        gain_hu: likewise, what the agent adds.
    """

    plain_hu: NDArray[np.float16]
    gain_hu: NDArray[np.float16]


def make_start_examples(seed: int, *, patients: int) -> StartExamples:
    """Make the slices of some patients, one chest to two abdomens.

    Args:
        seed: decides everything, not negative.
        patients: how many.
    """
    painted = [_paint_patient(seed, index) for index in range(patients)]
    return StartExamples(
        plain_hu=np.concatenate([plain_hu for plain_hu, _ in painted]),
        gain_hu=np.concatenate([gain_hu for _, gain_hu in painted]),
    )


def _paint_patient(seed: int, index: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    random = np.random.default_rng([_STREAM, seed, index])
    is_chest = index % _CHEST_EVERY == _CHEST_EVERY - 1
    region = BodyRegion.CHEST if is_chest else BodyRegion.ABDOMEN
    patient = draw_patient(seed, index)
    options = PhantomOptions(
        matrix=MATRIX,
        slices=_SLICES,
        spacing_mm=START_SPACING_MM,
        slice_mm=_SLICE_MM,
        region=region,
    )
    left_mm, back_mm, head_mm = random.normal(0, (6.0, 6.0, 12.0))
    position = ScanPosition(
        left_mm, back_mm, _MIDDLE_MM[region] * patient.stature + head_mm, random.normal(0, 6)
    )
    space = build_space(
        seed, index, options, position=position, thickness_ratio=_THICKNESS_MM / _SLICE_MM
    )
    bolus = draw_wide_bolus(region, random)
    sheet = widen_tissues(draw_tissues(seed, patient, bolus), bolus, random)
    sheet = _with_kept_bone(sheet, random)
    canvas = blank_canvas(space.shape, sheet)
    paint_anatomy(canvas, space, seed, patient, region)
    plain_hu = canvas.plain_hu + canvas.texture_hu * space.texture
    return plain_hu.astype(np.float16), canvas.gain_hu.astype(np.float16)


def _with_kept_bone(sheet: TissueSheet, random: np.random.Generator) -> TissueSheet:
    """Draw bone of any density, that takes up nothing."""
    return TissueSheet(
        tuple((tissue, _kept(tissue, look, random)) for tissue, look in sheet.appearances)
    )


def _kept(tissue: Tissue, look: Appearance, random: np.random.Generator) -> Appearance:
    if tissue in _DENSITY_HU:
        return Appearance(
            plain_hu=float(random.uniform(*_DENSITY_HU[tissue])),
            texture_hu=look.texture_hu * float(random.uniform(*_BONE_TEXTURE)),
            gain_hu=0.0,
        )
    return dataclasses.replace(look, gain_hu=0.0) if tissue in _KEPT else look
