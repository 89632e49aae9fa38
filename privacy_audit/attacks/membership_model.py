"""Does the model itself tell who it was trained on?

The attacker holds the weights and a patient's scan, and asks how well the model knows it. A scan
may be easy for any model, so what a reference model says is subtracted.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.membership import (
    FEWEST,
    AttackScores,
    judge_membership,
    not_measured,
)
from privacy_audit.attacks.membership_blind import BlindBaseline, measure_blind_baseline
from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import ImageSet
from privacy_audit.verdict import CheckResult
from privacy_audit.white_box import WhiteBox

_NAME = "membership_model"
_FEWEST_REFERENCES_FOR_SPREAD = 2
# The spread of one image's few reference scores is drawn to all images' as if by so many more.
_PRIOR_REFERENCES = 4.0


@dataclasses.dataclass(frozen=True)
class ImageScores:
    """What the models say of each image.

    Attributes:
        names: of the scores.
        target: (images, scores), float64.
        references: (models, images, scores), float64; may be of no model.
        patient: (images,), number of each image's patient, from 0.
    """

    names: tuple[str, ...]
    target: NDArray[np.float64]
    references: NDArray[np.float64]
    patient: NDArray[np.int64]


def check_membership_model(
    members: ImageSet,
    others: ImageSet,
    model: WhiteBox,
    *,
    seed: int,
    blind: BlindBaseline | None = None,
) -> CheckResult:
    """Attack the model with each patient's real scans.

    Hand it images of one kind: where members have scans of two phases and others of one, the
    blind baseline tells them apart and the result is invalid. Members and others should come
    from one random split by patient, made before training.

    Args:
        members: real images of patients that the model was trained on.
        others: real images of patients that it never saw, patient-disjoint.
        model: the model, with reference models where there are any.
        seed: of the permutations.
        blind: what `measure_blind_baseline` said of the same images; None measures it.

    Raises:
        AuditError: the scores are not finite, or their names differ between images or models.
    """
    if min(len(members.patients), len(others.patients)) < FEWEST:
        return not_measured(_NAME, len(members.patients), len(others.patients))
    baseline = blind or measure_blind_baseline(members, others, seed=seed)
    attacks = attack_scores(members, others, model)
    return judge_membership(_NAME, attacks, baseline, seed=seed)


def attack_scores(members: ImageSet, others: ImageSet, model: WhiteBox) -> AttackScores:
    """Give what each attack says of each patient; members come first.

    Args:
        members: real images of patients that the model was trained on.
        others: real images of patients that it never saw.
        model: the model, with reference models where there are any.

    Raises:
        AuditError: the scores are not finite, or their names differ between images or models.
    """
    scored = _score_images(members, others, model)
    patients = len(members.patients) + len(others.patients)
    columns: dict[str, NDArray[np.float64]] = {}
    for index, name in enumerate(scored.names):
        columns[f"raw_{name}"] = scored.target[:, index]
    if len(scored.references):
        calibrated = scored.target - scored.references.mean(axis=0)
        for index, name in enumerate(scored.names):
            columns[f"calibrated_{name}"] = calibrated[:, index]
        columns["likelihood_ratio"] = calibrated_likelihood(scored).sum(axis=1)
        columns["pairwise_ratio"] = pairwise_ratios(scored)
    if len(scored.references) >= _FEWEST_REFERENCES_FOR_SPREAD:
        columns["reference_spread"] = spread_ratios(scored)
    by_image = np.column_stack(list(columns.values()))
    return AttackScores(
        names=tuple(columns),
        scores=_mean_by_patient(by_image, scored.patient, patients),
        is_member=np.arange(patients) < len(members.patients),
    )


def calibrated_likelihood(scored: ImageScores) -> NDArray[np.float64]:
    """Give the logarithm of how much likelier each score is under the target than elsewhere.

    A score counts as a log-likelihood in units of the spread of what sets the target apart
    from the references, so that a cycle loss and a discriminator's belief can be added.

    Args:
        scored: with at least one reference model.

    Returns:
        (images, scores), float64.

    Source: Zarifzadeh et al. 2024, arXiv 2312.03262: a likelihood under the target over its
    mean under reference models.
    """
    difference = scored.target - scored.references.mean(axis=0)
    unit = _spread(difference)
    relative = (scored.references - scored.target) / unit
    # Log of the mean over models of the likelihood, without overflow.
    highest = relative.max(axis=0)
    mean = np.exp(relative - highest).mean(axis=0)
    return np.asarray(-(highest + np.log(mean)), dtype=np.float64)


def pairwise_ratios(scored: ImageScores) -> NDArray[np.float64]:
    """Give the share of other patients' images that each image's likelihood ratio exceeds.

    The attacker knows nobody's membership, so each image is held against those of all other
    patients. Ranks instead of values: one odd image moves its patient's mean by little.

    Args:
        scored: with at least one reference model.

    Returns:
        (images,), from 0 to 1.

    Source: Zarifzadeh et al. 2024, arXiv 2312.03262, the pairwise test at a ratio of 1.
    """
    ratio = calibrated_likelihood(scored).sum(axis=1)
    shares = np.empty(ratio.size)
    for index, value in enumerate(ratio):
        rest = ratio[scored.patient != scored.patient[index]]
        shares[index] = (rest < value).mean() + 0.5 * (rest == value).mean()
    return shares


def spread_ratios(scored: ImageScores) -> NDArray[np.float64]:
    """Give by how many standard deviations of the references the target knows an image better.

    Args:
        scored: with at least two reference models.

    Returns:
        (images,), the sum over scores.

    Source: Carlini et al. 2022, doi 10.1109/SP46214.2022.9833649, the offline attack. With few
    references the variance of an image is drawn to that of all images (own choice).
    """
    count = len(scored.references)
    own = scored.references.var(axis=0, ddof=1)
    freedom = count - 1.0
    shared = (freedom * own + _PRIOR_REFERENCES * own.mean(axis=0)) / (freedom + _PRIOR_REFERENCES)
    difference = scored.target - scored.references.mean(axis=0)
    spread = np.sqrt(np.where(shared > 0.0, shared, 1.0))
    return np.asarray((difference / spread).sum(axis=1), dtype=np.float64)


def _score_images(members: ImageSet, others: ImageSet, model: WhiteBox) -> ImageScores:
    rows: list[list[NDArray[np.float64]]] = []
    patient: list[int] = []
    names: tuple[str, ...] = ()
    first = 0
    for images in (members, others):
        number = {name: first + index for index, name in enumerate(images.patients)}
        first += len(number)
        for image in images.images:
            pixels = read_pixels(image.name, image.paths)
            given = [dict(one.score(pixels)) for one in (model.target, *model.references)]
            names = names or tuple(sorted(given[0]))
            _check_names(names, given, image.name)
            rows.append([np.array([one[name] for name in names]) for one in given])
            patient.append(number[image.patient])
    scores = np.array(rows, dtype=np.float64)  # (images, models, scores)
    _check_numbers(scores)
    return ImageScores(
        names=names,
        target=scores[:, 0],
        references=np.moveaxis(scores[:, 1:], 1, 0),
        patient=np.array(patient),
    )


def _check_names(names: tuple[str, ...], given: list[dict[str, float]], image: str) -> None:
    differing = [one for one in given if tuple(sorted(one)) != names]
    if differing or not names:
        found = ", ".join(sorted(differing[0])) if differing else "nothing"
        raise AuditError(
            f"A model scores image {image} by {found or 'nothing'}. Expected "
            f"{', '.join(names) or 'at least one score'}, as of the first image. Mend the model's "
            "scores."
        )


def _check_numbers(scores: NDArray[np.float64]) -> None:
    bad = int((~np.isfinite(scores)).any(axis=(1, 2)).sum())
    if bad:
        raise AuditError(
            f"The model gives {bad} of {len(scores)} images a score that is no number. Expected "
            "finite scores. Check the weights."
        )


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the interquartile range of each column; 1 where there is none."""
    high, low = np.percentile(values, [75.0, 25.0], axis=0)
    return np.where(high > low, high - low, 1.0)


def _mean_by_patient(
    values: NDArray[np.float64], patient: NDArray[np.int64], patients: int
) -> NDArray[np.float64]:
    sums = np.zeros((patients, values.shape[1]))
    np.add.at(sums, patient, values)
    return sums / np.bincount(patient, minlength=patients)[:, np.newaxis]
