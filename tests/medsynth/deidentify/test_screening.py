import pytest
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGLSLossless

from medsynth.deidentify.screening import ObjectReason, quarantine_reason
from tests.medsynth.deidentify.canaries import plain_slice


def _reason(syntax: UID = ExplicitVRLittleEndian, **values: object) -> ObjectReason | None:
    dataset = plain_slice()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return quarantine_reason(dataset, syntax)


def test_a_plain_slice_is_not_set_aside() -> None:
    assert _reason() is None
    assert _reason(BurnedInAnnotation="NO") is None
    assert _reason(ImageType=["DERIVED", "SECONDARY", "AXIAL"]) is None


@pytest.mark.parametrize(
    ("sop_class", "reason"),
    [
        ("1.2.840.10008.5.1.4.1.1.7", ObjectReason.SECONDARY_CAPTURE),
        ("1.2.840.10008.5.1.4.1.1.7.4", ObjectReason.SECONDARY_CAPTURE),
        ("1.2.840.10008.5.1.4.1.1.88.67", ObjectReason.DOSE_REPORT),
        ("1.2.840.10008.5.1.4.1.1.88.22", ObjectReason.STRUCTURED_REPORT),
        ("1.2.840.10008.5.1.4.1.1.2.1", ObjectReason.MULTI_FRAME_CT),
        ("1.2.840.10008.5.1.4.1.1.104.1", ObjectReason.NOT_CT_IMAGE),
        ("1.2.840.10008.5.1.4.1.1.4", ObjectReason.NOT_CT_IMAGE),
        ("", ObjectReason.NOT_CT_IMAGE),
    ],
)
def test_other_objects_are_set_aside_by_their_class(sop_class: str, reason: ObjectReason) -> None:
    assert _reason(SOPClassUID=sop_class) is reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"BurnedInAnnotation": "YES"}, ObjectReason.BURNED_IN_ANNOTATION),
        ({"BurnedInAnnotation": "PERHAPS"}, ObjectReason.BURNED_IN_ANNOTATION),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, ObjectReason.SCREEN_COPY),
        (
            {"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"]},
            ObjectReason.SCREEN_COPY,
        ),
        ({"ConversionType": "WSD"}, ObjectReason.SCREEN_COPY),
        ({"SamplesPerPixel": 3}, ObjectReason.NOT_GREY),
        ({"PhotometricInterpretation": "RGB"}, ObjectReason.NOT_GREY),
        ({"NumberOfFrames": "2"}, ObjectReason.MULTI_FRAME_CT),
        ({"StudyInstanceUID": ["1.2.3", "1.2.4"]}, ObjectReason.NO_IDENTIFIERS),
        ({"SeriesInstanceUID": ""}, ObjectReason.NO_IDENTIFIERS),
        ({"PixelData": b""}, ObjectReason.PIXELS_MISSING),
        ({"PixelData": b"\0" * 386}, ObjectReason.PIXELS_OF_OTHER_LENGTH),
        ({"PixelData": b"\0" * 382}, ObjectReason.PIXELS_OF_OTHER_LENGTH),
    ],
)
def test_pictures_that_may_hold_text_are_set_aside(
    values: dict[str, object], reason: ObjectReason
) -> None:
    assert _reason(**values) is reason


def test_an_overlay_in_the_unused_bits_of_the_pixels_is_set_aside() -> None:
    dataset = plain_slice()
    dataset.add(DataElement(0x60000102, "US", 12))
    assert quarantine_reason(dataset, ExplicitVRLittleEndian) is ObjectReason.OVERLAY_IN_PIXELS


def test_encoded_pixels_may_have_any_length_and_unknown_encodings_none() -> None:
    assert _reason(JPEGLSLossless, PixelData=encapsulate([b"\xff\xd8\xff\xd9"])) is None
    assert _reason(UID("1.2.840.113619.5.2")) is ObjectReason.UNKNOWN_TRANSFER_SYNTAX
