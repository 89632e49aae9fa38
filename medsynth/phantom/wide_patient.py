"""Made-up patients wider than life, for networks that must know what hospitals see.

The phantom's tissues have the spread of a healthy population. A hospital's
patients do not: livers are fatty, or bright with iron or amiodarone, blood is
thin, bowel is full of oral contrast agent, boluses are weak or late. So each
patient's tissues are drawn again, far wider.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.anatomy import paint_anatomy
from medsynth.phantom.canvas import blank_canvas
from medsynth.phantom.enhancement import Bolus, EnhancementPhase
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.space import ScanPosition, build_space
from medsynth.phantom.tissue import Appearance, Tissue, TissueSheet, draw_tissues

MATRIX = 128
_THICKNESS_MM = 5.0
_ACROSS_SPREAD_MM = 6.0
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


@dataclasses.dataclass(frozen=True)
class WideView:
    """Which slices of a patient are made.

    Attributes:
        stream: keeps the draws of different purposes apart.
        slices: number of slices, each 5 mm thick.
        slice_mm: distance of slices, mm.
        spacing_mm: in-plane spacing of the 128 x 128 pixels, mm.
        middle_mm: height of the middle slice of an abdomen, then of a chest, above the
            first lumbar vertebra in a patient of average height.
        head_spread_mm: standard deviation of that height.
        breath_spread_mm: standard deviation of how far breath moves the organs.
    """

    stream: int
    slices: int
    slice_mm: float
    spacing_mm: float
    middle_mm: tuple[float, float]
    head_spread_mm: float
    breath_spread_mm: float


@dataclasses.dataclass(frozen=True)
class WidePatient:
    """The slices of one patient.

    Attributes:
        plain_hu: (slices, 128, 128), float32, without contrast agent.
        gain_hu: likewise, what the agent adds.
        labels: likewise, uint8, values of `canvas.Label`.
    """

    plain_hu: NDArray[np.float32]
    gain_hu: NDArray[np.float32]
    labels: NDArray[np.uint8]


def paint_wide_patient(
    seed: int,
    index: int,
    region: BodyRegion,
    view: WideView,
    change_tissues: Callable[[TissueSheet, np.random.Generator], TissueSheet] | None = None,
) -> WidePatient:
    """Paint one patient; the same arguments always give the same slices.

    Args:
        seed: of the cohort, not negative.
        index: of the patient, from 0.
        region: what is scanned.
        view: which slices.
        change_tissues: draws some of the widened tissues again; None leaves them.
    """
    random = np.random.default_rng([view.stream, seed, index])
    patient = draw_patient(seed, index)
    options = PhantomOptions(
        matrix=MATRIX,
        slices=view.slices,
        spacing_mm=view.spacing_mm,
        slice_mm=view.slice_mm,
        region=region,
    )
    left_mm, back_mm, head_mm = random.normal(
        0, (_ACROSS_SPREAD_MM, _ACROSS_SPREAD_MM, view.head_spread_mm)
    )
    middle_mm = view.middle_mm[region is BodyRegion.CHEST] * patient.stature
    breath_mm = random.normal(0, view.breath_spread_mm)
    position = ScanPosition(left_mm, back_mm, middle_mm + head_mm, breath_mm)
    space = build_space(
        seed, index, options, position=position, thickness_ratio=_THICKNESS_MM / view.slice_mm
    )
    bolus = draw_wide_bolus(region, random)
    sheet = widen_tissues(draw_tissues(seed, patient, bolus), bolus, random)
    if change_tissues is not None:
        sheet = change_tissues(sheet, random)
    canvas = blank_canvas(space.shape, sheet)
    paint_anatomy(canvas, space, seed, patient, region)
    plain_hu = canvas.plain_hu + canvas.texture_hu * space.texture
    return WidePatient(plain_hu, canvas.gain_hu, canvas.labels)


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
