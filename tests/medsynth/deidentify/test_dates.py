import pytest

from medsynth.deidentify.dates import (
    capped_age,
    holds_date,
    is_time,
    moved_date,
    moved_date_time,
)


def test_a_date_moves_by_days_across_months_and_leap_years() -> None:
    # 2020 is a leap year: 1 March minus one day is 29 February.
    assert moved_date("20200301", -1) == "20200229"
    assert moved_date("2019.01.17", -17) == "20181231"


@pytest.mark.parametrize("text", ["CANARY", "20190230", "2019011", "20190117-20190118", "", "0117"])
def test_what_is_no_date_is_told(text: str) -> None:
    assert moved_date(text, 0) is None


def test_a_date_out_of_the_calendar_is_none() -> None:
    assert moved_date("00010101", -1) is None


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("20190117101112.123456+0100", "20190116101112.123456+0100"),
        ("20190117101112", "20190116101112"),
        ("2019011710", "2019011610"),
        ("20190117", "20190116"),
        ("201901", "201812"),
        ("2019", "2018"),
        ("2019-0500", "2018-0500"),
    ],
)
def test_a_date_with_time_moves_and_keeps_its_time_and_precision(text: str, moved: str) -> None:
    assert moved_date_time(text, -1) == moved


@pytest.mark.parametrize(
    "text", ["20190117991112", "John", "20191301", "20190117101112.1234567", "2019+4711"]
)
def test_what_is_no_date_with_time_is_told(text: str) -> None:
    assert moved_date_time(text, -1) is None


def test_times_are_known_from_other_text() -> None:
    assert all(is_time(text) for text in ("10", "1011", "101112", "235960", "101112.5"))
    assert not any(is_time(text) for text in ("24", "1060", "10:11:12", "Doe", "101112.1234567"))


@pytest.mark.parametrize(
    ("text", "capped"),
    [
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("101Y", "090Y"),
        ("999M", "999M"),  # 83 years
        ("018M", "018M"),
        ("93", None),
        ("Doe", None),
    ],
)
def test_ages_from_ninety_on_are_one_category(text: str, capped: str | None) -> None:
    assert capped_age(text) == capped


@pytest.mark.parametrize("text", ["19000101", "19700101", "99991231"])
def test_a_placeholder_does_not_move(text: str) -> None:
    assert moved_date(text, -1) is None
    assert moved_date_time(text, -1) is None
    assert moved_date(text, 0) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "B30f 20190117",
            "x20190117101112",
            "2019-01-17",
            "2019.01.17",
            "17.01.2019",
            "1/17/2019",
        ),
        *("17JAN2019", "17. März 2019", "3 Okt 2019", "born 19410203"),
    ],
)
def test_a_day_is_found_in_a_text(text: str) -> None:
    assert holds_date(text)


@pytest.mark.parametrize(
    "text", ["B30f", "syngo CT 2012B", "VA44A 5.10.2", "20191301", "4711201901179", "Standard 2019"]
)
def test_a_text_without_a_day_is_told(text: str) -> None:
    assert not holds_date(text)
