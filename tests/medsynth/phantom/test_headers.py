import datetime

import pytest

from medsynth.phantom.headers import (
    ContrastTags,
    draw_identity,
    draw_series,
    draw_study,
    planted_values,
)
from medsynth.phantom.names import FAMILY_NAMES, FEMALE_NAMES, MALE_NAMES
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.site import SITES


def test_contrast_tags_are_missing_or_wrong_as_often_as_in_life() -> None:
    series = [draw_series(1, draw_patient(1, index), SITES[0], "contrast") for index in range(500)]
    missing = sum(one.tags is ContrastTags.MISSING for one in series) / 500
    wrong = sum(one.tags is ContrastTags.WRONG for one in series) / 500
    assert missing == pytest.approx(0.15, abs=0.05)
    assert wrong == pytest.approx(0.04, abs=0.03)
    assert all(one.agent is None for one in series if one.tags is ContrastTags.MISSING)
    assert all(one.agent == "NONE" for one in series if one.tags is ContrastTags.WRONG)


def test_noncontrast_series_name_an_agent_only_where_the_tags_are_wrong() -> None:
    series = [draw_series(1, draw_patient(1, n), SITES[0], "noncontrast") for n in range(300)]
    assert {one.tags for one in series} == {ContrastTags.RIGHT, ContrastTags.WRONG}
    assert all((one.agent is not None) == (one.tags is ContrastTags.WRONG) for one in series)


def test_some_descriptions_are_silent_about_the_phase() -> None:
    words = ("KM", "portal", "CONTRAST", "C+", "PORTAL")
    series = [draw_series(1, draw_patient(1, n), SITES[n % 2], "contrast") for n in range(300)]
    silent = sum(not any(word in one.description for word in words) for one in series) / 300
    assert silent == pytest.approx(0.25, abs=0.07)


def test_the_birthday_agrees_with_the_age() -> None:
    for index in range(100):
        patient = draw_patient(1, index)
        identity = draw_identity(1, patient)
        study = draw_study(1, patient, SITES[0], identity)
        day = study.taken.date()
        had_birthday = (day.month, day.day) >= (identity.born.month, identity.born.day)
        age = day.year - identity.born.year - (0 if had_birthday else 1)
        assert age == patient.age_years


def test_planted_values_list_names_and_dates_in_every_notation() -> None:
    patient = draw_patient(1, 0)
    identity = draw_identity(1, patient)
    study = draw_study(1, patient, SITES[0], identity)
    planted = planted_values(identity, study, (), SITES[0])
    assert identity.family_name in planted.names
    assert identity.patient_id in planted.numbers
    assert {identity.born.strftime(form) for form in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y")} <= set(
        planted.dates
    )
    assert study.study_uid in planted.uids
    assert isinstance(identity.born, datetime.date)


def test_planted_names_are_long_enough_not_to_occur_by_chance() -> None:
    assert min(len(name) for name in FAMILY_NAMES + FEMALE_NAMES + MALE_NAMES) >= 9
