"""Single values of a DICOM data set, read so that damage gives None and never an error."""

import contextlib
import logging
import math
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from pydicom.multival import MultiValue

# A text element of a sound file holds 64 characters; a damaged one may hold megabytes.
_LONGEST_TEXT = 256


@contextlib.contextmanager
def silent_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings and log lines from being shown: they quote header values."""
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def text(dataset: Any, keyword: str) -> str:
    """Give an element as text, its values joined by spaces; empty where missing.

    Equal texts are one object, so that the headers of a long series stay small.
    """
    value = dataset.get(keyword)
    if value is None:
        return ""
    parts = value if isinstance(value, MultiValue | list | tuple) else [value]
    return sys.intern(" ".join(str(part).strip() for part in parts)[:_LONGEST_TEXT])


def words(dataset: Any, keyword: str) -> tuple[str, ...]:
    """Give the values of an element of codes, in capitals; empty where missing."""
    value = dataset.get(keyword)
    if value is None:
        return ()
    parts = value if isinstance(value, MultiValue | list | tuple) else [value]
    return tuple(sys.intern(str(part).strip().upper()[:_LONGEST_TEXT]) for part in parts)


def number(dataset: Any, keyword: str) -> float | None:
    """Give the first value of an element as a finite number, or None."""
    try:
        value = dataset.get(keyword)
        first = float(value[0] if isinstance(value, MultiValue) else value)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return first if math.isfinite(first) else None


def numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    """Give an element of exactly `count` finite numbers, or None."""
    try:
        values = tuple(float(value) for value in dataset.get(keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def whole_number(dataset: Any, keyword: str) -> int | None:
    """Give the first value of an element as a whole number, or None."""
    value = number(dataset, keyword)
    return None if value is None else int(value)


def seconds_of_day(dataset: Any, *keywords: str) -> float | None:
    """Give the first of several times or date-times as seconds since midnight, or None.

    Args:
        dataset: a data set or a sequence's item.
        keywords: elements of type TM (HHMMSS.F) or DT (YYYYMMDDHHMMSS.F&ZZXX).
    """
    for keyword in keywords:
        written = text(dataset, keyword).replace(":", "")
        clock = written[8:] if keyword.endswith("DateTime") else written
        clock = clock.split("+")[0].split("-")[0]
        try:
            hours, minutes = int(clock[0:2]), int(clock[2:4] or 0)
            seconds = float(clock[4:] or 0)
        except ValueError:
            continue
        if math.isfinite(seconds):
            return 3600.0 * hours + 60.0 * minutes + seconds
    return None


def first_item(dataset: Any, keyword: str) -> Any:
    """Give the first item of a sequence, or None."""
    items = dataset.get(keyword)
    try:
        return items[0] if items else None
    except (TypeError, IndexError, KeyError):
        return None


def first_text(*texts: str) -> str:
    """Give the first text that is not empty, or an empty one."""
    return next((one for one in texts if one), "")


def patient_id_key(patient_id: str) -> str:
    """Give what is equal for one Patient ID typed in two ways: no spaces, capital letters.

    One patient under two names could end up on both sides of a split.
    """
    return "".join(patient_id.split()).upper()
