"""How alike each image is to its nearest reference patient, and how far that one leads.

A copy is both alike to its patient and far more alike to it than to anybody
else. The second tells more where all patients look alike, or where a copy was
deformed; the first where a patient is in the data under two names.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from privacy_audit.likeness.comparison import Nearest

_SMALLEST_DISTANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class UnitLikeness:
    """The images of one patient.

    Attributes:
        name: the patient, or the source that its images were made from.
        images: (images,), places in the list of probes.
        similarity: (images,), to the nearest reference patient that counts.
        lead: (images,), minus the logarithm of (1 - similarity) over the same of the second
            nearest patient: 0 where two are equally near, higher where one leads.
        nearest: (images,), places in the list of reference patients.
    """

    name: str
    images: NDArray[np.int64]
    similarity: NDArray[np.float64]
    lead: NDArray[np.float64]
    nearest: NDArray[np.int64]

    def highest(self, images: int) -> NDArray[np.float64]:
        """Give the highest similarity and the highest lead among so many images.

        Args:
            images: how many; spread evenly where there are more.
        """
        count = self.similarity.size
        kept = np.unique(np.linspace(0, count - 1, min(images, count)).round().astype(np.int64))
        return np.array([self.similarity[kept].max(), self.lead[kept].max()])


def measure_likeness(
    nearest: Nearest, left_out: Mapping[str, str] | None, *, by_source: bool
) -> tuple[UnitLikeness, ...]:
    """Give each probe patient's likeness to the reference patients.

    Args:
        nearest: the reference patients that are nearest to each probe.
        left_out: probe name -> reference patient that does not count for it.
        by_source: whether images with the same left-out patient are one unit, rather than
            images of one probe patient.

    Returns:
        One for each unit, sorted by name.
    """
    rows: dict[str, list[int]] = {}
    lead = np.zeros(len(nearest.probes))
    similarity = np.zeros(len(nearest.probes))
    place = np.zeros(len(nearest.probes), dtype=np.int64)
    for row, image in enumerate(nearest.probes):
        source = None if left_out is None else left_out.get(image.name)
        counts = np.array([nearest.patients[column] != source for column in nearest.columns[row]])
        others = nearest.similarity[row][counts]
        # Without any other patient nothing is alike; without a second, nobody leads.
        similarity[row] = others[0] if others.size else -1.0
        if others.size > 1:
            lead[row] = np.log(_distance(others[1])) - np.log(_distance(others[0]))
        place[row] = nearest.columns[row][counts][0] if others.size else nearest.columns[row][0]
        unit = source if by_source and source is not None else image.patient
        rows.setdefault(unit, []).append(row)
    return tuple(
        UnitLikeness(
            name=unit,
            images=np.array(rows[unit]),
            similarity=similarity[rows[unit]],
            lead=lead[rows[unit]],
            nearest=place[rows[unit]],
        )
        for unit in sorted(rows)
    )


def _distance(similarity: float) -> float:
    return max(1.0 - similarity, _SMALLEST_DISTANCE)
