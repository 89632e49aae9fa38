from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Comparer, Comparison, Nearest
from privacy_audit.representation.duplicates import (
    SelfLikeness,
    check_duplicates,
    draw_size,
    measure_self_likeness,
)
from tests.privacy_audit.conftest import Body, WriteSet


def _likeness(similarity: NDArray[np.float64], letter: str = "s") -> SelfLikeness:
    names = tuple(f"{letter}{number:03d}" for number in range(similarity.shape[0]))
    return SelfLikeness(names, names, similarity)


def _strangers(seed: int, patients: int) -> NDArray[np.float64]:
    """Give the likeness of patients who are alike between 0.2 and 0.5."""
    drawn = np.random.default_rng(seed).uniform(0.2, 0.5, size=(patients, patients))
    similarity = np.maximum(drawn, drawn.T)
    np.fill_diagonal(similarity, 1.0)
    return similarity


def _with_copies(similarity: NDArray[np.float64], members: list[int]) -> NDArray[np.float64]:
    """Make some patients the same body."""
    copied = similarity.copy()
    copied[np.ix_(members, members)] = 0.95
    np.fill_diagonal(copied, 1.0)
    return copied


def _to_train(similarity: NDArray[np.float64]) -> Nearest:
    rows, columns = similarity.shape
    names = [f"s{row:03d}" for row in range(rows)]
    return Comparison(
        probes=tuple(AuditImage(name, name, (Path(name),)) for name in names),
        fingerprints=tuple(names),
        patients=tuple(f"t{column}" for column in range(columns)),
        similarity=similarity,
    ).nearest()


def test_one_body_repeated_is_a_hundred_per_cent() -> None:
    same = np.full((40, 40), 0.99)
    np.fill_diagonal(same, 1.0)
    check, _ = check_duplicates(_likeness(same), _likeness(_strangers(0, 40)), None)
    assert (check.verdict, check.statistic, check.n) == ("fail", 1.0, 40)
    assert check.details["largest_repetition"] == 40
    # Eigenvalues of the mean likeness: 0.99 + 0.01 / 40, and 39 of 0.01 / 40.
    assert check.details["vendi_score"] == pytest.approx(1.09, abs=0.01)


def test_strangers_have_no_twins_and_pass() -> None:
    check, flags = check_duplicates(
        _likeness(_strangers(1, 200)), _likeness(_strangers(0, 200)), None
    )
    assert (check.verdict, flags) == ("pass", [])
    assert check.statistic is not None
    assert check.statistic <= 0.04


def test_few_strangers_are_inconclusive() -> None:
    # None of 15 pairs: the upper bound is 1 - 0.025^(1/15) = 0.218.
    check, _ = check_duplicates(_likeness(_strangers(5, 30)), _likeness(_strangers(0, 30)), None)
    assert check.verdict == "inconclusive"


def test_twins_count_half_for_the_interval() -> None:
    # Ten pairs among 100: 20 twins, counted as 10 of 50, whose lower bound is 0.1003.
    similarity = np.minimum(_strangers(1, 100), 0.45)
    for first in range(0, 20, 2):
        similarity = _with_copies(similarity, [first, first + 1])
    check, _ = check_duplicates(_likeness(similarity), _likeness(_strangers(0, 100)), None)
    assert check.statistic == 0.2
    assert check.ci == pytest.approx((0.1003, 0.3372), abs=1e-4)
    assert (check.verdict, check.details["bodies_repeated"]) == ("fail", 10)


def test_real_patient_under_two_names_hides_no_repetition() -> None:
    real = _with_copies(_strangers(0, 100), [3, 4])
    similarity = _with_copies(np.minimum(_strangers(1, 100), 0.45), list(range(30)))
    check, _ = check_duplicates(_likeness(similarity), _likeness(real), None)
    assert (check.verdict, check.statistic) == ("fail", 0.3)
    level = check.details["similarity_level"]
    assert isinstance(level, float)
    assert level < 0.6


def test_repeated_body_names_the_training_patient_that_it_is_like() -> None:
    similarity = _with_copies(np.minimum(_strangers(1, 40), 0.45), [4, 5, 6])
    to_train = np.full((40, 3), 0.3)
    to_train[[4, 5, 6], 2] = [0.7, 0.8, 0.6]
    _, flags = check_duplicates(
        _likeness(similarity), _likeness(_strangers(0, 40)), _to_train(to_train)
    )
    assert [(flag.synthetic, flag.patient, flag.similarity) for flag in flags] == [
        ("s005", "t2", 0.8)
    ]
    # More alike than all of 40 real patients are to each other.
    assert flags[0].p_value == pytest.approx(1 / 41)


def test_repeats_that_are_like_different_patients_name_nobody() -> None:
    similarity = _with_copies(np.minimum(_strangers(1, 40), 0.45), [4, 5, 6])
    to_train = np.full((40, 3), 0.3)
    to_train[[4, 5, 6], [0, 1, 2]] = 0.8
    _, flags = check_duplicates(
        _likeness(similarity), _likeness(_strangers(0, 40)), _to_train(to_train)
    )
    assert flags == []


def test_pair_names_nobody() -> None:
    similarity = _with_copies(np.minimum(_strangers(1, 40), 0.45), [4, 5])
    to_train = np.full((40, 3), 0.3)
    to_train[[4, 5], 1] = 0.8
    _, flags = check_duplicates(
        _likeness(similarity), _likeness(_strangers(0, 40)), _to_train(to_train)
    )
    assert flags == []


def test_one_synthetic_image_is_inconclusive() -> None:
    check, flags = check_duplicates(_likeness(np.ones((1, 1))), _likeness(np.eye(40)), None)
    assert (check.verdict, check.statistic, check.n, flags) == ("inconclusive", None, 1, [])


def test_copies_under_other_names_are_found_in_pixels(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    synthetic = write_set(
        tmp_path / "s", {f"s{number:02d}": body(number % 4) for number in range(24)}
    )
    real = write_set(tmp_path / "r", {f"r{number:02d}": body(50 + number) for number in range(24)})
    comparer = Comparer(1)
    size = draw_size(synthetic, real, None)
    check, _ = check_duplicates(
        measure_self_likeness(comparer, synthetic, size, patient_of=None, seed=0),
        measure_self_likeness(comparer, real, size, patient_of=None, seed=0),
        None,
    )
    assert (check.verdict, check.statistic, check.n) == ("fail", 1.0, 24)
    assert check.details["bodies_repeated"] == 4


def _names_only(names: list[str]) -> ImageSet:
    return ImageSet(tuple(AuditImage(name, name, (Path(name),)) for name in names))


def test_equally_many_patients_are_drawn_of_both() -> None:
    few, many = _names_only(["a", "b", "c"]), _names_only([f"r{number}" for number in range(9)])
    assert draw_size(few, many, None) == draw_size(many, few, None) == 3
    assert draw_size(few, many, {"a": "x", "b": "x", "c": "y"}) == 2


def test_images_of_one_source_are_one_patient(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    synthetic = write_set(tmp_path, {"a": body(0), "b": body(0), "c": body(1)})
    source_of = {"a.npy": "x", "b.npy": "x", "c.npy": "y"}
    likeness = measure_self_likeness(Comparer(1), synthetic, 9, patient_of=source_of, seed=0)
    assert (likeness.patients, likeness.images) == (("x", "y"), ("a.npy", "c.npy"))
    assert likeness.similarity[0, 1] == likeness.similarity[1, 0] < 0.9
