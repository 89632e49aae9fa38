"""The gate in Hounsfield units: does a translation measure what patients do without contrast?

The ranges are wide on purpose. They hold nearly every patient, ill or well, so
that what falls outside is more likely a fault of the translation than a rare
patient. A translation inside them is plausible, and no more than that.
"""

import dataclasses
import enum
from collections.abc import Iterable


class GateVerdict(enum.StrEnum):
    """What the gate says of a translation."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNJUDGED = "unjudged"
    OFF = "off"


@dataclasses.dataclass(frozen=True)
class PopulationRange:
    """Between which medians nearly every patient's organ lies without contrast.

    Attributes:
        organ: one of `organ_segmenter.ORGANS`.
        low_hu: lower end, HU, 120 kV.
        high_hu: upper end, HU.
        least_cm3: volume below which the organ is not judged.
    """

    organ: str
    low_hu: float
    high_hu: float
    least_cm3: float


# Liver: 58.8 with a standard deviation of 10.8 HU in 3357 adults (Boyce et al., AJR 194 (2010)
# 623). Severe steatosis falls below zero; in haemochromatosis 79 with 21 HU, 125 at most (PubMed
# 8079280), so the richest in iron are flagged: higher up, portal-venous livers would pass.
# Spleen: 1 to 18 HU below a liver without fat (Park et al., Radiology 258 (2011) 760), with 10
# HU to spare on either side.
# Kidney: 29.6 with 4.8 HU, 24.2 when obstructed (PubMed 21388763), with five standard deviations
# to spare; the fat of the sinus is within the outline and pulls the median down. The top of a
# spleen that is striped in the arterial phase may pass for a kidney, but for a small one.
# Blood: aorta 37.7, vena cava 36.1 HU on average in 151 patients, many anaemic ("Enhancement of
# anemia detection by correlating computed tomography findings of abdominal aorta and inferior
# vena cava with laboratory investigations"); the middle half of the anaemic 25 to 37, of the
# others 39 to 50 HU (doi 10.21203/rs.3.rs-1420003); it follows the haematocrit (PubMed 8516469).
NONCONTRAST_RANGES = (
    PopulationRange("liver", -20.0, 85.0, 20.0),
    PopulationRange("spleen", 27.0, 68.0, 8.0),
    PopulationRange("kidney", 5.0, 55.0, 40.0),
    PopulationRange("aorta", 15.0, 70.0, 5.0),
    PopulationRange("vena_cava", 15.0, 70.0, 3.0),
)


@dataclasses.dataclass(frozen=True)
class OrganSample:
    """What an organ measures in one volume.

    Attributes:
        organ: one of `organ_segmenter.ORGANS`.
        median_hu: median inside the organ, its rim left out, HU.
        volume_cm3: how much of the organ the median rests on.
    """

    organ: str
    median_hu: float
    volume_cm3: float


@dataclasses.dataclass(frozen=True)
class GateResult:
    """The gate's verdict on one volume.

    Attributes:
        verdict: inside, outside or unjudged; off where none was asked.
        judged: the organs it rests on; empty when unjudged or off.
        excess_hu: by how much the worst organ lies beyond its range; 0 inside.
    """

    verdict: GateVerdict
    judged: tuple[OrganSample, ...]
    excess_hu: float


def judge(samples: Iterable[OrganSample]) -> GateResult:
    """Judge a volume by its organs' medians.

    An organ of which too little is seen is not judged. One organ beyond its
    range is enough to be outside.

    Args:
        samples: from `organ_finder.measure_organs`.
    """
    ranges = {one.organ: one for one in NONCONTRAST_RANGES}
    judged = tuple(
        sample
        for sample in samples
        if sample.organ in ranges and sample.volume_cm3 >= ranges[sample.organ].least_cm3
    )
    if not judged:
        return GateResult(GateVerdict.UNJUDGED, (), 0.0)
    excess_hu = max(_beyond(ranges[sample.organ], sample.median_hu) for sample in judged)
    verdict = GateVerdict.OUTSIDE if excess_hu > 0 else GateVerdict.INSIDE
    return GateResult(verdict, judged, excess_hu)


def _beyond(population: PopulationRange, median_hu: float) -> float:
    return max(population.low_hu - median_hu, median_hu - population.high_hu, 0.0)
