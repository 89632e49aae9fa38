"""Do the synthetic images repeat each other more than real patients do?

A generator that has collapsed makes the same few bodies again and again. Each
synthetic patient's nearest other is held against how near real patients are
to each other. Where many repeat one body, the training patient most alike to
all of them is named: what is made often may be remembered.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph, csr_matrix

from privacy_audit.images.features import owner_of
from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Comparer, Nearest
from privacy_audit.representation.coverage_statistics import vendi_score
from privacy_audit.statistics import clopper_pearson, empirical_p_values
from privacy_audit.verdict import APPLIES_TO, CheckResult, Flag

_NAME = "duplicates_within"
HIGHEST_SHARE = 0.10
"""Share of patients with a twin above which a set is called repeating itself."""
FEWEST_PATIENTS = 20
"""Of either set."""
MOST_PATIENTS = 60
"""Of either set: the comparisons grow with the square."""
# One pair of a hundred real patients may be one patient under two names.
_LEVEL_QUANTILE = 0.98
_FEWEST_IN_CLUSTER = 3
_SHARE_ON_ONE = 0.5


@dataclasses.dataclass(frozen=True)
class SelfLikeness:
    """How alike the patients of one set are to each other.

    Attributes:
        patients: each once, sorted.
        images: name of the image compared for each patient.
        similarity: (patients, patients), float64, symmetric, 1 on the diagonal; exact
            for the nearest others, rough for the far ones, see `Comparison`.
    """

    patients: tuple[str, ...]
    images: tuple[str, ...]
    similarity: NDArray[np.float64]

    def nearest(self) -> NDArray[np.float64]:
        """Give each patient's similarity to the nearest other."""
        others = self.similarity - 2 * np.eye(len(self.patients))
        return np.asarray(others.max(axis=1))


def measure_self_likeness(
    comparer: Comparer,
    image_set: ImageSet,
    patients: int,
    *,
    patient_of: Mapping[str, str] | None,
    seed: int,
) -> SelfLikeness:
    """Compare the patients of one set with each other, one image a patient.

    Args:
        comparer: does the comparing.
        image_set: the set.
        patients: how many patients to draw at most, at least 1.
        patient_of: name of the image -> its patient, where this is another than the
            image's own: images of one source are expected to be alike and are one patient.
        seed: draws the patients, where there are more.
    """
    images = _draw_patients(image_set, patients, patient_of, seed)
    ordered = [images[patient] for patient in sorted(images)]
    # Patients are told apart by the image's name, which is unique, whoever owns it.
    alone = [AuditImage(image.name, image.name, image.paths) for image in ordered]
    references = comparer.prepare(alone)
    compared = comparer.compare(alone, references)
    columns = [compared.patients.index(image.name) for image in alone]
    similarity = compared.similarity[:, columns]
    symmetric = np.maximum(similarity, similarity.T)
    np.fill_diagonal(symmetric, 1.0)
    return SelfLikeness(
        patients=tuple(sorted(images)),
        images=tuple(image.name for image in ordered),
        similarity=symmetric,
    )


def draw_size(synthetic: ImageSet, real: ImageSet, patient_of: Mapping[str, str] | None) -> int:
    """Give how many patients to draw of each set, that chance is the same in both."""
    units = {owner_of(image, patient_of) for image in synthetic.images}
    return min(len(units), len(real.patients), MOST_PATIENTS)


def check_duplicates(
    synthetic: SelfLikeness, real: SelfLikeness, to_train: Nearest | None
) -> tuple[CheckResult, list[Flag]]:
    """Count synthetic patients with a twin, by the likeness that real patients have.

    Hand it two sets of equally many patients (`draw_size`): among more, the
    nearest is nearer. A twin is nearer than all but a fiftieth of real patients
    have anybody. Twins come in pairs and are counted as half as many for the
    interval. Fails when its lower bound is above `HIGHEST_SHARE`, passes when the
    upper bound is not.

    Args:
        synthetic: the released patients among each other.
        real: patients that nothing was trained on, or the training patients, among each other.
        to_train: the training patients nearest to each released image; names whom a
            repeated body is like. None names nobody.

    Returns:
        The result, and one flag for each body that is repeated at least three
        times and whose repeats mostly are nearest to one training patient.
    """
    patients = len(synthetic.patients)
    if min(patients, len(real.patients)) < FEWEST_PATIENTS:
        return _too_few(patients, len(real.patients)), []
    real_nearest, nearest = real.nearest(), synthetic.nearest()
    level = float(np.quantile(real_nearest, _LEVEL_QUANTILE, method="lower"))
    has_twin = nearest > level
    clusters = _clusters(synthetic.similarity, level)
    flags = [] if to_train is None else _cross_link(synthetic, clusters, to_train, real_nearest)
    result = _judge(synthetic, real, has_twin, clusters, level)
    return result, flags


def _draw_patients(
    image_set: ImageSet, patients: int, patient_of: Mapping[str, str] | None, seed: int
) -> dict[str, AuditImage]:
    first: dict[str, AuditImage] = {}
    for image in image_set.images:
        first.setdefault(owner_of(image, patient_of), image)
    names = sorted(first)
    drawn = np.random.default_rng(seed).permutation(len(names))[:patients]
    return {names[index]: first[names[index]] for index in drawn}


def _clusters(similarity: NDArray[np.float64], level: float) -> list[list[int]]:
    """Give the groups of patients that are joined by twins, each with at least two."""
    joined = csr_matrix(similarity > level)
    count, label = csgraph.connected_components(joined, directed=False)
    groups = [np.flatnonzero(label == group).tolist() for group in range(count)]
    return [group for group in groups if len(group) > 1]


def _cross_link(
    synthetic: SelfLikeness,
    clusters: list[list[int]],
    to_train: Nearest,
    real_nearest: NDArray[np.float64],
) -> list[Flag]:
    row_of = {image.name: row for row, image in enumerate(to_train.probes)}
    flags = []
    for cluster in clusters:
        rows = [row_of[synthetic.images[index]] for index in cluster]
        column, count = Counter(int(to_train.columns[row, 0]) for row in rows).most_common(1)[0]
        if len(cluster) < _FEWEST_IN_CLUSTER or count < _SHARE_ON_ONE * len(cluster):
            continue
        like_it = [row for row in rows if to_train.columns[row, 0] == column]
        closest = max(like_it, key=lambda row: to_train.similarity[row, 0])
        similarity = float(to_train.similarity[closest, 0])
        p_value = float(empirical_p_values(np.array([similarity]), real_nearest)[0])
        name = to_train.probes[closest].name
        flags.append(Flag(name, to_train.patients[column], _NAME, p_value, similarity))
    return flags


def _judge(
    synthetic: SelfLikeness,
    real: SelfLikeness,
    has_twin: NDArray[np.bool_],
    clusters: list[list[int]],
    level: float,
) -> CheckResult:
    patients, twins = has_twin.size, int(has_twin.sum())
    interval = clopper_pearson(round(twins / 2), patients // 2)
    verdict = "inconclusive"
    if interval[0] > HIGHEST_SHARE:
        verdict = "fail"
    elif interval[1] <= HIGHEST_SHARE:
        verdict = "pass"
    vendi, real_vendi = vendi_score(synthetic.similarity), vendi_score(real.similarity)
    largest = max((len(cluster) for cluster in clusters), default=1)
    return CheckResult(
        verdict=verdict,
        statistic=twins / patients,
        ci=interval,
        threshold=HIGHEST_SHARE,
        n=patients,
        explanation=(
            f"{twins} of {patients} synthetic patients have a twin among the others, more alike "
            f"than {len(real.patients)} real patients are to each other (similarity above "
            f"{level:.2f}; by chance about {1 - _LEVEL_QUANTILE:.0%}). At most {largest} of them "
            f"show one body. By the Vendi score there are {vendi:.1f} different synthetic "
            f"patients, and {real_vendi:.1f} different real ones."
        ),
        smallest_leak=_smallest_leak(patients),
        applies_to=APPLIES_TO[_NAME],
        details={
            "similarity_level": level,
            "real_patients": len(real.patients),
            "bodies_repeated": len(clusters),
            "largest_repetition": largest,
            "vendi_score": vendi,
            "vendi_score_real": real_vendi,
            "vendi_ratio": vendi / real_vendi,
            "median_nearest": float(np.median(synthetic.nearest())),
            "median_nearest_real": float(np.median(real.nearest())),
        },
    )


def _smallest_leak(patients: int) -> str:
    for twins in range(patients + 1):
        if clopper_pearson(round(twins / 2), patients // 2)[0] > HIGHEST_SHARE:
            return f"{twins} of {patients} patients with a twin would have been told from chance."
    return "Nothing would have been seen."


def _too_few(synthetic: int, real: int) -> CheckResult:
    return CheckResult(
        verdict="inconclusive",
        statistic=None,
        ci=None,
        threshold=HIGHEST_SHARE,
        n=synthetic,
        explanation=(
            f"Repetition was not measured: {synthetic} synthetic and {real} real patients were "
            f"compared. At least {FEWEST_PATIENTS} of each are needed."
        ),
        smallest_leak="Nothing would have been seen.",
        applies_to=APPLIES_TO[_NAME],
        details={},
    )
