import dataclasses
import struct

import pytest
from pydicom.dataelem import DataElement

from medsynth.deidentify.action_log import Action
from medsynth.deidentify.echoes import IdentifyingWords
from medsynth.deidentify.element_rules import Outcome, Person, removal_of_number, treated_element
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import Treatment
from medsynth.deidentify.pseudonyms import keyed_uid

_PERSON = Person(
    secret="ab" * 32,
    pseudonym="p0123456789",
    days=-10,
    words=IdentifyingWords(frozenset({"quillfeather"}), frozenset({"471177"})),
)
_KERNEL, _AGE, _UID, _MAKER, _KVP = 0x00181210, 0x00101010, 0x0020000D, 0x00080070, 0x00180060


def _treated(
    element: DataElement,
    treatment: Treatment,
    *,
    otherwise: Treatment = Treatment.REMOVE,
    settings: DeidentifySettings | None = None,
) -> Outcome:
    chosen = settings or DeidentifySettings()
    return treated_element(element, treatment, _PERSON, chosen, otherwise=otherwise)


def _value(outcome: Outcome) -> object:
    return None if outcome[0] is None else outcome[0].value


@pytest.mark.parametrize(
    ("vr", "treatment", "value", "action"),
    [
        ("LO", Treatment.PSEUDONYM, "p0123456789", Action.PSEUDONYM),
        ("LO", Treatment.EMPTY, "", Action.EMPTIED),
        ("LO", Treatment.DUMMY, "REMOVED", Action.DUMMY),
        ("DA", Treatment.DUMMY, "19000101", Action.DUMMY),
        ("LO", Treatment.NEW_UID, None, Action.REMOVED),
    ],
)
def test_a_value_is_replaced(vr: str, treatment: Treatment, value: object, action: Action) -> None:
    old = "20190117" if vr == "DA" else "Jane"
    outcome = _treated(DataElement(_MAKER, vr, old), treatment)
    assert (_value(outcome), outcome[1]) == (value, action)


def test_uids_of_objects_are_replaced_and_those_of_the_standard_stay() -> None:
    objects = _treated(DataElement(_UID, "UI", ["1.2.3", "1.2.4"]), Treatment.NEW_UID)
    assert _value(objects) == [keyed_uid("ab" * 32, "1.2.3"), keyed_uid("ab" * 32, "1.2.4")]
    standard = _treated(DataElement(_UID, "UI", "1.2.840.10008.5.1.4.1.1.2"), Treatment.NEW_UID)
    assert _value(standard) == "1.2.840.10008.5.1.4.1.1.2"
    below = _treated(DataElement(_UID, "UI", "1.2.840.10008.5.1.4711"), Treatment.NEW_UID)
    assert _value(below) == keyed_uid("ab" * 32, "1.2.840.10008.5.1.4711")


def test_dates_move_and_times_stay() -> None:
    assert _value(_treated(DataElement(0x00080020, "DA", "20190117"), Treatment.MOVE_DATE)) == (
        "20190107"
    )
    assert _value(_treated(DataElement(0x00080030, "TM", "101112"), Treatment.MOVE_DATE)) == (
        "101112"
    )
    moved = _treated(DataElement(0x0008002A, "DT", "20190117101112"), Treatment.MOVE_DATE)
    assert (_value(moved), moved[1]) == ("20190107101112", Action.DATE_SHIFTED)


def test_an_age_that_is_kept_is_capped() -> None:
    outcome = _treated(DataElement(_AGE, "AS", "093Y"), Treatment.KEEP)
    assert (_value(outcome), outcome[1]) == ("090Y", Action.AGE_CAPPED)


def test_text_that_names_the_patient_is_not_kept() -> None:
    for text in ("Quillfeather", "x471177"):
        outcome = _treated(DataElement(_KERNEL, "SH", text), Treatment.KEEP)
        assert outcome == (None, Action.REMOVED_ECHO)


def test_what_cannot_stay_falls_back_to_the_profile() -> None:
    element = DataElement(_KERNEL, "SH", "Quillfeather")
    for otherwise, value in ((Treatment.EMPTY, ""), (Treatment.DUMMY, "REMOVED")):
        outcome = _treated(element, Treatment.KEEP, otherwise=otherwise)
        assert (_value(outcome), outcome[1]) == (value, Action.REMOVED_ECHO)


def test_cleaned_text_keeps_words_of_the_list_alone() -> None:
    element = DataElement(0x0008103E, "LO", "Abdomen nativ Quillfeather")
    assert _value(_treated(element, Treatment.CLEAN)) == "ABDOMEN NATIV"
    nothing = DataElement(0x0008103E, "LO", "Quillfeather")
    assert _treated(nothing, Treatment.CLEAN) == (None, Action.CLEANED)


def test_a_release_leaves_an_unknown_maker_open_and_drops_an_unknown_kernel() -> None:
    release = DeidentifySettings(mode="release")
    maker = DataElement(_MAKER, "LO", "St. Elsewhere")
    kernel = DataElement(_KERNEL, "SH", "Odalys")
    assert _value(_treated(maker, Treatment.KEEP, settings=release)) == ""
    assert _treated(kernel, Treatment.KEEP, settings=release) == (None, Action.CLEANED)


def test_numbers_are_kept_digit_by_digit() -> None:
    (kept, action) = _treated(DataElement(_KVP, "DS", "120.00"), Treatment.KEEP)
    assert kept is not None
    assert (kept.value.original_string, action) == ("120.00", Action.KEPT)


@pytest.mark.parametrize(
    ("tag", "vr", "value", "action"),
    [
        (_KVP, "DS", "0471177.0", Action.REMOVED_ECHO),
        (_KVP, "DS", "19410203", Action.REMOVED_DATE),
        (_KVP, "DS", "120.5", Action.KEPT),
        (0x00189311, "FD", 471177.0, Action.REMOVED_ECHO),
        (0x00081161, "UL", 19410203, Action.REMOVED_DATE),
        (0x00200012, "IS", "471177", Action.REMOVED_ECHO),
        (_KERNEL, "SH", "B30f 2019-01-17", Action.REMOVED_DATE),
        (0x00080103, "SH", "20190117", Action.KEPT),
    ],
)
def test_identifiers_and_days_do_not_stay_as_numbers(
    tag: int, vr: str, value: object, action: Action
) -> None:
    assert _treated(DataElement(tag, vr, value), Treatment.KEEP)[1] is action


def test_days_in_text_stay_where_dates_are_kept() -> None:
    element = DataElement(_KERNEL, "SH", "B30f 2019-01-17")
    settings = DeidentifySettings(dates="kept")
    assert _treated(element, Treatment.KEEP, settings=settings)[1] is Action.KEPT


def test_a_number_that_spells_a_name_does_not_stay() -> None:
    (number,) = struct.unpack("<L", b"Abel")
    words = IdentifyingWords(frozenset({"abel"}), frozenset())
    person = dataclasses.replace(_PERSON, words=words)
    element = DataElement(0x00081161, "UL", number)
    settings = DeidentifySettings()
    assert removal_of_number(element, person, settings) is Action.REMOVED_ECHO
    assert removal_of_number(element, _PERSON, settings) is None


def test_uids_that_stay_do_not_hold_the_patients_number() -> None:
    outcome = _treated(DataElement(_UID, "UI", ["1.2.3", "1.2.471177.4"]), Treatment.KEEP)
    assert _value(outcome) == ["1.2.3", keyed_uid("ab" * 32, "1.2.471177.4")]
    assert outcome[1] is Action.UID_REPLACED
