"""Who is scanned: sex, age, body size, and the outline that follows from them."""

import dataclasses
import enum

import numpy as np

from medsynth.phantom.randomness import Stream, random_stream

# Half of the usual field of view, less room for the deformation of the outline.
_LARGEST_HALF_WIDTH_MM = 164.0


class Sex(enum.Enum):
    """Sex as DICOM's Patient's Sex (0010,0040) writes it."""

    FEMALE = "F"
    MALE = "M"


@dataclasses.dataclass(frozen=True)
class PatientProfile:
    """The traits of one made-up patient.

    Attributes:
        index: the patient's place in the cohort, from 0.
        sex: sex.
        age_years: age at the scan.
        height_cm: body height.
        weight_kg: body weight.
        half_width_mm: half of the lateral diameter of the abdomen.
        half_depth_mm: half of the diameter from front to back.
        fat_mm: thickness of the subcutaneous fat at the flank.
        muscle_mm: thickness of the muscle wall at the flank.
        stature: height relative to 171 cm; scales lengths along the spine.
    """

    index: int
    sex: Sex
    age_years: int
    height_cm: float
    weight_kg: float
    half_width_mm: float
    half_depth_mm: float
    fat_mm: float
    muscle_mm: float

    @property
    def stature(self) -> float:
        """Give the height relative to 171 cm."""
        return self.height_cm / 171.0


def draw_patient(seed: int, patient_index: int) -> PatientProfile:
    """Draw a patient; the same arguments always give the same patient.

    Body mass index is 25.6 on average with a long upper tail, heights are those
    of adults; thicknesses follow from both by rules of thumb (own derivation).

    Args:
        seed: the cohort's seed.
        patient_index: the patient's place in the cohort, from 0.
    """
    random = random_stream(seed, patient_index, Stream.PATIENT)
    sex = Sex.MALE if random.random() < 0.54 else Sex.FEMALE
    is_male = sex is Sex.MALE
    age_years = int(np.clip(random.normal(61, 14), 19, 89))
    height_cm = float(np.clip(random.normal(177 if is_male else 164, 6.5), 148, 200))
    body_mass_index = float(np.clip(25.4 * np.exp(random.normal(0, 0.13)), 18.5, 35))
    relative_mass = body_mass_index / 26.0
    half_width_mm = 151 * (height_cm / 171) ** 0.3 * relative_mass**0.42 * random.normal(1, 0.02)
    half_depth_mm = 109 * (height_cm / 171) ** 0.3 * relative_mass**0.6 * random.normal(1, 0.03)
    fat_per_index_mm = 1.5 if is_male else 2.0
    muscle_mm = (15.0 if is_male else 12.0) - 0.05 * (age_years - 60) + random.normal(0, 1.2)
    return PatientProfile(
        index=patient_index,
        sex=sex,
        age_years=age_years,
        height_cm=round(height_cm, 1),
        weight_kg=round(body_mass_index * (height_cm / 100) ** 2, 1),
        half_width_mm=min(half_width_mm, _LARGEST_HALF_WIDTH_MM),
        half_depth_mm=half_depth_mm,
        fat_mm=max(4.0, (body_mass_index - 17) * fat_per_index_mm * random.normal(1, 0.15)),
        muscle_mm=float(np.clip(muscle_mm, 8, 19)),
    )
