import struct

import pytest
from pydicom.dataelem import DataElement
from pydicom.valuerep import PersonName

from medsynth.deidentify.values import (
    dummy_value,
    has_dictionary_vr,
    is_sound,
    is_too_many,
    numeric_values,
    spelled_text,
    string_parts,
)
from medsynth.imaging.dicom_header import silent_pydicom

_PIXEL_SPACING, _ROWS, _WINDOW_CENTER = 0x00280030, 0x00280010, 0x00281050


def _element(tag: int, vr: str, value: object) -> DataElement:
    with silent_pydicom():
        return DataElement(tag, vr, value)


@pytest.mark.parametrize(
    ("vr", "sound", "unsound"),
    [
        ("CS", "AXIAL", "Jane Doe"),
        ("SH", "B30f", "B30f\x07"),
        ("LO", "x" * 64, "x" * 65),
        ("AS", "045Y", "45"),
        ("DA", "20190117", "yesterday"),
        ("TM", "101112.5", "morning"),
        ("DT", "20190117101112", "Thursday"),
        ("UI", "1.2.3", "1.2.Doe"),
        ("FD", 119.5, 1.5e40),
        ("FL", -1024.0, float("nan")),
        ("IS", "2147483647", "4711778041"),
    ],
)
def test_a_value_has_the_form_of_its_vr(vr: str, sound: object, unsound: object) -> None:
    assert is_sound(_element(0x00080070, vr, sound))
    assert not is_sound(_element(0x00080070, vr, unsound))


def test_text_in_eight_bytes_is_no_plausible_number() -> None:
    for text in (b"JohnDoe ", b"MRN47110", b"QUILLFEA", b"19620117"):
        (number,) = struct.unpack("<d", text)
        assert not is_sound(_element(0x00189345, "FD", number)), text


@pytest.mark.parametrize(("vr", "letter"), [("US", "H"), ("UL", "L"), ("SL", "l"), ("FL", "f")])
def test_text_in_several_numbers_is_not_sound(vr: str, letter: str) -> None:
    for text in (b"QUILLFEATHER", b"mrn 00471177"):
        numbers = struct.unpack(f"<{len(text) // struct.calcsize(f'<{letter}')}{letter}", text)
        assert not is_sound(_element(0x00189345, vr, list(numbers)))
    counts = struct.unpack("<6H", bytes(range(1, 13))) if vr == "US" else (1, 2, 3)
    assert is_sound(_element(0x00189345, vr, [*counts]))


def test_more_values_than_an_attribute_has_are_told() -> None:
    assert not is_too_many(_element(_PIXEL_SPACING, "DS", ["1", "1"]))
    assert is_too_many(_element(_PIXEL_SPACING, "DS", ["1", "1", "1"]))
    assert is_too_many(_element(_ROWS, "US", [16706, 17220, 17734]))
    assert not is_too_many(_element(_WINDOW_CENTER, "DS", ["1"] * 9))


def test_a_vr_other_than_the_attributes_is_told() -> None:
    assert has_dictionary_vr(_element(_ROWS, "US", 16))
    assert not has_dictionary_vr(_element(_ROWS, "LO", "Jane Doe"))
    # Pixel Padding Value is US or SS.
    assert has_dictionary_vr(_element(0x00280120, "SS", -2000))


def test_strings_keep_the_digits_of_the_file() -> None:
    assert string_parts(_element(_PIXEL_SPACING, "DS", ["0.70", "007"]).value) == ["0.70", "007"]
    assert string_parts(None) == []


def test_dummies_have_the_form_of_their_vr() -> None:
    for vr in ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "SH", "ST", "TM", "UI", "US", "FD"):
        assert is_sound(_element(0x00080070, vr, dummy_value(vr))), vr


def test_tags_that_the_standard_does_not_have_are_not_sound() -> None:
    assert is_sound(_element(0x00280009, "AT", [0x00181063, 0x00181065]))
    text = struct.unpack("<4H", b"Odalys^Q")
    tags = [group << 16 | element for group, element in zip(text[::2], text[1::2], strict=True)]
    assert not is_sound(_element(0x00280009, "AT", tags))


def test_names_are_given_as_text_in_any_character_set() -> None:
    name = PersonName("Müller^Jürgen".encode("latin-1"), ["latin-1"])
    assert string_parts(name) == ["Müller^Jürgen"]


def test_numbers_of_text_and_of_bytes_are_given_as_numbers() -> None:
    assert numeric_values(_element(_PIXEL_SPACING, "DS", ["0.70", "007"])) == [0.7, 7.0]
    assert numeric_values(_element(_ROWS, "US", 16)) == [16.0]
    assert numeric_values(_element(0x00080070, "LO", "16")) == []


def test_the_text_that_a_number_spells_is_given() -> None:
    (number,) = struct.unpack("<L", b"Abel")
    assert spelled_text(_element(0x00081161, "UL", number)) == "Abel"
    assert spelled_text(_element(0x00080070, "LO", "Abel")) == ""
