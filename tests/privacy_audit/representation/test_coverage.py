import dataclasses

import numpy as np
import pytest

from privacy_audit.images.attributes_table import Value
from privacy_audit.images.features import FeatureTable, columns_of
from privacy_audit.representation.coverage import check_coverage
from tests.privacy_audit.made_up_cohort import FEATURES, random_table, table_of

_REAL = [f"r{number}" for number in range(120)]
_HOLDOUT = [f"h{number}" for number in range(120)]
_RELEASED = [f"s{number}" for number in range(120)]


def _cohort(seed: int, names: list[str], women: list[bool]) -> FeatureTable:
    """Give patients of whom women have a smaller body: the five numbers of size are 3 lower."""
    values = np.random.default_rng(seed).normal(size=(len(names), FEATURES))
    values[np.ix_(np.array(women), columns_of(("size",)))] -= 3.0
    return table_of(values, names)


def _half(names: list[str]) -> list[bool]:
    return [number % 2 == 0 for number in range(len(names))]


def _sexes(names: list[str]) -> dict[str, dict[str, Value]]:
    women = _half(names)
    return {
        name: {"sex": "F" if is_woman else "M"} for name, is_woman in zip(names, women, strict=True)
    }


def test_synthetic_patients_of_the_same_kind_pass() -> None:
    check = check_coverage(
        _cohort(0, _RELEASED, _half(_RELEASED)),
        _cohort(1, _REAL, _half(_REAL)),
        _cohort(2, _HOLDOUT, _half(_HOLDOUT)),
        _sexes(_REAL),
        seed=0,
    )
    assert check.verdict == "pass"
    assert check.statistic == pytest.approx(1.0, abs=0.05)
    assert check.details["left_out"] == ""
    assert "None of 2 groups of patients was left out." in check.explanation


def test_group_that_is_missing_is_named() -> None:
    check = check_coverage(
        _cohort(0, _RELEASED, [False] * len(_RELEASED)),
        _cohort(1, _REAL, _half(_REAL)),
        _cohort(2, _HOLDOUT, _half(_HOLDOUT)),
        _sexes(_REAL),
        seed=0,
    )
    assert (check.verdict, check.details["left_out"]) == ("fail", "sex F")
    assert "Left out: sex F. Of these 60 patients" in check.explanation
    ratio = check.details["anatomy: sex F: distance ratio"]
    assert isinstance(ratio, float)
    assert ratio > 1.25


def test_group_that_is_half_as_frequent_is_named() -> None:
    # 30 of 120 instead of 60: plain coverage hardly drops, but the balls are half as full.
    check = check_coverage(
        _cohort(0, _RELEASED, [number % 4 == 0 for number in range(len(_RELEASED))]),
        _cohort(1, _REAL, _half(_REAL)),
        _cohort(2, _HOLDOUT, _half(_HOLDOUT)),
        _sexes(_REAL),
        seed=0,
    )
    assert check.details["left_out"] == "sex F"
    covered = check.details["anatomy: sex F: coverage"]
    assert isinstance(covered, float)
    assert covered > 0.7


def test_attribute_that_nothing_shows_names_nobody_in_95_of_100_seeds() -> None:
    named = 0
    for seed in range(100):
        generator = np.random.default_rng(1000 + seed)
        coins: dict[str, dict[str, Value]] = {
            name: {"sex": str(generator.choice(["F", "M"]))} for name in _REAL[:70]
        }
        check = check_coverage(
            random_table(3 * seed, _RELEASED[:70]),
            random_table(3 * seed + 1, _REAL[:70]),
            random_table(3 * seed + 2, _HOLDOUT[:70]),
            coins,
            seed=seed,
        )
        named += check.details["left_out"] != ""
    assert named <= 5


def test_training_set_released_again_covers_itself() -> None:
    real = _cohort(1, _REAL, _half(_REAL))
    check = check_coverage(real, real, random_table(2, _HOLDOUT), _sexes(_REAL), seed=0)
    assert check.details["anatomy: coverage by synthetic"] == 1.0
    assert check.details["anatomy: sex F: distance ratio"] == 0.0


def test_one_image_repeated_covers_little() -> None:
    real = _cohort(1, _REAL, _half(_REAL))
    once = table_of(np.repeat(real.values[:1], len(_RELEASED), axis=0), _RELEASED)
    holdout = _cohort(2, _HOLDOUT, _half(_HOLDOUT))
    check = check_coverage(once, real, holdout, None, seed=0)
    assert check.verdict == "fail"
    assert check.statistic is not None
    assert check.statistic < 0.4
    assert "no group was looked at" in check.explanation


def test_brighter_images_lower_the_appearance_alone() -> None:
    released = random_table(0, _RELEASED)
    values = released.values.copy()
    values[:, columns_of(("brightness",))] += 20.0
    check = check_coverage(
        dataclasses.replace(released, values=values),
        random_table(1, _REAL),
        random_table(2, _HOLDOUT),
        _sexes(_REAL),
        seed=0,
    )
    assert check.details["appearance: coverage by synthetic"] == 0.0
    assert (check.verdict, check.details["left_out"]) == ("pass", "")


def test_without_a_holdout_half_of_the_real_patients_stand_for_it() -> None:
    check = check_coverage(random_table(0, _RELEASED), random_table(1, _REAL), None, None, seed=0)
    assert (check.n, check.details["patients_drawn"]) == (60, 60)
    assert check.statistic == pytest.approx(1.0, abs=0.1)


def test_equally_many_synthetic_and_holdout_patients_are_drawn() -> None:
    # Ten times as many synthetic patients cover no more than as many as the holdout has.
    many = [f"s{number}" for number in range(1200)]
    check = check_coverage(
        random_table(0, many), random_table(1, _REAL), random_table(2, _HOLDOUT), None, seed=0
    )
    assert check.details["patients_drawn"] == 120
    assert check.statistic == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("released", "holdout"), [(1, 120), (19, 120), (120, 19)])
def test_few_patients_are_inconclusive(released: int, holdout: int) -> None:
    check = check_coverage(
        random_table(0, _RELEASED[:released]),
        random_table(1, _REAL),
        random_table(2, _HOLDOUT[:holdout]),
        None,
        seed=0,
    )
    assert (check.verdict, check.statistic) == ("inconclusive", None)


def test_group_of_29_is_too_small_to_tell_and_is_not_named() -> None:
    attributes: dict[str, dict[str, Value]] = {
        name: {"site": "rare" if number < 29 else "usual"} for number, name in enumerate(_REAL)
    }
    check = check_coverage(
        random_table(0, _RELEASED),
        random_table(1, _REAL),
        random_table(2, _HOLDOUT),
        attributes,
        seed=0,
    )
    assert (check.verdict, check.details["groups_too_small"]) == ("inconclusive", 1)
    assert "rare" not in check.explanation + " ".join(check.details)


def test_constant_features_cover_and_divide_by_nothing() -> None:
    constant = np.ones((60, FEATURES))
    check = check_coverage(
        table_of(constant, _RELEASED[:60]),
        table_of(constant, _REAL[:60]),
        table_of(constant, _HOLDOUT[:60]),
        {name: {"sex": "FM"[number % 2]} for number, name in enumerate(_REAL[:60])},
        seed=0,
    )
    assert (check.verdict, check.statistic) == ("pass", 1.0)
    assert check.details["anatomy: sex F: distance ratio"] == 1.0


def test_same_seed_gives_the_same_result() -> None:
    results = [
        check_coverage(
            random_table(0, _RELEASED), random_table(1, _REAL), None, _sexes(_REAL), seed=4
        )
        for _ in range(2)
    ]
    assert results[0] == results[1]
