import pytest

from medsynth.deidentify.allow_list import (
    TechnicalFields,
    allowed_fields,
    allowed_kernel,
    allowed_manufacturer,
)
from medsynth.imaging.dicom_header import TechnicalText


def test_an_empty_header_gives_no_values() -> None:
    assert allowed_fields(TechnicalText()) == TechnicalFields("unknown", "unknown", None, None)


@pytest.mark.parametrize(
    ("text", "maker"),
    [
        ("GE MEDICAL SYSTEMS", "ge"),
        ("Siemens Healthineers", "siemens"),
        ("Philips", "philips"),
        ("TOSHIBA", "canon"),
        ("Canon Medical", "canon"),
        ("St. Elsewhere Hospital of Dr. Quillfeather", "other"),
        ("", "unknown"),
    ],
)
def test_only_known_makers_are_named(text: str, maker: str) -> None:
    assert allowed_fields(TechnicalText(manufacturer=text)).manufacturer == maker


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        ("SOFT", "soft"),
        ("STANDARD", "medium"),
        ("LUNG", "sharp"),
        ("B20f", "soft"),
        ("B30f", "medium"),
        ("Br38f 3", "medium"),
        ("B70f", "sharp"),
        ("D", "sharp"),
        ("FC08", "soft"),
        ("for Mrs Quillfeather", "unknown"),
        ("", "unknown"),
    ],
)
def test_kernel_text_becomes_one_of_four_words(text: str, kernel: str) -> None:
    assert allowed_fields(TechnicalText(kernel=text)).kernel == kernel


def test_numbers_are_rounded_and_kept_in_bounds() -> None:
    fields = allowed_fields(TechnicalText(kvp=119.6, slice_thickness_mm=1.2549))
    assert (fields.kvp, fields.slice_thickness_mm) == (120, 1.25)
    fields = allowed_fields(TechnicalText(kvp=19621123.0, slice_thickness_mm=4711.0))
    assert (fields.kvp, fields.slice_thickness_mm) == (None, None)


def test_a_known_maker_is_spelt_as_files_do_and_another_is_left_out() -> None:
    assert allowed_manufacturer("Siemens Healthineers, Ward 3") == "SIEMENS"
    assert allowed_manufacturer("GE Medical Systems") == "GE MEDICAL SYSTEMS"
    assert allowed_manufacturer("St. Elsewhere") == ""


def test_of_a_kernel_the_known_name_alone_stays() -> None:
    assert allowed_kernel("B30f") == "B30f"
    assert allowed_kernel("LUNG of Mrs Quillfeather") == "LUNG"
    assert allowed_kernel("Quillfeather") == ""
