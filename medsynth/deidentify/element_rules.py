"""What becomes of one element that is not a sequence."""

import dataclasses

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID_dictionary

from medsynth.deidentify.action_log import Action
from medsynth.deidentify.dates import capped_age, holds_date, moved_date, moved_date_time
from medsynth.deidentify.echoes import IdentifyingWords
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import Treatment
from medsynth.deidentify.pseudonyms import keyed_uid
from medsynth.deidentify.release_list import released_codes, released_text
from medsynth.deidentify.values import (
    LONG_TEXT_VRS,
    TEXT_VRS,
    dummy_value,
    empty_value,
    is_sound,
    mapped_parts,
    numeric_values,
    spelled_text,
    string_parts,
)
from medsynth.deidentify.words import allowed_words

Outcome = tuple[DataElement | None, Action]
# In a cleaned sequence codes of public schemes stay; their meaning is cleaned as text.
_CODE_TAGS = frozenset({0x00080100, 0x00080102, 0x00080103})
_CODE_MEANING = 0x00080104
_DIGITS_OF_A_DATE = 8
# Text of type 2 in the CT Image IOD: Manufacturer, Position Reference Indicator.
_MAY_BE_EMPTY = frozenset({0x00080070, 0x00201040})


@dataclasses.dataclass(frozen=True)
class Person:
    """Whose header it is, as far as it decides values.

    Attributes:
        secret: the project's secret.
        pseudonym: stands for the patient.
        days: by how many the patient's dates move.
        words: what the header calls people.
    """

    secret: str = dataclasses.field(repr=False)
    pseudonym: str
    days: int = dataclasses.field(repr=False)
    words: IdentifyingWords = dataclasses.field(repr=False)


def treated_element(
    element: DataElement,
    treatment: Treatment,
    person: Person,
    settings: DeidentifySettings,
    *,
    otherwise: Treatment,
) -> Outcome:
    """Give the element that takes the place of another, or None, and what was done.

    Args:
        element: of the VR that its attribute should have.
        treatment: what the policy asks for; not REMOVE.
        person: whose header it is.
        settings: the user's decisions.
        otherwise: what the basic profile asks for; taken where a value cannot stay.

    Returns:
        A new element. Its value is the old one only where that is sound.
    """
    if treatment is Treatment.KEEP:
        outcome = _kept(element, person, settings)
    elif treatment is Treatment.MOVE_DATE:
        outcome = _moved(element, person)
    elif treatment is Treatment.CLEAN:
        outcome = _cleaned(element, person, settings)
    else:
        return _replaced(element, treatment, person)
    if outcome[0] is None and otherwise in (Treatment.EMPTY, Treatment.DUMMY):
        return _replaced(element, otherwise, person)[0], outcome[1]
    return outcome


def removal_of_number(
    element: DataElement, person: Person, settings: DeidentifySettings
) -> Action | None:
    """Give the reason for which numbers cannot stay, or None for mere numbers.

    That is that they are an identifier of the patient, spell a name, or are
    written like a day of the calendar.

    Args:
        element: sound; of a VR that holds numbers, else the answer is None.
        person: whose header it is.
        settings: the user's decisions.
    """
    numbers = numeric_values(element)
    if person.words.are_in(spelled_text(element)) or any(map(person.words.are_number, numbers)):
        return Action.REMOVED_ECHO
    is_dated = settings.dates != "kept" and any(map(_is_like_a_day, numbers))
    return Action.REMOVED_DATE if is_dated else None


def _is_like_a_day(number: float) -> bool:
    digits = str(abs(int(number)))
    return number.is_integer() and len(digits) == _DIGITS_OF_A_DATE and holds_date(digits)


def _replaced(element: DataElement, treatment: Treatment, person: Person) -> Outcome:
    if treatment is Treatment.PSEUDONYM:
        return _new(element, person.pseudonym), Action.PSEUDONYM
    if treatment is Treatment.NEW_UID:
        return _with_new_uids(element, person)
    if treatment is Treatment.EMPTY or element.VR == "SQ":
        return _emptied(element, treatment)
    if treatment is Treatment.DUMMY and element.VR == "UI":
        return _with_new_uids(element, person)
    value = dummy_value(element.VR)
    if value is None:
        return None, Action.REMOVED
    return _new(element, value), Action.DUMMY


def _emptied(element: DataElement, treatment: Treatment) -> Outcome:
    if element.VR != "SQ":
        return _new(element, empty_value(element.VR)), Action.EMPTIED
    if treatment is Treatment.DUMMY:
        return _new(element, [_dummy_code()]), Action.DUMMY
    return _new(element, []), Action.EMPTIED


def _dummy_code() -> Dataset:
    code = Dataset()
    code.CodeValue = "REMOVED"
    code.CodingSchemeDesignator = "99MEDSYNTH"
    code.CodeMeaning = "Removed"
    return code


def _kept(element: DataElement, person: Person, settings: DeidentifySettings) -> Outcome:
    if not is_sound(element):
        return None, Action.REMOVED_UNSOUND
    if element.VR == "AS":
        return _with_capped_age(element)
    if element.VR in TEXT_VRS | LONG_TEXT_VRS | {"CS"}:
        return _kept_text(element, person, settings)
    if element.VR == "UI":
        return _kept_uids(element, person)
    removal = removal_of_number(element, person, settings)
    return (_new(element, element.value), Action.KEPT) if removal is None else (None, removal)


def _kept_uids(element: DataElement, person: Person) -> Outcome:
    # There are makers who build UIDs from the number or the birth date of the patient.
    uids = [
        part
        if part in UID_dictionary or not person.words.are_in(part)
        else keyed_uid(person.secret, part)
        for part in string_parts(element.value)
    ]
    is_same = uids == string_parts(element.value)
    return _new(element, uids), Action.KEPT if is_same else Action.UID_REPLACED


def _kept_text(element: DataElement, person: Person, settings: DeidentifySettings) -> Outcome:
    parts = string_parts(element.value)
    if any(person.words.are_in(part) for part in parts):
        return None, Action.REMOVED_ECHO
    # Codes and versions of coding schemes may be written like a day.
    may_hold_date = settings.dates == "kept" or int(element.tag) in _CODE_TAGS
    if not may_hold_date and any(map(holds_date, parts)):
        return None, Action.REMOVED_DATE
    if settings.mode != "release":
        return _new(element, element.value), Action.KEPT
    if element.VR == "CS":
        allowed = released_codes(parts)
    else:
        texts = [released_text(int(element.tag), part, person.words.names) for part in parts]
        allowed = [text for text in texts if text]
    if allowed == parts:
        return _new(element, element.value), Action.KEPT
    if not allowed and int(element.tag) not in _MAY_BE_EMPTY:
        return None, Action.CLEANED
    return _new(element, allowed), Action.CLEANED


def _with_capped_age(element: DataElement) -> Outcome:
    ages = mapped_parts(element.value, capped_age)
    if ages is None:
        return None, Action.REMOVED_UNSOUND
    is_same = ages == string_parts(element.value)
    return _new(element, ages), Action.KEPT if is_same else Action.AGE_CAPPED


def _moved(element: DataElement, person: Person) -> Outcome:
    # Times of day stay, so that intervals within a day do.
    if element.VR == "TM":
        if is_sound(element):
            return _new(element, element.value), Action.KEPT
        return None, Action.REMOVED_UNSOUND
    change = moved_date if element.VR == "DA" else moved_date_time
    dates = mapped_parts(element.value, lambda part: change(part, person.days))
    if dates is None:
        return None, Action.REMOVED_UNSOUND
    return _new(element, dates), Action.DATE_SHIFTED


def _cleaned(element: DataElement, person: Person, settings: DeidentifySettings) -> Outcome:
    if element.VR not in TEXT_VRS | LONG_TEXT_VRS or int(element.tag) in _CODE_TAGS:
        return _kept(element, person, settings)
    texts = [allowed_words(part, names=person.words.names) for part in string_parts(element.value)]
    texts = [text for text in texts if text]
    if not texts and int(element.tag) == _CODE_MEANING:
        return _new(element, "REMOVED"), Action.DUMMY
    return (_new(element, texts) if texts else None), Action.CLEANED


def _with_new_uids(element: DataElement, person: Person) -> Outcome:
    if element.VR != "UI":
        return None, Action.REMOVED
    # UIDs of the standard name classes and encodings, not objects.
    uids = [
        part if part == "" or part in UID_dictionary else keyed_uid(person.secret, part)
        for part in string_parts(element.value)
    ]
    is_same = uids == string_parts(element.value)
    return _new(element, uids), Action.KEPT if is_same else Action.UID_REPLACED


def _new(element: DataElement, value: object) -> DataElement:
    single = value[0] if isinstance(value, list) and len(value) == 1 else value
    is_sequence = element.VR == "SQ"
    empty = empty_value(element.VR)
    return DataElement(
        element.tag,
        element.VR,
        value if is_sequence else (empty if single == [] else single),
    )
