"""Made-up slices from which the phase classifier learns, wider than life.

The phantom's tissues have the spread of a healthy population. A hospital's
patients do not: livers are fatty, or bright with iron or amiodarone, blood is
thin, bowel is full of oral contrast agent, boluses are weak or late. So each
patient's tissues are drawn again, far wider.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.networks.phase_classifier import GRID_MM
from medsynth.phantom.anatomy import paint_anatomy
from medsynth.phantom.canvas import Label, blank_canvas
from medsynth.phantom.enhancement import Bolus, EnhancementPhase
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.space import ScanPosition, build_space
from medsynth.phantom.tissue import Appearance, Tissue, TissueSheet, draw_tissues

MATRIX = 128
_SLICES = 14
_SLICE_MM = 20.0
_THICKNESS_MM = 5.0
_MIDDLE_MM = {BodyRegion.ABDOMEN: -25.0, BodyRegion.CHEST: 205.0}
_STREAM = 77
_LEAST_ORGAN_GAIN_HU = 20.0
_LEAST_ANY_GAIN_HU = 45.0

_BLOOD = frozenset(
    {
        Tissue.ARTERY,
        Tissue.VENA_CAVA,
        Tissue.PORTAL_VEIN,
        Tissue.HEPATIC_VEIN,
        Tissue.RIGHT_HEART,
        Tissue.LEFT_HEART,
        Tissue.PULMONARY_ARTERY,
        Tissue.UPPER_CAVA,
        Tissue.LUNG_VESSEL,
    }
)
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
    random = np.random.default_rng([_STREAM, seed, index])
    region = (BodyRegion.CHEST, BodyRegion.ABDOMEN)[index % 2]
    patient = draw_patient(seed, index)
    options = PhantomOptions(
        matrix=MATRIX,
        slices=_SLICES,
        spacing_mm=GRID_MM,
        slice_mm=_SLICE_MM,
        region=region,
    )
    left_mm, back_mm, head_mm = random.normal(0, (6.0, 6.0, 9.0))
    middle_mm = _MIDDLE_MM[region] * patient.stature
    position = ScanPosition(left_mm, back_mm, middle_mm + head_mm, random.normal(0, 5))
    space = build_space(
        seed, index, options, position=position, thickness_ratio=_THICKNESS_MM / _SLICE_MM
    )
    bolus = draw_wide_bolus(region, random)
    sheet = widen_tissues(draw_tissues(seed, patient, bolus), bolus, random)
    canvas = blank_canvas(space.shape, sheet)
    paint_anatomy(canvas, space, seed, patient, region)
    plain_hu = canvas.plain_hu + canvas.texture_hu * space.texture
    is_telling = np.isin(canvas.labels, [int(label) for label in _TELLING])
    is_enhanced = is_telling & (canvas.gain_hu >= _LEAST_ORGAN_GAIN_HU)
    is_enhanced |= canvas.gain_hu >= _LEAST_ANY_GAIN_HU
    return PhaseExamples(
        plain_hu=plain_hu.astype(np.float16),
        gain_hu=canvas.gain_hu.astype(np.float16),
        is_telling=is_telling,
        is_enhanced=is_enhanced,
        patients=np.full(len(plain_hu), index, dtype=np.int64),
    )


def draw_wide_bolus(region: BodyRegion, random: np.random.Generator) -> Bolus:
    """Draw an injection of any timing and strength that one meets.

    Args:
        region: an abdomen is not scanned while the bolus is in the lungs.
        random: the generator.
    """
    windows = [(27.0, 45.0), (50.0, 90.0), (60.0, 85.0), (90.0, 110.0)]
    if region is BodyRegion.CHEST:
        windows.append((17.0, 27.0))
    low, high = windows[int(random.integers(len(windows)))]
    strength = float(np.clip(np.exp(random.normal(0, 0.3)), 0.45, 1.8))
    return Bolus(EnhancementPhase.PORTAL, float(random.uniform(low, high)), strength)


def widen_tissues(sheet: TissueSheet, bolus: Bolus, random: np.random.Generator) -> TissueSheet:
    """Draw a patient's tissues again, wider than the phantom's population.

    Args:
        sheet: the patient's tissues.
        bolus: what was injected; late, the kidneys have begun to excrete it.
        random: the generator.

    Returns:
        A new sheet; gains stay gains, so the noncontrast scan stays so.
    """
    blood_hu = float(np.clip(random.normal(0, 7), -16, 16))
    liver_hu = float(random.choice((0.0, random.uniform(10, 45), -20.0), p=(0.75, 0.15, 0.1)))
    oral_hu = random.uniform(60, 600, 2) * (random.random(2) < 0.3)
    is_excreting = bolus.seconds > 100 and random.random() < 0.5
    widened = []
    for tissue, look in sheet.appearances:
        shift_hu = float(np.clip(random.normal(0, 4), -9, 9))
        gain = float(np.exp(random.normal(0, 0.15)))
        if tissue in _BLOOD:
            shift_hu = 0.3 * shift_hu + blood_hu
        elif tissue is Tissue.LIVER:
            shift_hu += liver_hu
        elif tissue is Tissue.BOWEL_CONTENT:
            shift_hu += oral_hu[0]
        elif tissue is Tissue.STOOL:
            shift_hu += oral_hu[1]
        elif tissue is Tissue.CONSOLIDATION:
            shift_hu += random.uniform(-40, 20)
        elif tissue is Tissue.MARROW:
            shift_hu *= 6
        elif tissue is Tissue.CORTICAL_BONE:
            shift_hu = random.uniform(-150, 300)
        elif tissue is Tissue.EFFUSION:
            shift_hu += random.uniform(-10, 35)
        extra_hu = 300.0 if tissue is Tissue.RENAL_PELVIS and is_excreting else 0.0
        texture = float(np.exp(random.normal(0, 0.25)))
        widened.append(
            (
                tissue,
                Appearance(
                    plain_hu=look.plain_hu + shift_hu,
                    texture_hu=look.texture_hu * texture,
                    gain_hu=look.gain_hu * gain + extra_hu * bolus.strength,
                ),
            )
        )
    return TissueSheet(tuple(widened))
