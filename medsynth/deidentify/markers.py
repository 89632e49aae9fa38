"""What a de-identified object says of itself.

Source: DICOM PS3.3 section C.12.1.1.9, PS3.15 section E.1 step 7, PS3.16 CID 7050.
"""

import re

from pydicom.dataset import Dataset

import medsynth
from medsynth.deidentify.policy import Policy
from medsynth.deidentify.values import string_parts

# Context group 7050: names of options -> code, meaning.
_OPTION_CODES = {
    "retain_safe_private": ("113111", "Retain Safe Private Option"),
    "retain_uids": ("113110", "Retain UIDs Option"),
    "retain_device_identity": ("113109", "Retain Device Identity Option"),
    "retain_institution_identity": ("113112", "Retain Institution Identity Option"),
    "retain_patient_characteristics": ("113108", "Retain Patient Characteristics Option"),
    "dates_kept": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "dates_shifted": (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    "clean_descriptors": ("113105", "Clean Descriptors Option"),
    "clean_structured_content": ("113104", "Clean Structured Content Option"),
}
_BASIC_CODE = ("113100", "Basic Application Confidentiality Profile")
_TEMPORAL_INFORMATION = {"removed": "REMOVED", "shifted": "MODIFIED", "kept": "UNMODIFIED"}
MARKER_TAGS = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
# Regions whose slices let a face be rendered; the first are found in longer words, too.
_PARTS_WITH_FACE = ("HEAD", "BRAIN", "SKULL", "FACE", "ORBIT", "SINUS", "NECK", "WHOLEBODY")
_REGIONS_WITH_FACE = frozenset(
    [*_PARTS_WITH_FACE, "EYE", "JAW", "IAC", "ZYGOMA", "KOPF", "SCHÄDEL", "SCHAEDEL", "HALS", "NNH"]
)
# Head, head and neck, neck, brain, entire body. Source: DICOM PS3.16, CID 4.
_CODES_WITH_FACE = frozenset(
    [
        *("69536005", "774007", "45048000", "12738006", "38266002"),
        *("T-D1100", "T-D1000", "T-D1600", "T-A0100", "T-D0010"),
    ]
)
_DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName")
_WORD = re.compile(r"[^\W\d_]+")


def method_codes(policy: Policy) -> tuple[tuple[str, str], ...]:
    """Give code and meaning of the profile and of each option that is in force."""
    options = policy.settings.options_in_force()
    return (_BASIC_CODE, *(_OPTION_CODES[name] for name in options))


def add_markers(dataset: Dataset, policy: Policy) -> None:
    """Write into an object how it was de-identified.

    Args:
        dataset: the de-identified object; changed in place.
        policy: what was done.
    """
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [
        f"medsynth {medsynth.__version__}, mode {policy.settings.mode}",
        "DICOM PS3.15 Table E.1-1",
        policy.edition,
    ]
    dataset.DeidentificationMethodCodeSequence = [
        _code_item(value, meaning) for value, meaning in method_codes(policy)
    ]
    dataset.LongitudinalTemporalInformationModified = _TEMPORAL_INFORMATION[policy.settings.dates]


def may_show_a_face(source: Dataset) -> bool:
    """Tell whether an object says it shows a face, or is of a region that has one.

    Regions are taken from Body Part Examined, the codes of Anatomic Region
    Sequence and the words of descriptions. An object that names no region is
    not known to show none; it is not counted.

    Args:
        source: the object as it was read.
    """
    if _upper(source, "RecognizableVisualFeatures") == "YES":
        return True
    region = _upper(source, "BodyPartExamined")
    if region in _REGIONS_WITH_FACE or any(part in region for part in _PARTS_WITH_FACE):
        return True
    items = source.get("AnatomicRegionSequence") or ()
    codes = {code for item in items for code in string_parts(item.get("CodeValue"))}
    words = {word for keyword in _DESCRIPTIONS for word in _WORD.findall(_upper(source, keyword))}
    return bool(codes & _CODES_WITH_FACE or words & _REGIONS_WITH_FACE)


def _upper(source: Dataset, keyword: str) -> str:
    return " ".join(string_parts(source.get(keyword))).upper()


def _code_item(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = meaning
    return item
