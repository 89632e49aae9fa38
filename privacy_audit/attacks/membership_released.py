"""Do the released images alone tell who was trained on?

The attacker holds a patient's real scan and the released images, not the model. A synthetic
image that lies nearer to a patient than synthetic images of people never trained on do speaks
for membership. What was made from the patient's own scan is left out: that is linkage.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.membership import (
    FEWEST,
    AttackScores,
    judge_membership,
    not_measured,
)
from privacy_audit.attacks.membership_blind import BlindBaseline
from privacy_audit.attacks.membership_density import ImageShapes, density_ratios
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.verdict import CheckResult

_NAME = "membership_released"
# Images left for a patient once its own source's outputs are out.
_FEWEST_IMAGES = 2


@dataclasses.dataclass(frozen=True)
class RealPatients:
    """Whose membership is attacked.

    Attributes:
        members: patients that the model was trained on.
        others: patients that it never saw; not among the members.
        shapes: `describe_shapes` of all their real images; None leaves out the density ratio.
    """

    members: tuple[str, ...]
    others: tuple[str, ...]
    shapes: ImageShapes | None = None

    def __post_init__(self) -> None:
        """Check that nobody is on both sides."""
        shared = sorted(set(self.members) & set(self.others))
        if shared:
            raise AuditError(
                f"{len(shared)} patients are both trained on and not, the first is {shared[0]}. "
                "Expected disjoint roles. Mend the split."
            )

    @property
    def everybody(self) -> tuple[str, ...]:
        """Each patient once, members first."""
        return (*sorted(set(self.members)), *sorted(set(self.others)))


@dataclasses.dataclass(frozen=True)
class ReleasedImages:
    """Synthetic images, their likeness to real patients, and whom each was made from.

    Attributes:
        similarity: (images, patients), float64, from -1 to 1; `compare_released` measures it.
            Members and others must have been searched alike: two searches of galleries of
            different sizes are no measure.
        patients: members and others alike, in the order of the columns.
        sources: one patient an image; None where it was made from no patient's scan. Patients
            that are no column are allowed.
        shapes: `describe_shapes` of the same images in the same order; None leaves out the
            density ratio.
    """

    similarity: NDArray[np.float64]
    patients: tuple[str, ...]
    sources: tuple[str | None, ...]
    shapes: ImageShapes | None = None

    def __post_init__(self) -> None:
        """Check that there is one source an image and one column a patient."""
        if self.similarity.shape != (len(self.sources), len(self.patients)):
            raise AuditError(
                f"Similarities of shape {self.similarity.shape} come with {len(self.sources)} "
                f"sources and {len(self.patients)} patients. Expected one source an image, or "
                "None for it. Mend the source map."
            )

    def usable(self, patients: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which images (rows) are not made from which patients (columns)."""
        place = {patient: column for column, patient in enumerate(patients)}
        own = np.array([-1 if one is None else place.get(one, -1) for one in self.sources])
        return np.asarray(own[:, np.newaxis] != np.arange(len(patients)), dtype=np.bool_)

    def similarity_to(self, patients: Sequence[str]) -> NDArray[np.float64]:
        """Give the similarity of images (rows) to patients (columns)."""
        place = {patient: column for column, patient in enumerate(self.patients)}
        absent = sorted(set(patients) - set(place))
        if absent:
            raise AuditError(
                f"{len(absent)} patients were not compared with the synthetic images, the first "
                f"is {absent[0]}. Expected all members and others. Compare them in one search."
            )
        return self.similarity[:, [place[patient] for patient in patients]]


def compare_released(
    comparer: Comparer,
    real: Sequence[AuditImage],
    synthetic: Sequence[AuditImage],
    sources: Sequence[str | None],
) -> ReleasedImages:
    """Look each real image up among the synthetic ones, as the attacker does.

    Each patient's likeness to its nearest synthetic images is then exact, whatever the search
    leaves out, and members and others are treated alike whatever their numbers.

    Args:
        comparer: does the comparing.
        real: the members' and others' images.
        synthetic: the images to be released, or null images.
        sources: whom each of them was made from, see `sources_of`.
    """
    # Each image by itself, so that one source's images can be left out and others kept.
    alone = [dataclasses.replace(image, patient=image.name) for image in synthetic]
    found = comparer.compare(real, comparer.prepare(alone))
    row = {name: index for index, name in enumerate(found.patients)}
    order = [row[image.name] for image in synthetic]
    patients = tuple(sorted({image.patient for image in real}))
    similarity = np.full((len(patients), len(synthetic)), -np.inf)
    column = {patient: index for index, patient in enumerate(patients)}
    for image, values in zip(found.probes, found.similarity, strict=True):
        own = similarity[column[image.patient]]
        np.maximum(own, values[order], out=own)
    return ReleasedImages(similarity.T, patients, tuple(sources))


def sources_of(
    images: Sequence[AuditImage], source_of: Mapping[str, str] | None
) -> tuple[str | None, ...]:
    """Give the source of each synthetic image, by a source map.

    Args:
        images: the synthetic images.
        source_of: synthetic name -> source patient; None where no image has a source.
    """
    if source_of is None:
        return (None,) * len(images)
    return tuple(source_of.get(image.name) for image in images)


def sources_by_patient(images: Sequence[AuditImage]) -> tuple[str | None, ...]:
    """Give as each image's source the patient it is filed under, as null images are.

    Args:
        images: the null images.
    """
    return tuple(image.patient for image in images)


def check_membership_released(
    real: RealPatients,
    synthetic: ReleasedImages,
    null: ReleasedImages | None,
    *,
    blind: BlindBaseline,
    seed: int,
) -> CheckResult:
    """Attack each patient's membership by the released images.

    Null images of other sources than the others are not used: an other's own translation could
    not be told among them, and would make the others seem less known than members.

    Args:
        real: members and others.
        synthetic: the images to be released.
        null: synthetic images of the others, made the same way, with the others as their
            sources; None leaves scores uncalibrated.
        blind: what `measure_blind_baseline` said of the members' and others' real images.
        seed: of the permutations.

    Raises:
        AuditError: a patient was not compared with the images.
    """
    patients = real.everybody
    members = len(set(real.members))
    others = len(patients) - members
    if min(members, others) < FEWEST:
        return not_measured(_NAME, members, others)
    usable_null = null if null is not None and set(null.sources) <= set(real.others) else None
    columns = _columns(patients, synthetic, usable_null, real.shapes)
    if not columns:
        return dataclasses.replace(
            not_measured(_NAME, members, others),
            explanation=(
                "Too few synthetic images are left once those made from the patient's own scan "
                f"are out. At least {_FEWEST_IMAGES} for each patient are needed."
            ),
            smallest_leak="No leak would have been seen with this few synthetic images.",
        )
    attacks = AttackScores(
        names=tuple(columns),
        scores=np.column_stack(list(columns.values())),
        is_member=np.arange(len(patients)) < members,
    )
    return judge_membership(_NAME, attacks, blind, seed=seed)


def nearest(images: ReleasedImages, patients: Sequence[str]) -> NDArray[np.float64]:
    """Give each patient's likeness to the nearest image that was not made from its scan.

    Args:
        images: synthetic images.
        patients: real patients, each with at least one such image.

    Source: Chen et al. 2020, doi 10.1145/3372297.3417238, with a likeness that knows no contrast.
    """
    kept = np.where(images.usable(patients), images.similarity_to(patients), -np.inf)
    return np.asarray(kept.max(axis=0), dtype=np.float64)


def share_within(
    images: ReleasedImages, patients: Sequence[str], likeness: float
) -> NDArray[np.float64]:
    """Give the share of images, not made from a patient's scan, that are as alike to the patient.

    Args:
        images: synthetic images.
        patients: real patients.
        likeness: the edge of the ball.

    Source: Hilprecht et al. 2019, doi 10.2478/popets-2019-0067.
    """
    usable = images.usable(patients)
    inside = usable & (images.similarity_to(patients) >= likeness)
    return np.asarray(inside.sum(axis=0) / np.maximum(1, usable.sum(axis=0)), dtype=np.float64)


def _columns(
    patients: Sequence[str],
    synthetic: ReleasedImages,
    null: ReleasedImages | None,
    real_shapes: ImageShapes | None,
) -> dict[str, NDArray[np.float64]]:
    if not _has_enough(synthetic, patients):
        return {}
    own = nearest(synthetic, patients)
    # The median of all patients' nearest, so that the ball knows nobody's membership.
    edge = float(np.median(own))
    ball = share_within(synthetic, patients, edge)
    columns = {"nearest": own, "ball": ball}
    if null is None or not _has_enough(null, patients):
        return columns
    columns["calibrated_nearest"] = own - nearest(null, patients)
    columns["calibrated_ball"] = ball - share_within(null, patients, edge)
    if real_shapes is not None and synthetic.shapes is not None and null.shapes is not None:
        ratios = density_ratios(
            patients,
            real_shapes,
            (synthetic.shapes, synthetic.usable(patients)),
            (null.shapes, null.usable(patients)),
        )
        if ratios is not None:
            columns["density_ratio"] = ratios
    return columns


def _has_enough(images: ReleasedImages, patients: Sequence[str]) -> bool:
    return bool((images.usable(patients).sum(axis=0) >= _FEWEST_IMAGES).all())
