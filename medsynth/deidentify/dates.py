"""Dates, times and ages as DICOM writes them: checked, moved and capped."""

import datetime
import re

_DATE = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)")
_TIME = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?")
_DATE_TIME = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d[\d.]*)?([+-]\d{4})?")
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4])(?:00|15|30|45)")
_DATE_IN_TEXT = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-./_]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|\d\d?[-./]\d\d?[-./](?:19|20)\d\d(?!\d)"
    r"|\d\d?[-. ]{0,2}(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[^\W\d]*"
    r"[-. ]{0,2}(?:19|20)\d\d(?!\d))"
)
# Before the first computers wrote DICOM's predecessor, and beyond, there are only placeholders.
_FIRST_YEAR, _LAST_YEAR = 1985, 2099
_AGE = re.compile(r"(\d{3})([DWMY])")
_UNITS_IN_A_YEAR = {"D": 365, "W": 52, "M": 12, "Y": 1}
_OLDEST_YEARS = 90


def moved_date(text: str, days: int) -> str | None:
    """Give a date (VR DA) moved by a number of days, or None where it is no date.

    Args:
        text: YYYYMMDD, or YYYY.MM.DD as old objects have it.
        days: by how many; 0 checks alone.

    Returns:
        YYYYMMDD. None, too, for a year in which no scan was made: a placeholder
        such as 19000101, once moved, would show by how many days.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    moved = _moved(year, month, day, days)
    return None if moved is None else moved.strftime("%Y%m%d")


def moved_date_time(text: str, days: int) -> str | None:
    """Give a date with time (VR DT) moved by a number of days, or None where it is none.

    Time of day and offset from UTC stay, and years without scans are none, as
    in `moved_date`. A date without day or month is taken
    as the first and keeps its precision.

    Args:
        text: YYYY[MM[DD[HH[MM[SS[.FFFFFF]]]]]][+ZZXX].
        days: by how many; 0 checks alone.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, time, offset = found.groups()
    if time is not None and not is_time(time):
        return None
    if offset is not None and _OFFSET.fullmatch(offset) is None:
        return None
    moved = _moved(int(year), int(month or 1), int(day or 1), days)
    if moved is None:
        return None
    date = moved.strftime("%Y%m%d")[: 4 + len(month or "") + len(day or "")]
    return date + (time or "") + (offset or "")


def is_time(text: str) -> bool:
    """Tell whether text is a time (VR TM): HH[MM[SS[.FFFFFF]]]."""
    return _TIME.fullmatch(text) is not None


def holds_date(text: str) -> bool:
    """Tell whether a text holds a day of the 20th or 21st century, in a usual way to write one."""
    return _DATE_IN_TEXT.search(text.casefold()) is not None


def capped_age(text: str) -> str | None:
    """Give an age (VR AS), from 90 years on as 090Y, or None where it is none.

    Source: 45 CFR 164.514(b)(2)(i)(C), ages of 90 or older become one category.
    """
    found = _AGE.fullmatch(text)
    if found is None:
        return None
    number, unit = int(found.group(1)), found.group(2)
    is_oldest = number >= _OLDEST_YEARS * _UNITS_IN_A_YEAR[unit]
    return "090Y" if is_oldest else text


def _moved(year: int, month: int, day: int, days: int) -> datetime.date | None:
    if days != 0 and not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return datetime.date(year, month, day) + datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return None
