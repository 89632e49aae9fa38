import io
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from medsynth.deidentify.engine import DeidentifiedObject, deidentify_dataset
from medsynth.deidentify.files import write_object
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import build_policy
from medsynth.deidentify.pseudonyms import keyed_uid, patient_pseudonym, shift_days
from medsynth.imaging.dicom_header import silent_pydicom
from tests.medsynth.deidentify.canaries import (
    CanaryFile,
    Planter,
    canary_file,
    file_bytes,
    left_in,
    plain_slice,
    raw_element,
    table_attributes,
)

SECRET = "ab" * 32
BASIC, RELEASE = DeidentifySettings(), DeidentifySettings(mode="release")


def _treated(dataset: Dataset, settings: DeidentifySettings = BASIC) -> DeidentifiedObject:
    # Through a file, so that values are read as they would be.
    with silent_pydicom():
        source = pydicom.dcmread(io.BytesIO(file_bytes(dataset)))
    return deidentify_dataset(source, build_policy(settings), SECRET)


def _bytes_after(content: bytes, settings: DeidentifySettings, folder: Path) -> bytes:
    with silent_pydicom():
        source = pydicom.dcmread(io.BytesIO(content))
    result = deidentify_dataset(source, build_policy(settings), SECRET)
    write_object(result.dataset, folder / "out.dcm", source.file_meta.TransferSyntaxUID)
    return (folder / "out.dcm").read_bytes()


@pytest.fixture(scope="module", name="canaries")
def _canaries() -> CanaryFile:
    with silent_pydicom():
        return canary_file()


def test_a_canary_is_in_every_usable_attribute_at_three_depths_and_beside(
    canaries: CanaryFile,
) -> None:
    # 623 attributes of the table; private in three places, two overlays, a curve, two titles and
    # private information of the file meta information, the preamble.
    assert len(table_attributes()) == 623
    assert len(canaries.planted) == 3 * 623 + 10
    assert len(set(canaries.planted)) == len(canaries.planted)
    assert left_in(canaries.planted, canaries.content) == list(canaries.planted)


@pytest.mark.parametrize("settings", [BASIC, RELEASE], ids=["basic", "release"])
def test_no_canary_is_left(
    canaries: CanaryFile, settings: DeidentifySettings, tmp_path: Path
) -> None:
    assert left_in(canaries.planted, _bytes_after(canaries.content, settings, tmp_path)) == []


def test_cleaning_options_leave_no_canary_of_text(canaries: CanaryFile, tmp_path: Path) -> None:
    settings = DeidentifySettings(clean_descriptors=True, clean_structured_content=True)
    assert left_in(canaries.planted, _bytes_after(canaries.content, settings, tmp_path)) == []


def test_text_in_the_place_of_numbers_is_not_left(tmp_path: Path) -> None:
    content, planted = _file_with_text_for_numbers()
    assert left_in(planted, content) == list(planted)
    for number, settings in enumerate((BASIC, RELEASE)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert left_in(planted, _bytes_after(content, settings, folder)) == []


def _file_with_text_for_numbers() -> tuple[bytes, tuple[bytes, ...]]:
    dataset, planter = plain_slice(), Planter()
    places = {
        0x00180088: "LO",  # Spacing Between Slices is DS
        0x00180050: "CS",  # Slice Thickness is DS
        0x00189361: "CS",  # Multi-energy CT Acquisition, in lower case
        0x00280120: "US",  # Pixel Padding Value has one value
        0x00189345: "FD",  # CTDIvol has one value
    }
    for tag, vr in places.items():
        dataset[tag] = raw_element(tag, vr, planter.text() + b"jane")
    numbers = {0x00180060: "DS", 0x00201041: "DS", 0x00200012: "IS", 0x00201002: "IS"}
    for place, (tag, vr) in enumerate(numbers.items()):
        dataset[tag] = raw_element(tag, vr, f"10000000000{place}".encode())
    with silent_pydicom():
        content = file_bytes(dataset)
    for place in range(len(numbers)):
        content = content.replace(f"10000000000{place}".encode(), planter.text())
    return content, tuple(planter.planted)


def test_unknown_attributes_and_unknown_vrs_are_removed() -> None:
    dataset = plain_slice()
    dataset[0x00181FFE] = raw_element(0x00181FFE, "LO", b"unheard of")
    dataset[0x00189999] = raw_element(0x00189999, "UN", b"unheard of")
    result = _treated(dataset)
    assert 0x00181FFE not in result.dataset
    assert 0x00189999 not in result.dataset
    assert result.counts.by_attribute["unknown"] == {"removed_unknown": 2}


def test_signatures_padding_and_group_lengths_are_removed() -> None:
    dataset = plain_slice()
    dataset.DataSetTrailingPadding = b"Odalys"
    dataset.add(DataElement(0x00080000, "UL", 4711))
    dataset.DigitalSignaturesSequence = [Dataset()]
    result = _treated(dataset).dataset
    for tag in (0xFFFCFFFC, 0x00080000, 0xFFFAFFFA):
        assert tag not in result


def test_sequences_that_stay_are_treated_inside_at_every_depth() -> None:
    dataset, inner = plain_slice(), Dataset()
    inner.PatientName = "Quillfeather"
    inner.StudyDate = "20190117"
    inner.DerivationCodeSequence = [Dataset()]
    inner.DerivationCodeSequence[0].InstitutionName = "St. Elsewhere"
    inner.DerivationCodeSequence[0].CodeValue = "113040"
    functional = Dataset()
    functional.DerivationImageSequence = [inner]
    dataset.SharedFunctionalGroupsSequence = [functional]
    result = _treated(dataset).dataset
    below = result.SharedFunctionalGroupsSequence[0].DerivationImageSequence[0]
    assert (below.PatientName, below.StudyDate) == ("", "")
    assert below.DerivationCodeSequence[0].InstitutionName == "REMOVED"
    assert below.DerivationCodeSequence[0].CodeValue == "113040"


def test_sequences_nested_too_deep_are_removed() -> None:
    dataset = innermost = plain_slice()
    for _ in range(30):
        item = Dataset()
        item.CodeValue = "x"
        innermost.AnatomicRegionModifierSequence = [item]
        innermost = item
    depth, level = 0, _treated(dataset).dataset
    while level.get("AnatomicRegionModifierSequence"):
        level, depth = level.AnatomicRegionModifierSequence[0], depth + 1
    assert depth == 16


def test_patient_and_uids_get_names_that_the_key_makes_again() -> None:
    source = plain_slice()
    result = _treated(source)
    pseudonym = patient_pseudonym(SECRET, "MRN-4711-77")
    assert result.patient == result.dataset.PatientID == result.dataset.PatientName == pseudonym
    assert result.dataset.StudyInstanceUID == keyed_uid(SECRET, source.StudyInstanceUID)
    assert result.dataset.SOPClassUID == source.SOPClassUID


def test_dates_of_a_patient_move_together_and_intervals_stay() -> None:
    settings = DeidentifySettings(dates="shifted")
    first, second = plain_slice(), plain_slice()
    first.AcquisitionDateTime = "20190116235959.5"
    second.StudyDate = "20190301"
    one, other = _treated(first, settings).dataset, _treated(second, settings).dataset
    days = shift_days(SECRET, "MRN-4711-77")
    moved = [
        pydicom.valuerep.DA(value) for value in (one.StudyDate, other.StudyDate, first.StudyDate)
    ]
    assert (moved[0] - moved[2]).days == days
    # 17 January to 1 March 2019: 14 + 28 + 1 days.
    assert (moved[1] - moved[0]).days == 43
    assert one.StudyTime == "101112"
    assert one.AcquisitionDateTime[8:] == "235959.5"
    assert one.LongitudinalTemporalInformationModified == "MODIFIED"


def test_without_options_no_date_is_left() -> None:
    result = _treated(plain_slice()).dataset
    assert (result.StudyDate, result.ContentDate, result.PatientBirthDate) == ("", "", "")
    assert result.LongitudinalTemporalInformationModified == "REMOVED"


def test_the_result_says_which_options_were_applied() -> None:
    settings = DeidentifySettings(dates="shifted", clean_descriptors=True)
    result = _treated(plain_slice(), settings).dataset
    assert result.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in result.DeidentificationMethodCodeSequence] == [
        "113100",
        "113107",
        "113105",
    ]
    assert "2024e" in result.DeidentificationMethod[2]


def test_what_an_earlier_program_said_of_its_method_does_not_stay() -> None:
    source = plain_slice()
    source.DeidentificationMethod = "by Quillfeather"
    source.PatientIdentityRemoved = "NO"
    result = _treated(source).dataset
    assert "Quillfeather" not in str(result.DeidentificationMethod)
    assert result.PatientIdentityRemoved == "YES"


def test_a_head_is_marked_as_showing_a_face_and_an_abdomen_is_left_open() -> None:
    head = plain_slice()
    head.BodyPartExamined = "HEAD"
    result = _treated(head)
    assert result.may_show_a_face
    assert result.dataset.RecognizableVisualFeatures == "YES"
    abdomen = _treated(plain_slice())
    assert not abdomen.may_show_a_face
    assert "RecognizableVisualFeatures" not in abdomen.dataset


def test_text_beyond_ascii_is_written_as_utf_8(tmp_path: Path) -> None:
    source = plain_slice()
    source.SpecificCharacterSet = "ISO_IR 100"
    source.SeriesDescription = "Abdomen portalvenös"
    settings = DeidentifySettings(clean_descriptors=True)
    content = _bytes_after(file_bytes(source), settings, tmp_path)
    assert "PORTALVENÖS".encode() in content
    assert pydicom.dcmread(io.BytesIO(content)).SpecificCharacterSet == "ISO_IR 192"


def test_the_source_is_left_as_it_was() -> None:
    source = plain_slice()
    before = file_bytes(source)
    deidentify_dataset(source, build_policy(BASIC), SECRET)
    assert file_bytes(source) == before


def test_counts_hold_no_values(canaries: CanaryFile) -> None:
    with silent_pydicom():
        source = pydicom.dcmread(io.BytesIO(canaries.content))
    counts = deidentify_dataset(source, build_policy(BASIC), SECRET).counts
    assert left_in(canaries.planted, repr(counts).encode()) == []
    assert sum(counts.by_action.values()) > len(canaries.planted)


def test_an_icon_and_look_up_tables_do_not_stay() -> None:
    source, table, icon = plain_slice(), Dataset(), Dataset()
    table.LUTDescriptor = [2, 0, 16]
    table.add(DataElement(0x00283006, "OW", b"Jane"))
    icon.add(DataElement(0x7FE00010, "OB", b"Odalys"))
    source.VOILUTSequence = [table]
    source.IconImageSequence = [icon]
    result = _treated(source).dataset
    assert "VOILUTSequence" not in result
    assert "IconImageSequence" not in result


def test_structured_content_keeps_codes_and_numbers_alone() -> None:
    source, coded, text = plain_slice(), Dataset(), Dataset()
    coded.ValueType, text.ValueType = "NUM", "TEXT"
    coded.NumericValue = "3"
    text.TextValue = "Quillfeather"
    source.AcquisitionContextSequence = [coded, text]
    settings = DeidentifySettings(clean_structured_content=True)
    (item,) = _treated(source, settings).dataset.AcquisitionContextSequence
    assert item.NumericValue == 3
    assert "AcquisitionContextSequence" not in _treated(source).dataset


def test_a_release_is_never_looser_than_the_profile(canaries: CanaryFile) -> None:
    with silent_pydicom():
        source = pydicom.dcmread(io.BytesIO(canaries.content))
    options = {
        "dates": "shifted",
        "clean_descriptors": True,
        "retain_patient_characteristics": True,
    }
    basic, release = (
        deidentify_dataset(
            source,
            build_policy(DeidentifySettings.model_validate({"mode": mode, **options})),
            SECRET,
        )
        for mode in ("basic", "release")
    )
    assert set(release.dataset.keys()) <= set(basic.dataset.keys())


def test_a_name_in_another_character_set_is_found_in_what_stays() -> None:
    source = plain_slice()
    source.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    source.PatientName = "Yamada^Tarou=山田^太郎"
    source.ConvolutionKernel = "山田太郎"
    assert "ConvolutionKernel" not in _treated(source).dataset


def test_an_object_without_patient_gets_the_pseudonym_of_its_study() -> None:
    source = plain_slice()
    del source.PatientID, source.PatientName
    result = _treated(source)
    assert result.patient == patient_pseudonym(SECRET, source.StudyInstanceUID)
    assert result.dataset.PatientID == result.dataset.PatientName == result.patient


def test_what_a_ct_image_must_have_is_emptied_where_its_value_cannot_stay() -> None:
    source = plain_slice()
    source.PatientName = "Siemens^Anna"
    source.PatientID = source.KVP = "471177"
    result = _treated(source).dataset
    assert (result.Manufacturer, str(result.KVP or "")) == ("", "")


def test_a_private_number_that_is_the_patients_does_not_stay() -> None:
    source = plain_slice()
    source.PatientID = "471177"
    source.add(DataElement(0x00190011, "LO", "GEMS_ACQU_01"))
    source.add(DataElement(0x00191123, "DS", "471177"))
    source.add(DataElement(0x00191124, "DS", "39.37"))
    result = _treated(source, DeidentifySettings(retain_safe_private=True)).dataset
    assert 0x00191123 not in result
    assert 0x00191124 in result


@pytest.mark.parametrize(
    ("keyword", "value", "is_seen"),
    [
        ("BodyPartExamined", "HEADNECKCHEST", True),
        ("SeriesDescription", "Kopf nativ", True),
        ("ProtocolName", "HEAD_ROUTINE", True),
        ("StudyDescription", "CT overhead test", False),
        ("RecognizableVisualFeatures", "YES", True),
    ],
)
def test_a_face_is_expected_from_what_an_object_says_of_its_region(
    keyword: str, value: str, is_seen: bool
) -> None:
    source = plain_slice()
    setattr(source, keyword, value)
    assert _treated(source).may_show_a_face is is_seen


def test_a_face_is_expected_from_the_code_of_the_region() -> None:
    source, region = plain_slice(), Dataset()
    region.CodeValue, region.CodingSchemeDesignator = "69536005", "SCT"
    source.AnatomicRegionSequence = [region]
    assert _treated(source).may_show_a_face
