from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.membership_model import (
    ImageScores,
    attack_scores,
    calibrated_likelihood,
    check_membership_model,
    pairwise_ratios,
    spread_ratios,
)
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import ImageSet, read_image_set
from privacy_audit.white_box import ScoredModel, WhiteBox

Cohort = Callable[[str, range], ImageSet]


class _KnowsMarks:
    """A model that knows images by a number written into their corner.

    An image is hard by its mark's fraction; the model's memory adds to those it was shown.
    """

    def __init__(self, known: frozenset[int], gain: float, names: tuple[str, ...] = ("loss",)):
        self._known = known
        self._gain = gain
        self._names = names

    def score(self, pixels: Pixels) -> Mapping[str, float]:
        mark = round((float(pixels.values[0, 0, 0]) - 40.0) * 1000.0)
        ease = float(np.random.default_rng(mark).normal(0.0, 5.0))
        own = float(np.random.default_rng([mark, len(self._known)]).normal(0.0, 0.5))
        score = ease + own + (self._gain if mark in self._known else 0.0)
        return dict.fromkeys(self._names, score)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Give a function that writes patients with two images each, all of one kind."""

    def write(name: str, numbers: range) -> ImageSet:
        for number in numbers:
            folder = tmp_path / name / f"p{number:03}"
            folder.mkdir(parents=True)
            for image in range(2):
                values = np.random.default_rng([number, image]).normal(40.0, 20.0, (12, 12))
                values[0, 0] = 40.0 + _mark(number, image) / 1000.0
                np.save(folder / f"{image}.npy", values)
        return read_image_set(tmp_path / name)

    return write


def _marks(numbers: range) -> frozenset[int]:
    return frozenset(_mark(number, image) for number in numbers for image in range(2))


def _mark(number: int, image: int) -> int:
    """Give an image's number: each another, in no order that a classifier could learn."""
    return (2 * number + image) * 7919 % 9973


def _reference(seed: int) -> ScoredModel:
    return _KnowsMarks(frozenset(range(-seed, 0)), 0.0)


def test_calibration_finds_a_memory_that_difficulty_hides(cohort: Cohort) -> None:
    members, others = cohort("members", range(20)), cohort("others", range(20, 60))
    target = _KnowsMarks(_marks(range(20)), gain=1.5)
    raw = check_membership_model(members, others, WhiteBox(target, ()), seed=0)
    assert raw.verdict == "inconclusive"
    found = check_membership_model(members, others, WhiteBox(target, (_reference(1),)), seed=0)
    assert found.verdict == "fail"
    assert found.details["best_attack"] != "raw_loss"


def test_a_model_without_memory_does_not_fail(cohort: Cohort) -> None:
    members, others = cohort("members", range(20)), cohort("others", range(20, 60))
    model = WhiteBox(_KnowsMarks(frozenset(), 0.0), (_reference(1), _reference(2)))
    assert check_membership_model(members, others, model, seed=0).verdict == "inconclusive"


def test_unit_is_the_patient_whatever_the_number_of_images(cohort: Cohort) -> None:
    members, others = cohort("members", range(20)), cohort("others", range(20, 60))
    attacks = attack_scores(members, others, WhiteBox(_reference(3), ()))
    assert attacks.scores.shape == (60, 1)
    first = [
        _reference(3).score(
            Pixels(np.full((1, 1, 1), 40.0 + _mark(0, image) / 1000.0, dtype=np.float32), None)
        )
        for image in range(2)
    ]
    assert attacks.scores[0, 0] == pytest.approx((first[0]["loss"] + first[1]["loss"]) / 2)


def test_attack_by_spread_needs_two_references(cohort: Cohort) -> None:
    members, others = cohort("members", range(3)), cohort("others", range(3, 6))
    one = attack_scores(members, others, WhiteBox(_reference(1), (_reference(2),)))
    two = attack_scores(members, others, WhiteBox(_reference(1), (_reference(2), _reference(3))))
    assert set(two.names) - set(one.names) == {"reference_spread"}


def _image_scores(
    target: list[float], references: list[list[float]], patient: list[int]
) -> ImageScores:
    return ImageScores(
        names=("loss",),
        target=np.array(target)[:, np.newaxis],
        references=np.array(references)[:, :, np.newaxis],
        patient=np.array(patient),
    )


def test_likelihood_ratio_with_one_reference_is_the_difference_in_units_of_its_spread() -> None:
    scored = _image_scores([1.0, 3.0, 5.0, 9.0], [[1.0, 1.0, 1.0, 1.0]], [0, 1, 2, 3])
    # Differences 0, 2, 4, 8: quartiles 1.5 and 5, so the unit is 3.5.
    ratios = calibrated_likelihood(scored)[:, 0]
    assert ratios.tolist() == pytest.approx([0.0, 2 / 3.5, 4 / 3.5, 8 / 3.5])


def test_likelihood_under_references_is_their_mean_likelihood() -> None:
    scored = _image_scores([2.0, 2.0, 2.0], [[2.0, 1.0, 2.0], [2.0, 0.0, 2.0]], [0, 1, 2])
    # Differences 0, 1.5, 0: quartiles 0 and 0.75. Second image: log of the mean of
    # exp(-1 / 0.75) and exp(-2 / 0.75).
    mean = (np.exp(-1 / 0.75) + np.exp(-2 / 0.75)) / 2
    assert calibrated_likelihood(scored)[:, 0].tolist() == pytest.approx([0.0, -np.log(mean), 0.0])


def test_pairwise_ratio_is_the_share_of_other_patients_images_that_are_exceeded() -> None:
    scored = _image_scores([5.0, 1.0, 3.0, 0.0], [[0.0, 0.0, 0.0, 0.0]], [0, 0, 1, 2])
    # Of patient 0: 5 exceeds 3 and 0, 1 exceeds 0 alone; patient 1: 3 exceeds 1 and 0 of three.
    assert pairwise_ratios(scored).tolist() == pytest.approx([1.0, 0.5, 2 / 3, 0.0])


def test_spread_ratio_counts_deviations_of_the_references() -> None:
    scored = _image_scores([4.0, 4.0], [[1.0, 1.0], [3.0, 3.0]], [0, 1])
    # Mean 2 and variance 2 for both images, so drawing it to all changes nothing.
    assert spread_ratios(scored).tolist() == pytest.approx([2 / np.sqrt(2)] * 2)


class _Nameless:
    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def score(self, pixels: Pixels) -> Mapping[str, float]:
        assert pixels.values.size
        return self._scores


@pytest.mark.parametrize(
    ("target", "reference", "message"),
    [
        ({"a": 1.0}, {"b": 1.0}, "Expected a, as of the first image"),
        ({}, {}, "at least one score"),
        ({"a": float("nan")}, {"a": 1.0}, "score that is no number"),
    ],
)
def test_scores_that_do_not_fit_are_refused(
    cohort: Cohort, target: dict[str, float], reference: dict[str, float], message: str
) -> None:
    members, others = cohort("members", range(2)), cohort("others", range(2, 4))
    model = WhiteBox(_Nameless(target), (_Nameless(reference),))
    with pytest.raises(AuditError, match=message):
        check_membership_model(members, others, model, seed=0)


def test_one_member_is_inconclusive_and_asks_no_model(cohort: Cohort) -> None:
    check = check_membership_model(
        cohort("members", range(1)),
        cohort("others", range(1, 4)),
        WhiteBox(_Nameless({}), ()),
        seed=0,
    )
    assert check.verdict == "inconclusive"


def test_order_of_images_on_disk_changes_nothing(cohort: Cohort) -> None:
    members, others = cohort("members", range(4)), cohort("others", range(4, 9))
    backward: NDArray[np.int64] = np.arange(len(others.images))[::-1]
    turned = ImageSet(tuple(others.images[index] for index in backward))
    model = WhiteBox(_reference(1), (_reference(2),))
    first = check_membership_model(members, others, model, seed=0)
    assert check_membership_model(members, turned, model, seed=0) == first
