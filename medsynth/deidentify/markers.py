"""What a de-identified object says of itself.

Source: DICOM PS3.3 section C.12.1.1.9, PS3.15 section E.1 step 7, PS3.16 CID 7050.
"""

from pydicom.dataset import Dataset

import medsynth
from medsynth.deidentify.policy import Policy

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
# Regions whose slices let a face be rendered.
_REGIONS_WITH_FACE = frozenset(
    [
        "HEAD",
        "HEADNECK",
        "BRAIN",
        "SKULL",
        "FACE",
        "EYE",
        "ORBIT",
        "SINUS",
        "JAW",
        "IAC",
        "NECK",
        "ZYGOMA",
        "WHOLEBODY",
    ]
)


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

    An object that names no region is not known to show none; it is not counted.

    Args:
        source: the object as it was read.
    """
    said = str(source.get("RecognizableVisualFeatures") or "").strip().upper()
    region = str(source.get("BodyPartExamined") or "").strip().upper()
    return said == "YES" or region in _REGIONS_WITH_FACE


def _code_item(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = meaning
    return item
