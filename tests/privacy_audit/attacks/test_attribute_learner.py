import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.attribute_learner import guess_groups
from privacy_audit.images.attributes_table import Value, group_values
from tests.privacy_audit.made_up_cohort import FEATURES


def _people(
    seed: int, patients: int, share: float, shift: float
) -> tuple[NDArray[np.float64], list[Value]]:
    """Give patients of whom a share, the sick, have ten numbers of their layout shifted."""
    values = np.random.default_rng(seed).normal(size=(patients, FEATURES))
    sick = np.arange(patients) < round(share * patients)
    values[sick, 19:29] += shift
    return values, ["sick" if is_sick else "well" for is_sick in sick]


def _right(guessed: NDArray[np.int64], known: list[Value]) -> float:
    # Groups are in the order of the alphabet: 0 is sick, 1 is well.
    return float(np.mean(guessed == [0 if value == "sick" else 1 for value in known]))


@pytest.mark.parametrize("patients", [100, 500])
def test_groups_far_apart_are_all_told(patients: int) -> None:
    # 100 patients are fewer than the numbers, 500 are more.
    reference, known = _people(0, patients, 0.5, 4.0)
    released, true = _people(1, 60, 0.5, 4.0)
    grouping = group_values("state", known, 5)
    assert grouping is not None
    guesses = guess_groups(reference, known, released, grouping)
    assert _right(guesses.released, true) > 0.95
    assert _right(guesses.reference, known) > 0.95


def test_reference_patients_are_guessed_without_themselves() -> None:
    # With more numbers than patients any labels can be learnt by heart.
    reference, known = _people(0, 100, 0.5, 0.0)
    grouping = group_values("state", known, 5)
    assert grouping is not None
    guesses = guess_groups(reference, known, reference[:1], grouping)
    assert 0.3 < _right(guesses.reference, known) < 0.7


def test_rare_group_is_guessed_as_often_as_it_was_learnt() -> None:
    reference, known = _people(0, 200, 0.1, 3.0)
    released, true = _people(1, 100, 0.1, 3.0)
    grouping = group_values("state", known, 5)
    assert grouping is not None
    guesses = guess_groups(reference, known, released, grouping)
    assert int((guesses.released == 0).sum()) == 10
    assert _right(guesses.released, true) > 0.95


def test_very_many_patients_keep_the_shares() -> None:
    reference, known = _people(0, 60, 0.5, 4.0)
    released, true = _people(1, 2500, 0.5, 4.0)
    grouping = group_values("state", known, 5)
    assert grouping is not None
    guesses = guess_groups(reference, known, released, grouping)
    assert int((guesses.released == 0).sum()) == pytest.approx(1250, abs=2)
    assert _right(guesses.released, true) > 0.9


def test_numbers_are_guessed_by_their_rank() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(300, FEATURES))
    ages: list[Value] = [float(age) for age in np.exp(values[:, 19:24].sum(axis=1))]
    grouping = group_values("age", ages[:200], 5)
    assert grouping is not None
    guesses = guess_groups(values[:200], ages[:200], values[200:], grouping)
    true = [grouping.index_of(age) for age in ages[200:]]
    assert float(np.mean(guesses.released == true)) > 0.6


def test_constant_numbers_are_guessed_by_shares_alone() -> None:
    known: list[Value] = [*["sick"] * 20, *["well"] * 60]
    grouping = group_values("state", known, 5)
    assert grouping is not None
    guesses = guess_groups(np.zeros((80, FEATURES)), known, np.zeros((8, FEATURES)), grouping)
    assert sorted(guesses.released.tolist()) == [0, 0, 1, 1, 1, 1, 1, 1]
