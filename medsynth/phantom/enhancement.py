"""The contrast bolus: how much was injected, and how long before the scan."""

import dataclasses
import enum

import numpy as np

from medsynth.phantom.options import BodyRegion
from medsynth.phantom.patient import PatientProfile
from medsynth.phantom.randomness import Stream, random_stream

_ARRIVAL_SECONDS = 12.0
_PULMONARY_SECONDS = 20.0
_ARTERIAL_SECONDS = 35.0
_PORTAL_SECONDS = 70.0
_NEPHROGRAPHIC_SECONDS = 110.0


class EnhancementPhase(enum.Enum):
    """The phase that a contrast scan was meant to show."""

    NONE = "none"
    PULMONARY = "pulmonary"
    ARTERIAL = "arterial"
    PORTAL = "portal"
    NEPHROGRAPHIC = "nephrographic"


@dataclasses.dataclass(frozen=True)
class Bolus:
    """One injection.

    Attributes:
        phase: the phase that was meant.
        seconds: time from the start of the injection to the scan.
        strength: relative to the standard bolus; 0 without contrast.
    """

    phase: EnhancementPhase
    seconds: float
    strength: float


NO_BOLUS = Bolus(EnhancementPhase.NONE, seconds=0.0, strength=0.0)


def draw_bolus(
    seed: int, patient: PatientProfile, region: BodyRegion = BodyRegion.ABDOMEN
) -> Bolus:
    """Draw a patient's injection, weaker in heavy patients.

    An abdomen is mostly scanned portal-venous; a chest while the bolus is in the
    lungs' arteries, in the aorta, or portal-venous.

    Args:
        seed: the cohort's seed.
        patient: the patient; a fixed dose is thinner in a larger body.
        region: decides which phases are usual.
    """
    random = random_stream(seed, patient.index, Stream.BOLUS)
    dice = random.random()
    if region is BodyRegion.CHEST and dice < 0.5:
        is_early = dice < 0.25
        phase = EnhancementPhase.PULMONARY if is_early else EnhancementPhase.ARTERIAL
        meant_seconds = _PULMONARY_SECONDS if is_early else _ARTERIAL_SECONDS
        spread_seconds = 2.0 if is_early else 3.0
    elif dice < 0.72:
        phase, meant_seconds, spread_seconds = EnhancementPhase.PORTAL, _PORTAL_SECONDS, 5.0
    elif dice < 0.87:
        phase, meant_seconds, spread_seconds = EnhancementPhase.ARTERIAL, _ARTERIAL_SECONDS, 3.0
    else:
        phase, meant_seconds = EnhancementPhase.NEPHROGRAPHIC, _NEPHROGRAPHIC_SECONDS
        spread_seconds = 8.0
    delay = spread_seconds * float(np.clip(random.normal(), -2, 2))
    dose = float(np.exp(0.1 * np.clip(random.normal(), -2, 2)))
    return Bolus(
        phase=phase,
        seconds=meant_seconds + delay,
        strength=dose * (76.0 / patient.weight_kg) ** 0.35,
    )


def enhancement_at(
    bolus: Bolus, at_phases_hu: tuple[float, float, float], *, pulmonary_hu: float | None = None
) -> float:
    """Give what a bolus adds to a tissue, by straight lines between the phases.

    Args:
        bolus: the injection.
        at_phases_hu: what a standard bolus adds in the arterial (35 s),
            portal-venous (70 s) and nephrographic (110 s) phase, HU.
        pulmonary_hu: what it adds while it passes the lungs (20 s), HU; None
            where the line from arrival to the arterial phase will do.

    Returns:
        HU; zero before the bolus arrives at 12 seconds.
    """
    times = [_ARRIVAL_SECONDS, _ARTERIAL_SECONDS, _PORTAL_SECONDS, _NEPHROGRAPHIC_SECONDS]
    gains_hu = [0.0, *at_phases_hu]
    if pulmonary_hu is not None:
        times.insert(1, _PULMONARY_SECONDS)
        gains_hu.insert(1, pulmonary_hu)
    return bolus.strength * float(np.interp(bolus.seconds, times, gains_hu))
