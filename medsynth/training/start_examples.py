"""Made-up slices in pairs, from which the public start learns, wider than life."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.options import BodyRegion
from medsynth.phantom.tissue import Appearance, Tissue, TissueSheet
from medsynth.phantom.wide_patient import WideView, paint_wide_patient
from medsynth.training.public_start import START_SPACING_MM

_VIEW = WideView(
    stream=79,
    slices=16,
    slice_mm=18.0,
    spacing_mm=START_SPACING_MM,
    middle_mm=(-15.0, 195.0),
    head_spread_mm=12.0,
    breath_spread_mm=6.0,
)
_CHEST_EVERY = 3
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
    parts = [_patient_examples(seed, index) for index in range(patients)]
    return StartExamples(
        plain_hu=np.concatenate([part.plain_hu for part in parts]),
        gain_hu=np.concatenate([part.gain_hu for part in parts]),
    )


def _patient_examples(seed: int, index: int) -> StartExamples:
    is_chest = index % _CHEST_EVERY == _CHEST_EVERY - 1
    region = BodyRegion.CHEST if is_chest else BodyRegion.ABDOMEN
    painted = paint_wide_patient(seed, index, region, _VIEW, _with_kept_bone)
    return StartExamples(
        plain_hu=painted.plain_hu.astype(np.float16), gain_hu=painted.gain_hu.astype(np.float16)
    )


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
