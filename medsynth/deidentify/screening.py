"""Which objects are not de-identified but set aside, and why.

Headers can be cleaned; burned-in text, screen copies and reports cannot be by
rule. What is not a plain CT slice is quarantined with a reason code.
"""

import enum

from pydicom.dataset import Dataset
from pydicom.uid import UID

from medsynth.deidentify.codestream_text import has_text_in_pixels
from medsynth.deidentify.values import string_parts
from medsynth.imaging.dicom_header import CT_IMAGE_STORAGE


class ObjectReason(enum.StrEnum):
    """What became of a DICOM object; a closed set."""

    WRITTEN = "written"
    SECONDARY_CAPTURE = "secondary_capture"
    DOSE_REPORT = "dose_report"
    STRUCTURED_REPORT = "structured_report"
    MULTI_FRAME_CT = "multi_frame_ct"
    NOT_CT_IMAGE = "not_ct_image"
    BURNED_IN_ANNOTATION = "burned_in_annotation"
    SCREEN_COPY = "screen_copy"
    NOT_GREY = "not_grey"
    TEXT_IN_PIXEL_STREAM = "text_in_pixel_stream"
    OVERLAY_IN_PIXELS = "overlay_in_pixels"
    NO_IDENTIFIERS = "no_identifiers"
    UNKNOWN_TRANSFER_SYNTAX = "unknown_transfer_syntax"
    PIXELS_MISSING = "pixels_missing"
    PIXELS_OF_OTHER_LENGTH = "pixels_of_other_length"
    NOT_WRITABLE = "not_writable"
    DUPLICATE_INSTANCE = "duplicate_instance"
    CONFLICTING_INSTANCE = "conflicting_instance"


_SECONDARY_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_DOSE_REPORTS = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.88.67",  # X-Ray Radiation Dose SR
        "1.2.840.10008.5.1.4.1.1.88.68",  # Radiopharmaceutical Radiation Dose SR
        "1.2.840.10008.5.1.4.1.1.88.73",  # Patient Radiation Dose SR
    }
)
_MULTI_FRAME_CT = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
# Words of Image Type that makers give to pictures of a screen.
_SCREEN_WORDS = (
    *("SCREEN", "SCREEN SAVE", "CAPTURE", "PROT", "PROTOCOL", "DOSE", "DOSE_INFO"),
    *("DOSEINFO", "PATIENT PROTOCOL", "SUMMARY", "REPORT", "FORM", "PHOTO", "GSPS"),
)
_IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)


def quarantine_reason(dataset: Dataset, transfer_syntax: UID) -> ObjectReason | None:
    """Give the reason for which an object is set aside, or None for a plain CT slice.

    Args:
        dataset: the object, with its pixels.
        transfer_syntax: how it is encoded.

    Source: DICOM PS3.3 sections C.7.6.1 and C.8.2.1; Image Type words as found
    in objects of GE, Siemens, Philips and Canon.
    """
    sop_class = _first(dataset, "SOPClassUID")
    if sop_class != CT_IMAGE_STORAGE:
        return _kind_reason(sop_class)
    if (_number(dataset, "NumberOfFrames") or 1) != 1:
        return ObjectReason.MULTI_FRAME_CT
    return _picture_reason(dataset) or _pixels_reason(dataset, transfer_syntax)


def _kind_reason(sop_class: str) -> ObjectReason:
    if sop_class in _MULTI_FRAME_CT:
        return ObjectReason.MULTI_FRAME_CT
    if sop_class in _DOSE_REPORTS:
        return ObjectReason.DOSE_REPORT
    if sop_class.startswith(_REPORTS):
        return ObjectReason.STRUCTURED_REPORT
    if sop_class == _SECONDARY_CAPTURES or sop_class.startswith(_SECONDARY_CAPTURES + "."):
        return ObjectReason.SECONDARY_CAPTURE
    return ObjectReason.NOT_CT_IMAGE


def _picture_reason(dataset: Dataset) -> ObjectReason | None:
    if not all(_has_one(dataset, keyword) for keyword in _IDENTIFIERS):
        return ObjectReason.NO_IDENTIFIERS
    if _first(dataset, "BurnedInAnnotation").upper() not in ("", "NO"):
        return ObjectReason.BURNED_IN_ANNOTATION
    if _is_screen_copy(dataset):
        return ObjectReason.SCREEN_COPY
    if _number(dataset, "SamplesPerPixel") not in (None, 1) or not _first(
        dataset, "PhotometricInterpretation"
    ).startswith("MONOCHROME"):
        return ObjectReason.NOT_GREY
    return ObjectReason.OVERLAY_IN_PIXELS if _has_overlay_in_pixels(dataset) else None


def _is_screen_copy(dataset: Dataset) -> bool:
    conversion = _first(dataset, "ConversionType")
    words = {
        word
        for part in string_parts(dataset.get("ImageType"))
        for word in (part.upper(), *part.upper().split())
    }
    return bool(conversion) or bool(words.intersection(_SCREEN_WORDS))


def _has_overlay_in_pixels(dataset: Dataset) -> bool:
    # An overlay without data of its own lies in the unused bits of the pixels.
    return any(
        (group << 16 | 0x0102) in dataset and (group << 16 | 0x3000) not in dataset
        for group in _OVERLAY_GROUPS
    )


def _pixels_reason(dataset: Dataset, transfer_syntax: UID) -> ObjectReason | None:
    if transfer_syntax.is_private or not transfer_syntax.is_transfer_syntax:
        return ObjectReason.UNKNOWN_TRANSFER_SYNTAX
    pixels = dataset.get("PixelData")
    if not isinstance(pixels, bytes) or not pixels:
        return ObjectReason.PIXELS_MISSING
    if transfer_syntax.is_encapsulated:
        return ObjectReason.TEXT_IN_PIXEL_STREAM if has_text_in_pixels(pixels) else None
    numbers = [_number(dataset, name) or 0 for name in ("Rows", "Columns", "BitsAllocated")]
    rows, columns, bits = numbers
    length = rows * columns * bits // 8
    # Bytes behind the last pixel can hold anything.
    is_whole = len(pixels) == length + length % 2
    return None if is_whole else ObjectReason.PIXELS_OF_OTHER_LENGTH


def _first(dataset: Dataset, keyword: str) -> str:
    parts = string_parts(dataset.get(keyword))
    return parts[0] if parts else ""


def _has_one(dataset: Dataset, keyword: str) -> bool:
    parts = string_parts(dataset.get(keyword))
    return len(parts) == 1 and bool(parts[0])


def _number(dataset: Dataset, keyword: str) -> int | None:
    try:
        return int(_first(dataset, keyword))
    except ValueError:
        return None
