"""What likeness to the training patients looks like when nothing can have leaked."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from privacy_audit.comparison import Comparer, Comparison, References
from privacy_audit.image_sets import ImageSet

FEWEST_TRAIN_PATIENTS = 5
"""Training patients from which on they can be held against each other."""

_DESCRIPTIONS = {
    "translated_holdout": "synthetic images of patients that were never trained on",
    "holdout": (
        "real scans of patients that were never trained on (no synthetic images of such "
        "patients were given, which would be the better measure)"
    ),
    "train_left_out": (
        "training patients held against the other training patients (no holdout was given, "
        "so this can raise an alarm but cannot clear)"
    ),
    "none": "there is no holdout and there are too few training patients",
}


@dataclasses.dataclass(frozen=True)
class Null:
    """Likeness of unleaked patients to the training patients.

    Attributes:
        kind: "translated_holdout", "holdout", "train_left_out" or "none".
        similarity: (patients,), float64, each patient's highest; empty for "none".
    """

    kind: str
    similarity: NDArray[np.float64]

    @property
    def size(self) -> int:
        """The number of patients."""
        return int(self.similarity.size)

    @property
    def highest(self) -> float:
        """The highest similarity; minus infinity without patients."""
        return float(self.similarity.max(initial=-np.inf))

    @property
    def description(self) -> str:
        """What the null is made of, as a part of a sentence."""
        return _DESCRIPTIONS[self.kind]

    @property
    def can_clear(self) -> bool:
        """Whether a release may pass by this null: it is of patients never trained on."""
        return self.kind in {"translated_holdout", "holdout"}


def measure_null(
    comparer: Comparer,
    train: References,
    *,
    null: ImageSet | None,
    holdout: ImageSet | None,
) -> Null:
    """Measure the best null at hand.

    Args:
        comparer: does the comparing.
        train: the training patients.
        null: synthetic images of patients never trained on.
        holdout: real images of patients never trained on.
    """
    if null is not None:
        return Null("translated_holdout", best_of_patients(comparer.compare(null.images, train)))
    if holdout is not None:
        return Null("holdout", best_of_patients(comparer.compare(holdout.images, train)))
    if len(train.patients) < FEWEST_TRAIN_PATIENTS:
        return Null("none", np.empty(0))
    against_others = comparer.compare(train.images, train)
    for row, image in enumerate(against_others.probes):
        own = train.patients.index(image.patient)
        against_others.similarity[row, own] = -np.inf
    return Null("train_left_out", best_of_patients(against_others))


def best_of_patients(comparison: Comparison) -> NDArray[np.float64]:
    """Give each probe patient's highest similarity to any reference patient, sorted by patient."""
    best: dict[str, float] = {}
    for image, row in zip(comparison.probes, comparison.similarity, strict=True):
        best[image.patient] = max(best.get(image.patient, -np.inf), float(row.max()))
    return np.array([best[patient] for patient in sorted(best)])
