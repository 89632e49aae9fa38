"""Are synthetic patients nearer to the training patients than to equally many others?

A few copies are found one by one; a memory that is spread thinly over all
synthetic patients shows only in the whole set. Where nothing was memorised, a
synthetic patient is as often nearer to patients that were never trained on as
to those that were, if there are equally many of both.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import special

from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Comparer, Nearest
from privacy_audit.likeness.likeness import measure_likeness
from privacy_audit.statistics import clopper_pearson

ALPHA = 0.01


@dataclasses.dataclass(frozen=True)
class NearerToTrain:
    """How many synthetic patients are nearer to train than to holdout.

    Attributes:
        patients: synthetic patients that are nearer to one of both.
        nearer: how many of them are nearer to a training patient.
        each_side: real patients on either side.
        p_value: how often chance alone gives as many; exact, one-sided.
    """

    patients: int
    nearer: int
    each_side: int
    p_value: float

    @property
    def is_suspicious(self) -> bool:
        """Whether chance gives as many less than once in a hundred."""
        return self.p_value < ALPHA

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the share that is nearer to train."""
        return clopper_pearson(self.nearer, self.patients)


def compare_sides(
    comparer: Comparer,
    synthetic: ImageSet,
    train: ImageSet,
    holdout: ImageSet,
    *,
    source_of: Mapping[str, str] | None,
    seed: int,
) -> NearerToTrain:
    """Draw equally many training and holdout patients and ask which are nearer.

    Both sides must be real scans of one kind: synthetic images are nearer to
    whatever looks like them. A synthetic image's own source does not count, so
    in translated releases the training side has one patient less for it.

    Args:
        comparer: does the comparing.
        synthetic: the images to be released.
        train: real images of training patients.
        holdout: real images of patients never trained on.
        source_of: synthetic name -> its source patient, where known.
        seed: draws the patients of the larger side.
    """
    size = min(len(train.patients), len(holdout.patients))
    sides = []
    for number, images in enumerate((train, holdout)):
        drawn = _draw_images(images, size, np.random.default_rng([seed, number]))
        sides.append(comparer.find_nearest(synthetic.images, comparer.prepare(drawn)))
    return count_nearer(sides[0], sides[1], source_of, size)


def count_nearer(
    to_train: Nearest, to_holdout: Nearest, source_of: Mapping[str, str] | None, each_side: int
) -> NearerToTrain:
    """Count the synthetic patients that are nearer to train; ties count for neither.

    Args:
        to_train: the training patients nearest to each synthetic image.
        to_holdout: the holdout patients nearest to the same images.
        source_of: synthetic name -> its source patient, where known.
        each_side: real patients on either side.
    """
    by_side = [
        np.array(
            [unit.similarity.max() for unit in measure_likeness(side, source_of, by_source=True)]
        )
        for side in (to_train, to_holdout)
    ]
    nearer = int((by_side[0] > by_side[1]).sum())
    patients = nearer + int((by_side[0] < by_side[1]).sum())
    # The chance of at least as many among so many fair coins.
    p_value = float(special.bdtrc(nearer - 1, patients, 0.5)) if nearer else 1.0
    return NearerToTrain(patients, nearer, each_side, p_value)


def _draw_images(
    images: ImageSet, patients: int, generator: np.random.Generator
) -> tuple[AuditImage, ...]:
    drawn = set(generator.permutation(list(images.patients))[:patients].tolist())
    return tuple(image for image in images.images if image.patient in drawn)
