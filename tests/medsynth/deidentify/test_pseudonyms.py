import hashlib
import hmac
import re

from medsynth.deidentify.pseudonyms import (
    keyed_digits,
    keyed_uid,
    patient_pseudonym,
    series_pseudonym,
    shift_days,
)

SECRET, OTHER_SECRET = "ab" * 32, "cd" * 32


def test_pseudonyms_have_the_promised_form() -> None:
    assert re.fullmatch(r"p[0-9a-f]{10}", patient_pseudonym(SECRET, "MRN-4711"))
    assert re.fullmatch(r"s[0-9a-f]{12}", series_pseudonym(SECRET, "1.2.3"))


def test_digits_are_the_hmac_of_domain_and_value() -> None:
    expected = hmac.new(SECRET.encode(), b"medsynth patient\nMRN-4711", hashlib.sha256).hexdigest()
    assert keyed_digits(SECRET, "patient", "MRN-4711") == expected


def test_equal_values_give_equal_pseudonyms_and_others_do_not() -> None:
    assert patient_pseudonym(SECRET, "MRN-4711") == patient_pseudonym(SECRET, "MRN-4711")
    assert patient_pseudonym(SECRET, "MRN-4711") != patient_pseudonym(SECRET, "MRN-4712")


def test_another_secret_gives_other_pseudonyms() -> None:
    assert patient_pseudonym(SECRET, "MRN-4711") != patient_pseudonym(OTHER_SECRET, "MRN-4711")


def test_a_patient_and_a_series_of_one_value_are_unrelated() -> None:
    assert patient_pseudonym(SECRET, "1.2.3")[1:] != series_pseudonym(SECRET, "1.2.3")[1:11]


def test_parts_of_a_series_have_their_own_names() -> None:
    assert len({series_pseudonym(SECRET, "1.2.3", part) for part in range(5)}) == 5
    assert series_pseudonym(SECRET, "1.2.3", 0) == series_pseudonym(SECRET, "1.2.3")


def test_text_that_is_not_ascii_has_a_pseudonym() -> None:
    assert len(patient_pseudonym(SECRET, "Ünäl")) == 11


def test_a_uid_is_one_of_dicom_and_depends_on_secret_and_value() -> None:
    uid = keyed_uid(SECRET, "1.2.3")
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", uid)
    assert uid == keyed_uid(SECRET, "1.2.3")
    assert len({uid, keyed_uid(SECRET, "1.2.4"), keyed_uid(OTHER_SECRET, "1.2.3")}) == 3


def test_dates_move_back_by_up_to_ten_years() -> None:
    shifts = [shift_days(SECRET, f"MRN-{number}") for number in range(500)]
    assert -3650 <= min(shifts) < -3000
    assert -600 < max(shifts) <= -1
    assert shifts[0] == shift_days(SECRET, "MRN-0")
