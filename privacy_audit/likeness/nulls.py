"""What likeness to the training patients looks like when nothing can have leaked."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.image_sets import ImageSet
from privacy_audit.likeness.comparison import Comparer, Comparison, References
from privacy_audit.likeness.likeness import UnitLikeness, measure_likeness

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
        units: the patients image by image; empty where only `similarity` is known.
    """

    kind: str
    similarity: NDArray[np.float64]
    units: tuple[UnitLikeness, ...] = ()

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
    def images_per_patient(self) -> int:
        """The number of images that half of the patients have at least; 1 where not known."""
        if not self.units:
            return 1
        return int(np.median([unit.images.size for unit in self.units]))

    def statistics(self, images: int) -> NDArray[np.float64]:
        """Give what a patient with so many images is held against.

        Args:
            images: more of them make a higher maximum by chance.

        Returns:
            (patients, 2), each patient's highest similarity and lead among as many images,
            if it has them; (patients, 1), the similarity, where leads are not known.
        """
        if not self.units:
            return self.similarity[:, np.newaxis]
        return np.stack([unit.highest(images) for unit in self.units])

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
        return _null_of("translated_holdout", comparer, null, train)
    if holdout is not None:
        return _null_of("holdout", comparer, holdout, train)
    if len(train.patients) < FEWEST_TRAIN_PATIENTS:
        return Null("none", np.empty(0))
    nearest = comparer.find_nearest(train.images, train)
    own = {image.name: image.patient for image in train.images}
    return _from_units("train_left_out", measure_likeness(nearest, own, by_source=False))


def best_of_patients(comparison: Comparison) -> NDArray[np.float64]:
    """Give each probe patient's highest similarity to any reference patient, sorted by patient."""
    best: dict[str, float] = {}
    for image, row in zip(comparison.probes, comparison.similarity, strict=True):
        best[image.patient] = max(best.get(image.patient, -np.inf), float(row.max()))
    return np.array([best[patient] for patient in sorted(best)])


def _null_of(kind: str, comparer: Comparer, images: ImageSet, train: References) -> Null:
    nearest = comparer.find_nearest(images.images, train)
    return _from_units(kind, measure_likeness(nearest, None, by_source=False))


def _from_units(kind: str, units: tuple[UnitLikeness, ...]) -> Null:
    return Null(kind, np.array([unit.similarity.max() for unit in units]), units)
