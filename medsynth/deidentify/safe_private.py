"""Private attributes that hold nothing but parameters of a CT scan.

The list is shorter than the standard's: of its CT rows those with numbers.

Source: DICOM PS3.15 Table E.3.10-1.
"""

import re

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from medsynth.deidentify.values import is_sound, string_parts

# (creator, group, element within the creator's block) -> VR.
_SAFE = {
    ("GEMS_ACQU_01", 0x0019, 0x23): "DS",  # table speed, mm a rotation
    ("GEMS_ACQU_01", 0x0019, 0x24): "DS",  # mid scan time, s
    ("GEMS_ACQU_01", 0x0019, 0x25): "SS",  # mid scan flag
    ("GEMS_ACQU_01", 0x0019, 0x26): "SL",  # tube azimuth, degrees
    ("GEMS_ACQU_01", 0x0019, 0x27): "DS",  # rotation speed, ms
    ("GEMS_PARM_01", 0x0043, 0x27): "SH",  # pitch as a ratio
    ("GEMS_HELIOS_01", 0x0045, 0x01): "SS",  # macro rows of the detector
    ("GEMS_HELIOS_01", 0x0045, 0x02): "FL",  # their width at the isocentre, mm
    ("ELSCINT1", 0x00E1, 0x21): "DS",  # dose length product
    ("ELSCINT1", 0x00E1, 0x50): "DS",  # acquisition duration, s
    ("ELSCINT1", 0x01F1, 0x07): "DS",  # table velocity
    ("ELSCINT1", 0x01F1, 0x26): "DS",  # pitch
    ("ELSCINT1", 0x01F1, 0x27): "DS",  # rotation time, s
}
_RATIO = re.compile(r"\d(?:\.\d{1,4})?:1")


def safe_private_elements(dataset: Dataset) -> list[DataElement]:
    """Give the private elements that may stay, with the elements that name their creators.

    Args:
        dataset: one level of a header; sequences are not looked into.

    Returns:
        New elements; values that are not numbers, or too many, are left out.
    """
    elements: list[DataElement] = []
    for (creator, group, offset), vr in _SAFE.items():
        for block in _blocks(dataset, creator, group):
            tag = group << 16 | block << 8 | offset
            if tag in dataset:
                kept = _kept(dataset[tag], vr)
                if kept is not None:
                    elements.append(DataElement(group << 16 | block, "LO", creator))
                    elements.append(kept)
    return elements


def _blocks(dataset: Dataset, creator: str, group: int) -> list[int]:
    return [
        tag.element
        for tag in dataset.keys()  # noqa: SIM118 - iterating a dataset gives elements
        if tag.group == group
        and 0x10 <= tag.element <= 0xFF
        and string_parts(dataset[tag].value) == [creator]
    ]


def _kept(element: DataElement, vr: str) -> DataElement | None:
    parts = string_parts(element.value)
    if vr != element.VR or len(parts) != 1:
        return None
    is_number = _RATIO.fullmatch(parts[0]) is not None if vr == "SH" else is_sound(element)
    return DataElement(element.tag, vr, element.value) if is_number else None
