import pytest

from medsynth.errors import PrivacyError
from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.exposure import Exposure, largest_total
from medsynth.privacy.fingerprints import PatientMarks

FIRST = Mechanism("generators", 2.0, 0.1, 100)
SECOND = Mechanism("generators", 3.0, 0.2, 50)
THIRD = Mechanism("generators", 1.5, 0.05, 200)


def _exposure(mechanism: Mechanism, *patients: str, delta: float = 1e-3) -> Exposure:
    """Each patient is a word whose letters are its marks."""
    return Exposure(tuple(PatientMarks(tuple(word)) for word in patients), (mechanism,), delta)


def test_trainings_on_different_patients_do_not_add_up() -> None:
    total = largest_total([_exposure(FIRST, "a", "b"), _exposure(SECOND, "c")])
    alone = [spent([FIRST], 1e-3).epsilon, spent([SECOND], 1e-3).epsilon]
    assert total.spent.epsilon == max(alone)
    assert total.persons == 3


def test_trainings_on_one_patient_are_composed() -> None:
    total = largest_total([_exposure(FIRST, "a", "b"), _exposure(SECOND, "b", "c")])
    assert total.spent.epsilon == spent([FIRST, SECOND], 1e-3).epsilon
    assert total.trainings == (0, 1)


def test_pairs_of_three_trainings_are_compared_without_adding_all_three() -> None:
    total = largest_total(
        [_exposure(FIRST, "a", "b"), _exposure(SECOND, "b", "c"), _exposure(THIRD, "a", "c")]
    )
    pairs = [(FIRST, SECOND), (FIRST, THIRD), (SECOND, THIRD)]
    assert total.spent.epsilon == max(spent(pair, 1e-3).epsilon for pair in pairs)


def test_any_common_mark_makes_one_person_of_two_patients() -> None:
    # The middle training knows by its marks that x and y are of one person.
    total = largest_total([_exposure(FIRST, "x"), _exposure(SECOND, "xy"), _exposure(THIRD, "y")])
    assert total.spent.epsilon == spent([FIRST, SECOND, THIRD], 1e-3).epsilon
    assert total.persons == 1


def test_person_who_is_two_patients_of_a_training_is_refused() -> None:
    with pytest.raises(PrivacyError, match="one person"):
        largest_total([_exposure(FIRST, "x", "y"), _exposure(SECOND, "xy")])


def test_least_delta_of_the_trainings_counts() -> None:
    total = largest_total([_exposure(FIRST, "a", delta=1e-2), _exposure(SECOND, "a", delta=1e-4)])
    assert total.delta == 1e-4
    assert total.spent.epsilon == spent([FIRST, SECOND], 1e-4).epsilon


def test_only_persons_of_the_training_asked_for_are_looked_at() -> None:
    total = largest_total([_exposure(THIRD, "a"), _exposure(SECOND, "b")], of=1)
    assert total.spent.epsilon == spent([SECOND], 1e-3).epsilon
    assert total.persons == 1


def test_nobody_has_spent_nothing() -> None:
    assert largest_total([]).spent.epsilon == 0.0
