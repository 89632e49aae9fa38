"""What is done with each attribute: the table's codes, the user's options and the CT image's types.

Where the standard leaves a choice, the stricter one is taken that leaves a
conformant CT image. Attributes that the table does not name are judged by
their VR: what can hold free text, a name or bytes is removed, but for a short
list of texts on how a CT image was made. All that describes a patient or a visit
is removed, whatever its VR.

Source: DICOM PS3.15 sections E.2 and E.3; types from PS3.3 section A.3.
"""

import dataclasses
import enum
from collections.abc import Mapping

from pydicom.datadict import dictionary_VR, tag_for_keyword

from medsynth.deidentify.confidentiality_table import (
    GROUP_ROWS,
    AttributeRow,
    ConfidentialityTable,
    load_table,
)
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.release_list import RELEASE_TAGS
from medsynth.deidentify.values import DATE_VRS, LONG_TEXT_VRS, TEXT_VRS


class Treatment(enum.Enum):
    """What is done with an element."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    NEW_UID = "new_uid"
    MOVE_DATE = "move_date"
    CLEAN = "clean"
    PSEUDONYM = "pseudonym"


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is done with each attribute.

    Attributes:
        settings: the user's decisions.
        edition: of the table.
        at_root: tag -> treatment of the attributes the table names, in the image itself.
        nested: likewise, in the items of sequences, where types are not known.
        basic_at_root: what the profile does without options, in the image itself.
        basic_nested: likewise, in the items of sequences.
        allowed: tags that may stay at all in the image itself, or None for any.
    """

    settings: DeidentifySettings
    edition: str
    at_root: Mapping[int, Treatment]
    nested: Mapping[int, Treatment]
    basic_at_root: Mapping[int, Treatment]
    basic_nested: Mapping[int, Treatment]
    allowed: frozenset[int] | None


def build_policy(settings: DeidentifySettings) -> Policy:
    """Work out what is done with each attribute of the table.

    Args:
        settings: the user's decisions.

    Raises:
        RecordError: the table that comes with this package cannot be read.
    """
    table = load_table()
    rows = _known_rows(table)
    basic_at_root = {tag: _root_basic(tag, vr, row.basic) for tag, vr, row in rows}
    basic_nested = {tag: _nested_basic(vr, row.basic) for tag, vr, row in rows}
    chosen = {
        tag: treatment
        for tag, vr, row in rows
        if (treatment := _chosen(row, vr, settings)) is not None
    }
    pseudonyms = dict.fromkeys(_PSEUDONYMS, Treatment.PSEUDONYM)
    return Policy(
        settings=settings,
        edition=table.edition,
        at_root=basic_at_root | chosen | pseudonyms,
        nested=basic_nested | chosen,
        basic_at_root=basic_at_root,
        basic_nested=basic_nested,
        allowed=frozenset(RELEASE_TAGS) if settings.mode == "release" else None,
    )


def unlisted_treatment(tag: int, vr: str, settings: DeidentifySettings) -> Treatment:
    """Give what is done with an attribute of the standard that the table does not name.

    Args:
        tag: the attribute.
        vr: its value representation.
        settings: the user's decisions.
    """
    is_of_patient = tag >> 16 == _PATIENT_GROUP and not settings.retain_patient_characteristics
    if is_of_patient or tag >> 16 == _VISIT_GROUP or vr in _NEVER_UNLISTED:
        return Treatment.REMOVE
    if vr in DATE_VRS:
        return _DATE_TREATMENTS[settings.dates]
    if vr == "UI":
        return Treatment.KEEP if settings.retain_uids else Treatment.NEW_UID
    return Treatment.REMOVE if vr in TEXT_VRS and tag not in _TECHNICAL_TEXTS else Treatment.KEEP


def _tags(*keywords: str) -> frozenset[int]:
    tags = (tag_for_keyword(keyword) for keyword in keywords)
    return frozenset(tag for tag in tags if tag is not None)


_DATE_TREATMENTS = {
    "removed": Treatment.REMOVE,
    "shifted": Treatment.MOVE_DATE,
    "kept": Treatment.KEEP,
}
_BYTE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "OB or OW", "US or OW"})
_NEVER_UNLISTED = _BYTE_VRS | LONG_TEXT_VRS | {"AE", "PN", "UR", "US or SS or OW"}
_PATIENT_GROUP, _VISIT_GROUP = 0x0010, 0x0038
_TECHNICAL_TEXTS = _tags(
    *("CodeValue", "LongCodeValue", "CodeMeaning", "CodingSchemeDesignator", "CodingSchemeVersion"),
    *("Manufacturer", "ManufacturerModelName", "ManufacturerRelatedModelGroup", "SoftwareVersions"),
    *("ConvolutionKernel", "FilterType", "TypeOfFilters", "ImageFilter", "DoseModeName"),
    *("AlgorithmName", "AlgorithmVersion", "ContrastBolusRoute", "PositionReferenceIndicator"),
    *("DetectorManufacturerName", "DetectorManufacturerModelName", "ModifyingDeviceManufacturer"),
    *("RescaleType", "ModalityLUTType", "LUTExplanation", "WindowCenterWidthExplanation"),
    *("PixelSpacingCalibrationDescription", "MappingResourceName"),
)
_SIMPLE = {
    "X": Treatment.REMOVE,
    "Z": Treatment.EMPTY,
    "D": Treatment.DUMMY,
    "U": Treatment.NEW_UID,
}
# Attributes whose code leaves a choice and that are type 2 in the CT Image IOD. No other such
# attribute is type 1 or 2 there.
_TYPE_TWO_IN_CT = _tags("ContentDate", "ContentTime", "ContrastBolusAgent", "PatientID")
_PSEUDONYMS = frozenset({0x00100010, 0x00100020})


def _known_rows(table: ConfidentialityTable) -> list[tuple[int, str, AttributeRow]]:
    rows = []
    for text, row in table.rows.items():
        if text not in GROUP_ROWS:
            tag = int(text, 16)
            rows.append((tag, _dictionary_vr(tag), row))
    return rows


def _dictionary_vr(tag: int) -> str:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        # Newer than this program's dictionary; the engine removes it as unknown.
        return "UN"


def _chosen(row: AttributeRow, vr: str, settings: DeidentifySettings) -> Treatment | None:
    """Give what the options in force do with a row, or None where they leave it alone."""
    codes = {row.options[name] for name in settings.options_in_force() if name in row.options}
    if not codes or vr in _BYTE_VRS:
        return None
    if vr in DATE_VRS:
        # A calibration date is a date: keeping a device's identity does not keep it.
        is_a_row_of_dates = "dates_shifted" in row.options and settings.dates != "removed"
        return _DATE_TREATMENTS[settings.dates] if is_a_row_of_dates else None
    if "C" not in codes:
        return Treatment.KEEP
    # Titles of application entities name places; no list of words could clean them.
    is_cleanable = vr == "SQ" or vr in {"LO", "SH", "UC"} | LONG_TEXT_VRS
    is_only_of_dates = "dates_shifted" in row.options
    return Treatment.CLEAN if is_cleanable and not is_only_of_dates else None


def _root_basic(tag: int, vr: str, code: str) -> Treatment:
    if code not in _SIMPLE:
        if tag in _TYPE_TWO_IN_CT or "X" not in code:
            return Treatment.EMPTY
        return Treatment.REMOVE
    # None of the sequences that ask for dummy items belongs to a CT image.
    is_foreign = vr == "SQ" and code == "D"
    return Treatment.REMOVE if is_foreign else _SIMPLE[code]


def _nested_basic(vr: str, code: str) -> Treatment:
    if code in _SIMPLE:
        return _SIMPLE[code]
    if "U" in code:
        # References to other objects: their UIDs are replaced, whatever else they hold is cleaned.
        return Treatment.CLEAN
    # A dummy is right for every type; a sequence of no items for all but type 1.
    return Treatment.DUMMY if "D" in code and vr != "SQ" else Treatment.EMPTY
