"""Values of DICOM elements: whether they are what their VR says, and harmless ones in their place.

A header can hold text in any field. What is kept is kept because it has the
form of its VR and the number of values of its attribute; all else is dropped.
"""

import math
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue

from medsynth.deidentify.dates import capped_age, is_time, moved_date, moved_date_time

TEXT_VRS = frozenset({"SH", "LO", "UC"})
LONG_TEXT_VRS = frozenset({"ST", "LT", "UT"})
DATE_VRS = frozenset({"DA", "DT", "TM"})
NUMBER_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"})
_STRING_VRS = TEXT_VRS | LONG_TEXT_VRS | DATE_VRS | {"AE", "AS", "CS", "DS", "IS", "PN", "UI", "UR"}
_LONGEST_TEXT = 64
_LONGEST_LONG_TEXT = 1024
_BYTES_OF_AMBIGUOUS = 2
# Most of what eight letters are when read as a number of eight bytes lies outside.
_SMALLEST_NUMBER, _LARGEST_NUMBER = 1e-12, 1e9
_SHORTEST_SPELLING = 8
_PACKING = {
    "FD": "d",
    "FL": "f",
    "SL": "l",
    "SS": "h",
    "SV": "q",
    "UL": "L",
    "US": "H",
    "UV": "Q",
}
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d+)?")
_LONGEST_DECIMAL = 32
_INTEGER = re.compile(r"[+-]?(\d{1,10})(?:\.0*)?")
_LARGEST_INTEGER = 2**31
_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]*")
_PRINTABLE_LINES = re.compile(r"[^\x00-\x08\x0b\x0e-\x1f\x7f]*")
_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{0,16}")
_IDENTIFIER = re.compile(r"[0-9.]{1,64}")

_DUMMIES: dict[str, Any] = {
    "AE": "REMOVED",
    "AS": "000Y",
    "AT": 0,
    "CS": "REMOVED",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "FD": 0.0,
    "FL": 0.0,
    "IS": "0",
    "PN": "REMOVED",
    "SL": 0,
    "SS": 0,
    "SV": 0,
    "TM": "000000",
    "UI": "2.25.0",
    "UL": 0,
    "UR": "urn:removed",
    "US": 0,
    "UV": 0,
}
_BYTE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


def string_parts(value: Any) -> list[str]:
    """Give the values of an element as strings, without the padding around them."""
    if value is None:
        return []
    parts = value if isinstance(value, MultiValue | list | tuple) else [value]
    return [_string(part) for part in parts]


def has_dictionary_vr(element: DataElement) -> bool:
    """Tell whether an element's VR is the one, or one of those, of its attribute."""
    allowed = dictionary_VR(element.tag)
    return allowed == element.VR or element.VR in allowed.split(" or ")


def is_too_many(element: DataElement) -> bool:
    """Tell whether an element holds more values than its attribute may have."""
    largest = _largest_multiplicity(dictionary_VM(element.tag))
    if largest is None:
        return False
    if isinstance(element.value, bytes):
        return len(bytes(element.value)) > largest * _BYTES_OF_AMBIGUOUS
    return isinstance(element.value, MultiValue | list) and len(element.value) > largest


def is_sound(element: DataElement) -> bool:
    """Tell whether the value of an element has the form of its VR.

    Text must be short and without control characters. Sequences and unknown
    VRs are never sound, nor are bytes; they are for the caller to judge.
    """
    if element.VR in _FORMS:
        form = _FORMS[element.VR]
        return all(part == "" or form(part) for part in string_parts(element.value))
    if element.VR == "AT":
        return all(dictionary_has_tag(tag) for tag in _numbers(element.value))
    if element.VR in NUMBER_VRS:
        numbers = _numbers(element.value)
        return all(_is_plausible(number) for number in numbers) and not _spell(numbers, element.VR)
    # Implicit VR leaves US or SS to Pixel Representation, which has its own element.
    return str(element.VR) == "US or SS" and not _is_spelling(bytes(element.value or b""))


def numeric_values(element: DataElement) -> list[float]:
    """Give the numbers of a sound element of VR DS, IS or a binary one; none for other VRs."""
    if element.VR in {"DS", "IS"}:
        return [float(part) for part in string_parts(element.value) if part]
    is_numeric = element.VR in NUMBER_VRS and element.VR != "AT"
    return [float(number) for number in _numbers(element.value)] if is_numeric else []


def spelled_text(element: DataElement) -> str:
    """Give the text that the bytes of an element's binary numbers are, if they are one."""
    if element.VR not in _PACKING:
        return ""
    return _packed(_numbers(element.value), element.VR).replace(b"\x00", b"").decode("latin-1")


def dummy_value(vr: str) -> Any:
    """Give a value of the right form that says nothing; None where a VR has none."""
    if vr in _BYTE_VRS:
        return b"\x00\x00"
    if vr in TEXT_VRS or vr in LONG_TEXT_VRS:
        return "REMOVED"
    return _DUMMIES.get(vr)


def empty_value(vr: str) -> Any:
    """Give the value of zero length."""
    return "" if vr in _STRING_VRS else None


def mapped_parts(value: Any, change: Callable[[str], str | None]) -> list[str] | None:
    """Give the values of an element changed one by one.

    Returns:
        The changed values, empty ones as they were; None where one cannot be changed.
    """
    changed = [part if part == "" else change(part) for part in string_parts(value)]
    return None if any(part is None for part in changed) else [part or "" for part in changed]


def _string(part: Any) -> str:
    # Numbers keep the digits of the file; what names of people keep are undecoded bytes.
    original = getattr(part, "original_string", None)
    return str(original if isinstance(original, str) else part).strip(" \x00")


def _largest_multiplicity(multiplicity: str) -> int | None:
    last = multiplicity.rsplit("-", maxsplit=1)[-1]
    return int(last) if last.isdigit() else None


def _numbers(value: Any) -> Sequence[Any]:
    if value is None or value == b"":
        return ()
    return value if isinstance(value, MultiValue | list | tuple) else [value]


def _is_plausible(number: Any) -> bool:
    if isinstance(number, int):
        return True
    if not isinstance(number, float) or not math.isfinite(number):
        return False
    if number == 0:
        return True
    return _SMALLEST_NUMBER <= abs(number) <= _LARGEST_NUMBER


def _spell(numbers: Sequence[Any], vr: str) -> bool:
    """Tell whether the bytes of several numbers, or of one of eight bytes, are a text."""
    return vr in _PACKING and _is_spelling(_packed(numbers, vr))


def _packed(numbers: Sequence[Any], vr: str) -> bytes:
    return struct.pack(f"<{len(numbers)}{_PACKING[vr]}", *numbers)


def _is_spelling(content: bytes) -> bool:
    letters = content.translate(None, b" ^-.,\x00")
    return len(content) >= _SHORTEST_SPELLING and len(letters) >= 4 and letters.isalnum()


def _is_text(part: str) -> bool:
    return len(part) <= _LONGEST_TEXT and _PRINTABLE.fullmatch(part) is not None


def _is_long_text(part: str) -> bool:
    return len(part) <= _LONGEST_LONG_TEXT and _PRINTABLE_LINES.fullmatch(part) is not None


def _is_decimal(part: str) -> bool:
    return len(part) <= _LONGEST_DECIMAL and _DECIMAL.fullmatch(part) is not None


def _is_integer(part: str) -> bool:
    found = _INTEGER.fullmatch(part)
    return found is not None and int(found.group(1)) <= _LARGEST_INTEGER


def _is_code(part: str) -> bool:
    return _CODE.fullmatch(part) is not None


def _is_title(part: str) -> bool:
    return _TITLE.fullmatch(part) is not None


def _is_identifier(part: str) -> bool:
    return _IDENTIFIER.fullmatch(part) is not None


def _is_age(part: str) -> bool:
    return capped_age(part) is not None


def _is_date(part: str) -> bool:
    return moved_date(part, 0) is not None


def _is_date_time(part: str) -> bool:
    return moved_date_time(part, 0) is not None


_FORMS: dict[str, Callable[[str], bool]] = {
    "AE": _is_title,
    "AS": _is_age,
    "CS": _is_code,
    "DA": _is_date,
    "DS": _is_decimal,
    "DT": _is_date_time,
    "IS": _is_integer,
    "LO": _is_text,
    "LT": _is_long_text,
    "SH": _is_text,
    "ST": _is_long_text,
    "TM": is_time,
    "UC": _is_text,
    "UI": _is_identifier,
    "UT": _is_long_text,
}
