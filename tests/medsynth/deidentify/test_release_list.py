import pytest

from medsynth.deidentify.release_list import (
    RELEASE_TAGS,
    released_codes,
    released_regions,
    released_text,
)

_NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("tag", "text", "released"),
    [
        (0x00080070, "Siemens Healthineers", "SIEMENS"),
        (0x00080070, "St. Elsewhere", ""),
        (0x00181210, "B30f", "B30f"),
        (0x00181210, "B30f for Quillfeather", "B30f"),
        (0x00181210, "Quillfeather", ""),
        (0x00281054, "HU", "HU"),
        (0x00281054, "Houndsfield Unit", "HU"),
        (0x00281054, "Quillfeather", ""),
        (0x0008103E, "Abdomen nativ Quillfeather", "ABDOMEN NATIV"),
    ],
)
def test_text_selects_one_of_our_words(tag: int, text: str, released: str) -> None:
    assert released_text(tag, text, _NOBODY) == released


def test_codes_are_of_a_closed_set() -> None:
    codes = ["ORIGINAL", "PRIMARY", "AXIAL", "QUILLFEATHER", "CT_SOM5 SPI"]
    assert released_codes(codes) == ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]


def test_regions_are_written_new_from_known_codes() -> None:
    (item,) = released_regions(["818981001", "QUILL"])
    assert (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning) == (
        "818981001",
        "SCT",
        "Abdomen",
    )


def test_the_list_names_attributes_of_the_dictionary_alone() -> None:
    # 92 keywords; a misspelt one would be missing.
    assert len(RELEASE_TAGS) == 92
