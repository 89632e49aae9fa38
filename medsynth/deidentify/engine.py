"""De-identification of one object's header, after DICOM PS3.15 Annex E.

A new dataset is built from what may stay; nothing is deleted from the old one.
So whatever the rules do not know is not in the result. The result depends on
the header, the policy and the secret alone: workers and later runs agree.
"""

import dataclasses
from collections.abc import Sequence

from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from medsynth.deidentify.action_log import Action, ActionCounts, ActionLog
from medsynth.deidentify.echoes import identifying_words
from medsynth.deidentify.element_rules import Person, removal_of_number, treated_element
from medsynth.deidentify.markers import MARKER_TAGS, add_markers, may_show_a_face
from medsynth.deidentify.policy import Policy, Treatment, unlisted_treatment
from medsynth.deidentify.pseudonyms import patient_pseudonym, shift_days
from medsynth.deidentify.release_list import ANATOMIC_REGION_SEQUENCE, released_regions
from medsynth.deidentify.safe_private import safe_private_elements
from medsynth.deidentify.values import empty_value, has_dictionary_vr, is_too_many, string_parts
from medsynth.imaging.dicom_values import patient_id_key, silent_pydicom

_DEEPEST = 16
_PIXEL_DATA = 0x7FE00010
_CHARACTER_SET = 0x00080005
_UTF_8 = "ISO_IR 192"
# Command and file elements, signatures, padding, and the retired groups of curves and overlays.
_FOREIGN_GROUPS = frozenset({0x0000, 0x0002, 0x0004, 0x4FFE, 0xFFFA, 0xFFFC, 0xFFFE})
_CURVES_AND_OVERLAYS = (0x5000, 0x6000)
# Attributes of type 2 in the CT Image IOD that the table does not name.
_TYPE_TWO = {
    0x00080070: "LO",  # Manufacturer
    0x00180050: "DS",  # Slice Thickness
    0x00180060: "DS",  # KVP
    0x00200011: "IS",  # Series Number
    0x00200012: "IS",  # Acquisition Number
    0x00200013: "IS",  # Instance Number
    0x00201040: "LO",  # Position Reference Indicator
}
_TEXT_ITEMS = frozenset(
    {"TEXT", "PNAME", "DATE", "TIME", "DATETIME", "UIDREF", "IMAGE", "COMPOSITE"}
)
_PUBLIC_SCHEMES = frozenset({"DCM", "SCT", "SRT", "SNM3", "FMA", "LN", "UCUM", "RADLEX"})


@dataclasses.dataclass(frozen=True)
class DeidentifiedObject:
    """An object after de-identification.

    Attributes:
        dataset: new; holds no element of the source but its pixels.
        counts: what was done.
        patient: pseudonym of the patient.
        may_show_a_face: whether a face could be rendered from the pixels.
    """

    dataset: Dataset
    counts: ActionCounts
    patient: str
    may_show_a_face: bool


@dataclasses.dataclass(frozen=True)
class _Level:
    depth: int
    is_cleaned: bool


@dataclasses.dataclass(frozen=True)
class _Work:
    policy: Policy
    person: Person
    log: ActionLog


def deidentify_dataset(source: Dataset, policy: Policy, secret: str) -> DeidentifiedObject:
    """Give the de-identified object.

    Args:
        source: a CT image; its values are left as they are.
        policy: what is done with each attribute.
        secret: the project's secret; the same one gives the same result.

    Returns:
        A new dataset without file meta information. Pixel data is the source's.

    Source: DICOM PS3.15 sections E.1 to E.3.
    """
    with silent_pydicom():
        identity = patient_identity(source)
        person = Person(
            secret=secret,
            pseudonym=patient_pseudonym(secret, identity),
            days=shift_days(secret, identity),
            words=identifying_words(source),
        )
        work = _Work(policy, person, ActionLog())
        dataset = _treated_level(source, _Level(0, is_cleaned=False), work)
        _complete(source, dataset, person.pseudonym)
        shows_face = may_show_a_face(source)
        if shows_face:
            dataset.RecognizableVisualFeatures = "YES"
        add_markers(dataset, policy)
        _declare_character_set(source, dataset)
    return DeidentifiedObject(dataset, work.log.counts(), person.pseudonym, shows_face)


def patient_identity(source: Dataset) -> str:
    """Give what tells the patient from others: Patient ID, or the study where there is none.

    As in ingest, an ID typed in small letters or with spaces is the same ID.

    Args:
        source: the object as it was read.
    """
    for keyword in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        text = " ".join(string_parts(source.get(keyword))).strip()
        if text:
            return patient_id_key(text) if keyword == "PatientID" else text
    return ""


def _treated_level(source: Dataset, level: _Level, work: _Work) -> Dataset:
    target = Dataset()
    for tag in sorted(source.keys()):
        try:
            _treat(source, tag, target, level, work)
        except Exception:  # noqa: BLE001 - pydicom raises a dozen kinds on damaged values
            work.log.add(tag, Action.REMOVED_UNSOUND)
    if level.depth == 0 and work.policy.settings.retain_safe_private:
        for element in safe_private_elements(source):
            removal = removal_of_number(element, work.person, work.policy.settings)
            if removal is None:
                target.add(element)
            work.log.add(element.tag, removal or Action.KEPT)
    return target


def _complete(source: Dataset, target: Dataset, pseudonym: str) -> None:
    """Add what a CT image has to have: a patient, and attributes that could only be emptied."""
    target.PatientID = target.PatientName = pseudonym
    for tag, vr in _TYPE_TWO.items():
        if tag in source and tag not in target:
            target.add(DataElement(tag, vr, empty_value(vr)))


def _treat(source: Dataset, tag: BaseTag, target: Dataset, level: _Level, work: _Work) -> None:
    removal = _removal_without_looking(tag, level, work.policy)
    if removal is not None:
        work.log.add(tag, removal)
        return
    if tag == _PIXEL_DATA:
        target[tag] = source[tag]
        return
    element = source[tag]
    treatment = _treatment(element, level, work.policy)
    if treatment is Treatment.REMOVE:
        work.log.add(tag, Action.REMOVED)
    elif not has_dictionary_vr(element) or is_too_many(element):
        work.log.add(tag, Action.REMOVED_UNSOUND)
    elif element.VR == "SQ" and treatment in (Treatment.KEEP, Treatment.CLEAN):
        _treat_sequence(element, treatment, target, level, work)
    else:
        treated, action = treated_element(
            element,
            treatment,
            work.person,
            work.policy.settings,
            otherwise=_basic_treatment(tag, level, work.policy),
        )
        if treated is not None:
            target.add(treated)
        work.log.add(tag, action)


def _removal_without_looking(tag: BaseTag, level: _Level, policy: Policy) -> Action | None:
    if tag.is_private:
        return Action.REMOVED_PRIVATE
    if (
        tag.group in _FOREIGN_GROUPS
        or tag.group & 0xFF00 in _CURVES_AND_OVERLAYS
        or tag.element == 0
        or tag in MARKER_TAGS
        or tag == _CHARACTER_SET
        or (tag == _PIXEL_DATA and level.depth > 0)
    ):
        return Action.REMOVED
    if not dictionary_has_tag(tag):
        return Action.REMOVED_UNKNOWN
    if level.depth == 0 and policy.allowed is not None and tag not in policy.allowed:
        return Action.REMOVED_NOT_ON_LIST
    return None


def _treatment(element: DataElement, level: _Level, policy: Policy) -> Treatment:
    listed = policy.at_root if level.depth == 0 else policy.nested
    treatment = listed.get(int(element.tag))
    if treatment is None:
        treatment = unlisted_treatment(int(element.tag), element.VR, policy.settings)
    if level.is_cleaned and treatment is Treatment.KEEP:
        return Treatment.CLEAN
    return treatment


def _basic_treatment(tag: BaseTag, level: _Level, policy: Policy) -> Treatment:
    listed = policy.basic_at_root if level.depth == 0 else policy.basic_nested
    return listed.get(int(tag), Treatment.REMOVE)


def _treat_sequence(
    element: DataElement, treatment: Treatment, target: Dataset, level: _Level, work: _Work
) -> None:
    items: Sequence[Dataset] = element.value or ()
    if work.policy.allowed is not None:
        kept = _released_items(element.tag, items)
    elif level.depth >= _DEEPEST or any("LUTData" in item for item in items):
        # The entries of a look-up table are bytes, and can spell anything.
        kept = None
    else:
        is_cleaned = level.is_cleaned or treatment is Treatment.CLEAN
        below = _Level(level.depth + 1, is_cleaned)
        sound = [item for item in items if not is_cleaned or _is_coded(item)]
        kept = [_treated_level(item, below, work) for item in sound]
    if kept is None:
        work.log.add(element.tag, Action.REMOVED)
        return
    target.add(DataElement(element.tag, "SQ", kept))
    work.log.add(element.tag, Action.CLEANED if level.is_cleaned else Action.KEPT)


def _released_items(tag: BaseTag, items: Sequence[Dataset]) -> list[Dataset] | None:
    if tag != ANATOMIC_REGION_SEQUENCE:
        return None
    values = [part for item in items for part in string_parts(item.get("CodeValue"))]
    return released_regions(values) or None


def _is_coded(item: Dataset) -> bool:
    value_type = "".join(string_parts(item.get("ValueType")))
    if "CodeValue" not in item:
        return value_type not in _TEXT_ITEMS
    return "".join(string_parts(item.get("CodingSchemeDesignator"))) in _PUBLIC_SCHEMES


def _declare_character_set(source: Dataset, target: Dataset) -> None:
    # What stays was decoded; it is written as UTF-8 where it is more than ASCII may be.
    if "SpecificCharacterSet" in source or not _is_ascii(target):
        target.SpecificCharacterSet = _UTF_8


def _is_ascii(dataset: Dataset) -> bool:
    return all(_is_ascii_element(element) for element in dataset)


def _is_ascii_element(element: DataElement) -> bool:
    if element.VR == "SQ":
        return all(_is_ascii(item) for item in element.value)
    if isinstance(element.value, bytes):
        return True
    return all(part.isascii() for part in string_parts(element.value))
