"""What organs normally measure without contrast, to judge scans that have no paired truth."""

import dataclasses

_HANDBOOK = "Buzug, Computed Tomography (2008), p. 475; Prokop, Spiral and Multislice CT (2003)"
_RULE_OF_THUMB = "rule of thumb of abdominal radiology, no single study"
_SIDES = (" left", " right")


@dataclasses.dataclass(frozen=True)
class TypicalRange:
    """The usual range of an organ's median without contrast, adults, about 120 kV.

    Attributes:
        low_hu: lower end, HU.
        high_hu: upper end, HU.
        source: where the range is from.
    """

    low_hu: float
    high_hu: float
    source: str


_RANGES = {
    "liver": TypicalRange(45.0, 65.0, _HANDBOOK),
    "spleen": TypicalRange(35.0, 55.0, _HANDBOOK),
    "kidney": TypicalRange(20.0, 40.0, _HANDBOOK),
    "pancreas": TypicalRange(30.0, 50.0, _RULE_OF_THUMB),
    # Blood follows the haematocrit: anaemia reads lower.
    "aorta": TypicalRange(30.0, 50.0, _RULE_OF_THUMB),
    "muscle": TypicalRange(45.0, 65.0, _RULE_OF_THUMB),
}


def typical_noncontrast_range(organ: str) -> TypicalRange | None:
    """Give the usual range of an organ without contrast, or None where none is known.

    Args:
        organ: the organ's name; a side ("kidney_left", "right kidney") is ignored.

    Example:
        >>> typical_noncontrast_range("kidney_left").high_hu
        40.0
    """
    name = organ.lower().replace("_", " ")
    for side in _SIDES:
        name = name.removesuffix(side).removeprefix(f"{side.strip()} ")
    return _RANGES.get(name)
