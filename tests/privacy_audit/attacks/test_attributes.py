import dataclasses

import numpy as np
import pytest

from medsynth.errors import AuditError
from privacy_audit.attacks.attributes import Reference, check_attributes
from privacy_audit.images.attributes_table import Value
from privacy_audit.images.features import FeatureTable, describe_images
from privacy_audit.images.image_sets import AuditImage
from tests.privacy_audit.made_up_cohort import (
    FEATURES,
    random_table,
    same_name,
    scan_with,
    table_of,
)

_PATIENTS = 100
_OTHERS = [f"h{number}" for number in range(_PATIENTS)]
_RELEASED = [f"s{number}" for number in range(_PATIENTS)]


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Bodies in which sex brightens the liver and weight widens the body."""

    reference: FeatureTable
    released: FeatureTable
    attributes: dict[str, dict[str, Value]]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("cohort")
    generator = np.random.default_rng(1)
    attributes: dict[str, dict[str, Value]] = {}
    images = []
    for seed, name in enumerate(_OTHERS + _RELEASED):
        is_woman, weight = bool(generator.random() < 0.5), float(generator.normal(70, 10))
        scan = scan_with(seed, liver_hu=80.0 * is_woman, size=1 + (weight - 70) / 80)
        np.save(folder / f"{name}.npy", scan)
        images.append(AuditImage(name, name, (folder / f"{name}.npy",)))
        patient = name.replace("s", "p")
        attributes[patient] = {"sex": "F" if is_woman else "M", "weight": weight}
    return Cohort(
        reference=describe_images(images[:_PATIENTS], 1),
        released=describe_images(images[_PATIENTS:], 1),
        attributes=attributes,
    )


def _coins(seed: int, names: list[str]) -> dict[str, dict[str, Value]]:
    """Give each patient a sex and an age that nothing shows."""
    generator = np.random.default_rng(seed)
    return {
        name: {"sex": str(generator.choice(["F", "M"])), "age": float(generator.normal(60, 10))}
        for name in names
    }


def _sources() -> list[str]:
    return [name.replace("s", "p") for name in _RELEASED]


def test_attributes_that_are_in_the_image_are_inferred(cohort: Cohort) -> None:
    check = check_attributes(
        cohort.released,
        Reference(cohort.reference, "null"),
        same_name(_RELEASED),
        cohort.attributes,
        seed=0,
    )
    assert check.verdict == "fail"
    assert (check.details["sex: verdict"], check.details["weight: verdict"]) == ("fail", "fail")
    assert check.n == _PATIENTS
    assert check.ci is not None
    assert (check.threshold, check.ci[0] > 0.15) == (0.15, True)


def test_attributes_that_are_not_in_the_image_give_chance(cohort: Cohort) -> None:
    reference = Reference(_first(cohort.reference, 60), "null")
    released = _first(cohort.released, 60)
    failed = at_chance = 0
    for seed in range(100):
        coins = _coins(seed, _OTHERS + _sources())
        check = check_attributes(released, reference, same_name(_RELEASED), coins, seed=seed)
        failed += check.verdict == "fail"
        assert check.ci is not None
        at_chance += check.ci[0] <= 0 <= check.ci[1]
    # Each of 100 intervals misses with 0.05 at most: more than 10 happen once in 90 times.
    assert failed == 0
    assert at_chance >= 95


def test_images_of_another_contrast_are_brought_to_their_own_scale(cohort: Cohort) -> None:
    values = cohort.released.values.copy()
    values[:, 9:19] += 300.0
    brighter = dataclasses.replace(cohort.released, values=values)
    check = check_attributes(
        brighter,
        Reference(cohort.reference, "holdout"),
        same_name(_RELEASED),
        cohort.attributes,
        seed=0,
    )
    assert check.details["sex: verdict"] == "fail"


def test_many_sources_without_a_leak_pass() -> None:
    released = [f"s{number}" for number in range(500)]
    others = [f"h{number}" for number in range(200)]
    check = check_attributes(
        random_table(0, released),
        Reference(random_table(1, others), "null"),
        same_name(released),
        {name: {"sex": "FM"[number % 2]} for number, name in enumerate(_named(others, released))},
        seed=0,
    )
    assert (check.verdict, check.n) == ("pass", 500)
    assert "could not tell sex from the images it learnt from" in check.explanation


def test_few_sources_without_a_leak_are_inconclusive() -> None:
    check = check_attributes(
        random_table(0, _RELEASED[:50]),
        Reference(random_table(1, _OTHERS), "null"),
        same_name(_RELEASED),
        _coins(3, _OTHERS + _sources()),
        seed=0,
    )
    assert check.verdict == "inconclusive"
    assert "sources are needed" in check.explanation


def test_attacker_that_misses_the_planted_spot_is_invalid() -> None:
    plain = random_table(0, _RELEASED)
    blind = dataclasses.replace(plain, with_spot=plain.values)
    check = check_attributes(
        blind,
        Reference(random_table(1, _OTHERS), "null"),
        same_name(_RELEASED),
        _coins(3, _OTHERS + _sources()),
        seed=0,
    )
    assert check.verdict == "invalid"
    assert "cannot be relied on" in check.explanation


def test_patients_who_are_sources_teach_the_attacker_nothing() -> None:
    # S is the training set: every patient that could be learnt from is a source.
    table = random_table(0, _OTHERS)
    check = check_attributes(
        table,
        Reference(table, "holdout"),
        {name: name for name in _OTHERS},
        _coins(0, _OTHERS),
        seed=0,
    )
    assert (check.verdict, check.statistic) == ("inconclusive", None)
    assert "There are 0 patients to learn from" in check.explanation


def test_one_synthetic_image_is_inconclusive() -> None:
    check = check_attributes(
        random_table(0, ["s0"]),
        Reference(random_table(1, _OTHERS), "null"),
        {"s0": "p0"},
        _coins(0, [*_OTHERS, "p0"]),
        seed=0,
    )
    assert (check.verdict, check.statistic) == ("inconclusive", None)


def test_constant_features_clear_nothing() -> None:
    constant = np.ones((_PATIENTS, FEATURES))
    check = check_attributes(
        table_of(constant, _RELEASED, with_spot=constant),
        Reference(table_of(constant, _OTHERS, with_spot=constant), "holdout"),
        same_name(_RELEASED),
        _coins(0, _OTHERS + _sources()),
        seed=0,
    )
    assert check.verdict == "invalid"


def test_images_of_one_source_are_one_patient() -> None:
    released = [f"s{number}" for number in range(80)]
    check = check_attributes(
        random_table(0, released),
        Reference(random_table(1, _OTHERS), "null"),
        {name: f"p{number // 2}" for number, name in enumerate(released)},
        _coins(0, _OTHERS + _sources()),
        seed=0,
    )
    assert check.n == 40


@pytest.mark.parametrize("missing", ["map", "table"])
def test_without_map_or_table_there_is_nothing_to_check(missing: str) -> None:
    check = check_attributes(
        random_table(0, _RELEASED),
        Reference(random_table(1, _OTHERS), "null"),
        None if missing == "map" else same_name(_RELEASED),
        None if missing == "table" else _coins(0, _OTHERS),
        seed=0,
    )
    assert (check.verdict, check.n) == ("not_applicable", 0)
    assert missing in check.explanation


def test_table_that_names_no_source_is_refused() -> None:
    with pytest.raises(AuditError, match="names none of 100 source patients"):
        check_attributes(
            random_table(0, _RELEASED),
            Reference(random_table(1, _OTHERS), "null"),
            same_name(_RELEASED),
            _coins(0, _OTHERS),
            seed=0,
        )


def test_values_that_are_missing_leave_the_patient_out() -> None:
    coins = _coins(0, _OTHERS + _sources())
    for name in _sources()[:30]:
        del coins[name]["sex"]
    check = check_attributes(
        random_table(0, _RELEASED),
        Reference(random_table(1, _OTHERS), "null"),
        same_name(_RELEASED),
        coins,
        seed=0,
    )
    assert (check.details["sex: patients"], check.details["age: patients"]) == (70, 100)


def test_smallest_leak_is_the_count_that_would_have_failed() -> None:
    # 100 sources, one attribute, halves: z = 1.96; 0.575 / 1 must be below Wilson's lower bound.
    released = [f"s{number}" for number in range(100)]
    names = _named(_OTHERS, released)
    check = check_attributes(
        random_table(0, released),
        Reference(random_table(1, _OTHERS), "null"),
        same_name(released),
        {name: {"sex": "FM"[number % 2]} for number, name in enumerate(names)},
        seed=0,
    )
    # 67 of 100: (0.67 + 0.0192 - 0.0941) / 1.0384 = 0.573; 68 of 100: 0.583.
    assert check.smallest_leak == (
        "sex: 68 of 100 guessed right, a risk of 0.36, would have failed."
    )


def _named(others: list[str], released: list[str]) -> list[str]:
    return others + [name.replace("s", "p") for name in released]


def _first(table: FeatureTable, count: int) -> FeatureTable:
    return FeatureTable(table.images[:count], table.values[:count], table.with_spot[:count])
