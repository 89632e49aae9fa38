"""Tissues: Hounsfield units without contrast, and what a bolus adds to each.

Values are typical of the literature for adults at 120 kV (for example liver 55
HU plain and 105 to 115 HU portal-venous; renal cortex 32 HU plain and 180 to
200 HU after contrast; aorta 40 HU plain, 300 HU arterial and about 150 HU
portal-venous; spleen 45 and 120 HU).
"""

import dataclasses
import enum

import numpy as np

from medsynth.phantom.enhancement import Bolus, enhancement_at
from medsynth.phantom.patient import PatientProfile
from medsynth.phantom.randomness import Stream, random_stream


class Tissue(enum.Enum):
    """What a voxel can be made of."""

    AIR = "air"
    SKIN = "skin"
    SUBCUTANEOUS_FAT = "subcutaneous fat"
    VISCERAL_FAT = "visceral fat"
    MUSCLE = "muscle"
    LUNG = "lung"
    CORTICAL_BONE = "cortical bone"
    MARROW = "marrow"
    CARTILAGE = "cartilage"
    DISC = "disc"
    SPINAL_CANAL = "spinal canal"
    LIVER = "liver"
    SPLEEN = "spleen"
    PANCREAS = "pancreas"
    ADRENAL = "adrenal"
    RENAL_CORTEX = "renal cortex"
    RENAL_MEDULLA = "renal medulla"
    RENAL_PELVIS = "renal pelvis"
    ARTERY = "artery"
    VENA_CAVA = "vena cava"
    PORTAL_VEIN = "portal vein"
    HEPATIC_VEIN = "hepatic vein"
    MYOCARDIUM = "myocardium"
    BOWEL_WALL = "bowel wall"
    BOWEL_CONTENT = "bowel content"
    STOOL = "stool"
    BOWEL_GAS = "bowel gas"
    BILE = "bile"
    CYST = "cyst"
    METASTASIS = "metastasis"
    TUMOUR = "tumour"
    RIGHT_HEART = "right heart"
    PULMONARY_ARTERY = "pulmonary artery"
    LEFT_HEART = "left heart"
    UPPER_CAVA = "upper vena cava"
    LUNG_VESSEL = "lung vessel"
    GLAND = "gland"
    THYROID = "thyroid"
    EFFUSION = "effusion"
    CONSOLIDATION = "consolidation"


@dataclasses.dataclass(frozen=True)
class TissueNorm:
    """How a tissue looks in the population.

    Attributes:
        plain_hu: mean without contrast.
        spread_hu: standard deviation of that mean between patients.
        texture_hu: standard deviation within one patient, noise apart.
        arterial_hu: what a standard bolus adds after 35 seconds.
        portal_hu: what it adds after 70 seconds.
        nephrographic_hu: what it adds after 110 seconds.
        enhancement_spread: relative standard deviation of the gain between patients.
        pulmonary_hu: what a standard bolus adds after 20 seconds; None where it
            is on its way from nothing to the arterial phase.
    """

    plain_hu: float
    spread_hu: float
    texture_hu: float
    arterial_hu: float = 0.0
    portal_hu: float = 0.0
    nephrographic_hu: float = 0.0
    enhancement_spread: float = 0.08
    pulmonary_hu: float | None = None


@dataclasses.dataclass(frozen=True)
class Appearance:
    """How a tissue looks in one scan.

    Attributes:
        plain_hu: mean without contrast.
        texture_hu: standard deviation within the tissue, noise apart.
        gain_hu: what the contrast agent adds; zero without contrast.
    """

    plain_hu: float
    texture_hu: float
    gain_hu: float


@dataclasses.dataclass(frozen=True)
class TissueSheet:
    """The appearance of every tissue in one scan of one patient."""

    appearances: tuple[tuple[Tissue, Appearance], ...]

    def appearance(self, tissue: Tissue) -> Appearance:
        """Give how `tissue` looks in this scan."""
        return dict(self.appearances)[tissue]


NORMS: tuple[tuple[Tissue, TissueNorm], ...] = (
    (Tissue.AIR, TissueNorm(-1000, 0, 0)),
    (Tissue.SKIN, TissueNorm(20, 6, 8, 4, 8, 8)),
    (Tissue.SUBCUTANEOUS_FAT, TissueNorm(-104, 4, 7, 0.5, 1.5, 1.5)),
    (Tissue.VISCERAL_FAT, TissueNorm(-97, 5, 11, 1, 3, 3)),
    (Tissue.MUSCLE, TissueNorm(53, 4, 7, 6, 15, 16)),
    (Tissue.LUNG, TissueNorm(-830, 30, 35, 12, 14, 10)),
    (Tissue.CORTICAL_BONE, TissueNorm(520, 40, 30, 2, 4, 4)),
    (Tissue.MARROW, TissueNorm(150, 20, 22, 7, 19, 19)),
    (Tissue.CARTILAGE, TissueNorm(95, 10, 12, 2, 4, 4)),
    (Tissue.DISC, TissueNorm(78, 6, 6, 1, 3, 3)),
    (Tissue.SPINAL_CANAL, TissueNorm(26, 4, 4, 2, 4, 4)),
    (Tissue.LIVER, TissueNorm(56, 5, 3, 13, 56, 50, 0.1)),
    (Tissue.SPLEEN, TissueNorm(46, 3, 2.5, 75, 76, 66)),
    (Tissue.PANCREAS, TissueNorm(39, 5, 9, 62, 56, 42)),
    (Tissue.ADRENAL, TissueNorm(24, 5, 3, 38, 45, 30)),
    (Tissue.RENAL_CORTEX, TissueNorm(33, 3, 3, 145, 155, 152)),
    (Tissue.RENAL_MEDULLA, TissueNorm(31, 3, 3, 35, 108, 145)),
    (Tissue.RENAL_PELVIS, TissueNorm(5, 4, 2, 0, 2, 12)),
    (Tissue.ARTERY, TissueNorm(42, 4, 2, 270, 112, 96)),
    (Tissue.VENA_CAVA, TissueNorm(41, 4, 3, 40, 92, 92)),
    (Tissue.PORTAL_VEIN, TissueNorm(42, 4, 2, 45, 128, 102)),
    (Tissue.HEPATIC_VEIN, TissueNorm(42, 4, 2, 8, 112, 100)),
    (Tissue.MYOCARDIUM, TissueNorm(46, 4, 4, 65, 62, 55)),
    (Tissue.BOWEL_WALL, TissueNorm(38, 4, 6, 30, 50, 42, 0.15)),
    (Tissue.BOWEL_CONTENT, TissueNorm(18, 9, 9)),
    (Tissue.STOOL, TissueNorm(15, 15, 55)),
    (Tissue.BOWEL_GAS, TissueNorm(-980, 8, 0)),
    (Tissue.BILE, TissueNorm(9, 4, 2)),
    (Tissue.CYST, TissueNorm(7, 4, 1.5)),
    (Tissue.METASTASIS, TissueNorm(38, 4, 4, 12, 27, 25, 0.2)),
    (Tissue.TUMOUR, TissueNorm(35, 4, 6, 80, 72, 55, 0.2)),
)

# Painted in the chest alone, and drawn from a stream of their own.
CHEST_NORMS: tuple[tuple[Tissue, TissueNorm], ...] = (
    (Tissue.RIGHT_HEART, TissueNorm(42, 4, 4, 210, 110, 95, 0.15, 330)),
    (Tissue.PULMONARY_ARTERY, TissueNorm(42, 4, 2, 240, 112, 96, 0.15, 360)),
    (Tissue.LEFT_HEART, TissueNorm(42, 4, 3, 275, 112, 96, 0.1, 170)),
    (Tissue.UPPER_CAVA, TissueNorm(42, 4, 12, 320, 108, 95, 0.35, 720)),
    (Tissue.LUNG_VESSEL, TissueNorm(30, 6, 5, 240, 100, 85, 0.12, 300)),
    (Tissue.GLAND, TissueNorm(22, 12, 26, 8, 20, 22, 0.2)),
    (Tissue.THYROID, TissueNorm(104, 13, 6, 95, 65, 50, 0.15)),
    (Tissue.EFFUSION, TissueNorm(10, 7, 3)),
    (Tissue.CONSOLIDATION, TissueNorm(30, 12, 18, 30, 45, 40, 0.25)),
)


def draw_tissues(seed: int, patient: PatientProfile, bolus: Bolus) -> TissueSheet:
    """Draw how the tissues of a patient look with a given bolus.

    The plain values depend on the patient alone, so scans of one patient in
    both phases agree. One patient in seven has a fatty liver; marrow loses
    density and muscle gains fat with age.

    Args:
        seed: the cohort's seed.
        patient: the patient.
        bolus: what was injected and when the scan was taken.
    """
    random = random_stream(seed, patient.index, Stream.TISSUE)
    is_liver_fatty = random.random() < 1 / 7
    years = patient.age_years - 60
    appearances = []
    chest = random_stream(seed, patient.index, Stream.CHEST_TISSUE)
    drawn_by = ((random, NORMS), (chest, CHEST_NORMS))
    for stream, tissue, norm in ((one, *pair) for one, norms in drawn_by for pair in norms):
        plain_hu = norm.plain_hu + norm.spread_hu * np.clip(stream.normal(), -2.2, 2.2)
        relative_gain = 1 + norm.enhancement_spread * np.clip(stream.normal(), -2, 2)
        if tissue is Tissue.LIVER and is_liver_fatty:
            plain_hu -= 26
        if tissue is Tissue.MARROW:
            plain_hu -= 1.8 * years
        if tissue is Tissue.MUSCLE:
            plain_hu -= 0.15 * years
        at_phases_hu = (norm.arterial_hu, norm.portal_hu, norm.nephrographic_hu)
        gain_hu = relative_gain * enhancement_at(
            bolus, at_phases_hu, pulmonary_hu=norm.pulmonary_hu
        )
        appearances.append((tissue, Appearance(float(plain_hu), norm.texture_hu, float(gain_hu))))
    return TissueSheet(tuple(appearances))
