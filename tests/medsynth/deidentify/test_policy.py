import pytest
from pydicom.datadict import tag_for_keyword

from medsynth.deidentify.confidentiality_table import GROUP_ROWS, load_table
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import Treatment, build_policy, unlisted_treatment


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return int(tag)


@pytest.mark.parametrize(
    ("keyword", "at_root", "nested"),
    [
        ("PatientName", Treatment.PSEUDONYM, Treatment.EMPTY),  # Z
        ("PatientID", Treatment.PSEUDONYM, Treatment.DUMMY),  # Z/D, type 2
        ("StudyDate", Treatment.EMPTY, Treatment.EMPTY),  # Z
        ("StudyDescription", Treatment.REMOVE, Treatment.REMOVE),  # X
        ("SOPInstanceUID", Treatment.NEW_UID, Treatment.NEW_UID),  # U
        ("PersonName", Treatment.DUMMY, Treatment.DUMMY),  # D
        ("AcquisitionDate", Treatment.REMOVE, Treatment.EMPTY),  # X/Z, type 3
        ("AcquisitionDateTime", Treatment.REMOVE, Treatment.DUMMY),  # X/Z/D, type 3
        ("ContentDate", Treatment.EMPTY, Treatment.DUMMY),  # Z/D, type 2
        ("ContrastBolusAgent", Treatment.EMPTY, Treatment.DUMMY),  # Z/D, type 2
        ("DeviceSerialNumber", Treatment.REMOVE, Treatment.DUMMY),  # X/Z/D, type 3
        ("ReferencedImageSequence", Treatment.REMOVE, Treatment.CLEAN),  # X/Z/U*
        ("IconImageSequence", Treatment.REMOVE, Treatment.REMOVE),  # X
    ],
)
def test_codes_are_resolved_by_the_types_of_the_ct_image(
    keyword: str, at_root: Treatment, nested: Treatment
) -> None:
    policy = build_policy(DeidentifySettings())
    assert policy.at_root[_tag(keyword)] is at_root
    assert policy.nested[_tag(keyword)] is nested


def test_every_row_of_the_table_is_treated_and_none_kept_by_the_profile_alone() -> None:
    policy = build_policy(DeidentifySettings())
    tags = {int(tag, 16) for tag in load_table().rows if tag not in GROUP_ROWS}
    assert set(policy.at_root) == set(policy.nested) == tags
    assert Treatment.KEEP not in {*policy.at_root.values(), *policy.nested.values()}


@pytest.mark.parametrize(
    ("option", "keyword", "treatment"),
    [
        ("retain_patient_characteristics", "PatientAge", Treatment.KEEP),
        ("retain_patient_characteristics", "Allergies", Treatment.CLEAN),
        ("retain_device_identity", "DeviceSerialNumber", Treatment.KEEP),
        ("retain_institution_identity", "InstitutionName", Treatment.KEEP),
        ("retain_uids", "StudyInstanceUID", Treatment.KEEP),
        ("clean_descriptors", "SeriesDescription", Treatment.CLEAN),
        ("clean_structured_content", "AcquisitionContextSequence", Treatment.CLEAN),
    ],
)
def test_an_option_decides_its_attributes_and_no_others(
    option: str, keyword: str, treatment: Treatment
) -> None:
    with_option = build_policy(DeidentifySettings.model_validate({option: True}))
    without = build_policy(DeidentifySettings())
    assert with_option.at_root[_tag(keyword)] is treatment
    assert without.at_root[_tag(keyword)] is not treatment
    assert with_option.at_root[_tag("PatientName")] is Treatment.PSEUDONYM
    assert with_option.at_root[_tag("StudyDate")] is Treatment.EMPTY


def test_dates_follow_the_way_with_dates_alone() -> None:
    device = build_policy(DeidentifySettings(retain_device_identity=True))
    assert device.at_root[_tag("DateOfLastCalibration")] is Treatment.REMOVE
    shifted = build_policy(DeidentifySettings(dates="shifted", retain_device_identity=True))
    assert shifted.at_root[_tag("DateOfLastCalibration")] is Treatment.MOVE_DATE
    assert shifted.at_root[_tag("PatientBirthDate")] is Treatment.EMPTY
    kept = build_policy(DeidentifySettings(dates="kept"))
    assert kept.at_root[_tag("StudyDate")] is Treatment.KEEP
    assert kept.at_root[_tag("PatientBirthDate")] is Treatment.EMPTY


def test_titles_of_application_entities_are_never_cleaned() -> None:
    policy = build_policy(DeidentifySettings(retain_device_identity=True))
    assert policy.at_root[_tag("StationAETitle")] is Treatment.REMOVE


def test_unlisted_attributes_that_can_hold_anything_are_removed() -> None:
    settings = DeidentifySettings()
    for vr in ("PN", "LT", "ST", "UT", "UR", "AE", "UN", "OB", "OW", "DA", "DT", "TM"):
        assert unlisted_treatment(0x00189999, vr, settings) is Treatment.REMOVE, vr
    assert unlisted_treatment(0x00189999, "UI", settings) is Treatment.NEW_UID
    assert unlisted_treatment(0x00189999, "DS", settings) is Treatment.KEEP
    shifted = DeidentifySettings(dates="shifted", retain_uids=True)
    assert unlisted_treatment(0x00189999, "DA", shifted) is Treatment.MOVE_DATE
    assert unlisted_treatment(0x00189999, "UI", shifted) is Treatment.KEEP


@pytest.mark.parametrize(
    ("keyword", "vr", "treatment"),
    [
        ("ConvolutionKernel", "SH", Treatment.KEEP),
        ("CodeMeaning", "LO", Treatment.KEEP),
        ("PatientBirthDateInAlternativeCalendar", "LO", Treatment.REMOVE),
        ("FillerOrderNumberProcedure", "SH", Treatment.REMOVE),
        ("AcquisitionProtocolName", "LO", Treatment.REMOVE),
        ("PatientBodyMassIndex", "DS", Treatment.REMOVE),
        ("VisitStatusID", "CS", Treatment.REMOVE),
    ],
)
def test_of_unlisted_attributes_texts_on_the_image_alone_stay(
    keyword: str, vr: str, treatment: Treatment
) -> None:
    assert unlisted_treatment(_tag(keyword), vr, DeidentifySettings()) is treatment


def test_an_unlisted_measure_of_the_patient_stays_with_the_characteristics() -> None:
    settings = DeidentifySettings(retain_patient_characteristics=True)
    tag = _tag("PatientBodyMassIndex")
    assert unlisted_treatment(tag, "DS", settings) is Treatment.KEEP
