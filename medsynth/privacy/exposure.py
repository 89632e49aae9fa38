"""What each person of a cohort has spent over all trainings."""

import dataclasses
from collections.abc import Sequence

from medsynth.errors import PrivacyError
from medsynth.privacy.accounting import Mechanism, Spent, spent
from medsynth.privacy.fingerprints import PatientMarks


@dataclasses.dataclass(frozen=True)
class Exposure:
    """A training, as far as it concerns its patients' total.

    Attributes:
        patients: who took part.
        mechanisms: the updates to count.
        delta: of the training.
    """

    patients: tuple[PatientMarks, ...]
    mechanisms: tuple[Mechanism, ...]
    delta: float


@dataclasses.dataclass(frozen=True)
class PersonTotal:
    """The most that any person spent.

    Attributes:
        spent: of that person, all their trainings composed.
        delta: the least of those trainings.
        trainings: positions of those trainings.
        persons: number of persons looked at.
    """

    spent: Spent
    delta: float
    trainings: tuple[int, ...]
    persons: int


def largest_total(exposures: Sequence[Exposure], *, of: int | None = None) -> PersonTotal:
    """Compose each person's trainings and give the largest epsilon.

    Persons are told apart by their marks: patients of different trainings that share one are
    the same person.

    Args:
        exposures: all trainings of the cohort.
        of: position of the training whose persons are looked at; None looks at all.

    Returns:
        The largest total; 0 where nobody took part in anything.

    Raises:
        PrivacyError: two patients of one training are the same person, whom it would have
            counted twice.
    """
    trainings_of = _trainings_of_persons(exposures)
    looked_at = [places for places in trainings_of if of is None or of in places]
    kinds = set(looked_at)
    # A person of fewer trainings has not spent more than one of these and others.
    largest = [sorted(one) for one in kinds if not any(one < others for others in kinds)]
    totals = [_total(places, exposures, len(looked_at)) for places in sorted(largest)]
    return max(totals, key=lambda total: total.spent.epsilon, default=_nothing())


def check_persons(exposures: Sequence[Exposure]) -> None:
    """Hold each training to have one patient a person.

    Raises:
        PrivacyError: two patients of one training are the same person.
    """
    _trainings_of_persons(exposures)


def _nothing() -> PersonTotal:
    return PersonTotal(Spent(0.0, "prv", 0.0), 1.0, (), 0)


def _total(places: Sequence[int], exposures: Sequence[Exposure], persons: int) -> PersonTotal:
    delta = min(exposures[place].delta for place in places)
    mechanisms = [one for place in places for one in exposures[place].mechanisms]
    return PersonTotal(spent(mechanisms, delta), delta, tuple(places), persons)


def _trainings_of_persons(exposures: Sequence[Exposure]) -> list[frozenset[int]]:
    """Give the trainings of each person, joining patients through shared marks."""
    joined = _JoinedMarks()
    for exposure in exposures:
        for patient in exposure.patients:
            joined.join(patient.marks)
    places_of: dict[str, set[int]] = {}
    for place, exposure in enumerate(exposures):
        persons = [joined.person(patient.marks[0]) for patient in exposure.patients]
        if len(set(persons)) < len(persons):
            raise PrivacyError(
                "Two training patients are one person by what the ledger knows of their scans. "
                "Expected one pseudonym a person. Put their series under one pseudonym."
            )
        for person in persons:
            places_of.setdefault(person, set()).add(place)
    return [frozenset(places) for places in places_of.values()]


class _JoinedMarks:
    """Sets of marks that belong to one person each."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def join(self, marks: Sequence[str]) -> None:
        first = self.person(marks[0])
        for mark in marks:
            self._parents[self.person(mark)] = first

    def person(self, mark: str) -> str:
        """Give the mark that stands for the person."""
        trail = []
        while self._parents.setdefault(mark, mark) != mark:
            trail.append(mark)
            mark = self._parents[mark]
        for passed in trail:
            self._parents[passed] = mark
        return mark
