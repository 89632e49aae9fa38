"""What is read from the header of one DICOM file.

Everything here that is text or an identifier is a patient's. It lives in memory
while a series is judged and is never written, logged or put into a message;
`repr` leaves it out, so that not even a traceback shows it.
"""

import contextlib
import dataclasses
import enum
import logging
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
from pydicom.multival import MultiValue

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_MULTI_FRAME_CT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
    }
)
_LARGEST_MATRIX = 4096
_FURTHEST_POSITION_MM = 1e5
# A text element of a sound file holds 64 characters; a damaged one may hold megabytes.
_LONGEST_TEXT = 256
_TAGS_READ = (
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "Manufacturer",
    "StudyDescription",
    "SeriesDescription",
    "PatientID",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "ContrastBolusAdministrationRouteSequence",
    "SliceThickness",
    "KVP",
    "ProtocolName",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "ContrastFlowRate",
    "ContrastFlowDuration",
    "ConvolutionKernel",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "PixelRepresentation",
    "PixelPaddingValue",
    "BurnedInAnnotation",
    "RescaleIntercept",
    "RescaleSlope",
)


class ImageKind(enum.Enum):
    """Which kind of object a file holds."""

    CT_IMAGE = "ct_image"
    MULTI_FRAME_CT = "multi_frame_ct"
    OTHER = "other"


@dataclasses.dataclass(frozen=True)
class ContrastText:
    """What a header says about contrast agent, as it stands there.

    Attributes:
        agent: Contrast/Bolus Agent and the meanings of its code sequence.
        routes: Contrast/Bolus Route and the meanings of its code sequence.
        volume_ml: Contrast/Bolus Volume, or None.
        flow_ml_per_second: Contrast Flow Rate, or None.
        series_description: Series Description.
        protocol_name: Protocol Name.
        study_description: Study Description.
    """

    agent: str = dataclasses.field(default="", repr=False)
    routes: str = dataclasses.field(default="", repr=False)
    volume_ml: float | None = dataclasses.field(default=None, repr=False)
    flow_ml_per_second: float | None = dataclasses.field(default=None, repr=False)
    series_description: str = dataclasses.field(default="", repr=False)
    protocol_name: str = dataclasses.field(default="", repr=False)
    study_description: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True)
class TechnicalText:
    """How the scan was made, as it stands in the header.

    Attributes:
        manufacturer: Manufacturer.
        kernel: Convolution Kernel.
        kvp: KVP, or None.
        slice_thickness_mm: Slice Thickness, or None.
    """

    manufacturer: str = dataclasses.field(default="", repr=False)
    kernel: str = dataclasses.field(default="", repr=False)
    kvp: float | None = dataclasses.field(default=None, repr=False)
    slice_thickness_mm: float | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True)
class PlaneGeometry:
    """Where one slice lies in the patient, in DICOM's LPS+ space.

    Attributes:
        rows: number of rows.
        columns: number of columns.
        position_mm: centre of the first pixel.
        orientation: direction along a row, then direction down a column; unit vectors.
        spacing_row_column_mm: distance between rows, distance between columns.
    """

    rows: int
    columns: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_row_column_mm: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class InstanceHeader:
    """The header of one DICOM file.

    Attributes:
        path: the file.
        kind: which kind of object it holds.
        series_identity: Series Instance UID, or what stands for it; empty when nothing does.
        patient_identity: Patient ID, or what stands for it; empty when nothing does.
        instance_uid: SOP Instance UID; empty when missing.
        image_type: Image Type.
        has_burned_in_text: whether Burned In Annotation is YES.
        is_grey: whether a pixel is one value and large values are bright.
        geometry: where the slice lies, or None where the header does not say.
        slope: Rescale Slope, or None.
        intercept: Rescale Intercept, or None.
        padding: Pixel Padding Value in the sign of the stored values, or None.
        contrast: what the header says about contrast agent.
        technical: how the scan was made.
    """

    path: Path = dataclasses.field(repr=False)
    kind: ImageKind
    series_identity: str = dataclasses.field(repr=False)
    patient_identity: str = dataclasses.field(repr=False)
    instance_uid: str = dataclasses.field(repr=False)
    image_type: tuple[str, ...] = dataclasses.field(repr=False)
    has_burned_in_text: bool
    is_grey: bool
    geometry: PlaneGeometry | None
    slope: float | None
    intercept: float | None
    padding: int | None
    contrast: ContrastText
    technical: TechnicalText


@contextlib.contextmanager
def silent_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings and log lines from being shown: they quote header values."""
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def is_dicom_file(path: Path) -> bool:
    """Tell whether a file starts as DICOM does.

    That is the letters DICM after a preamble of 128 bytes or, in files without
    preamble, an element of group 0002 or 0008 in little endian.
    """
    with path.open("rb") as stream:
        start = stream.read(132)
    return start[128:132] == b"DICM" or start[:2] in (b"\x02\x00", b"\x08\x00")


def read_header(path: Path) -> InstanceHeader | None:
    """Read the header of one file.

    Args:
        path: any file.

    Returns:
        The header, or None where the file is not DICOM or cannot be read.
    """
    try:
        if not is_dicom_file(path):
            return None
        with silent_pydicom():
            dataset = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS_READ)
            )
            return _header(path, dataset)
    except Exception:  # noqa: BLE001 - pydicom raises a dozen kinds on damaged files
        return None


def _header(path: Path, dataset: Any) -> InstanceHeader:
    meta = dataset.file_meta
    study_uid, series_uid, frame_uid = (
        _text(dataset, keyword)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    )
    return InstanceHeader(
        path=path,
        kind=_kind(dataset),
        series_identity=_first(series_uid, (study_uid + " " + frame_uid).strip()),
        patient_identity=_first(_text(dataset, "PatientID"), study_uid, frame_uid),
        instance_uid=_first(
            _text(dataset, "SOPInstanceUID"), _text(meta, "MediaStorageSOPInstanceUID")
        ),
        image_type=tuple(_text(dataset, "ImageType").upper().split(" ")),
        has_burned_in_text=_text(dataset, "BurnedInAnnotation").upper() == "YES",
        is_grey=_text(dataset, "PhotometricInterpretation") == "MONOCHROME2"
        and _number(dataset, "SamplesPerPixel") in (None, 1.0),
        geometry=_geometry(dataset),
        slope=_number(dataset, "RescaleSlope"),
        intercept=_number(dataset, "RescaleIntercept"),
        padding=_padding(dataset),
        contrast=_contrast_text(dataset),
        technical=TechnicalText(
            manufacturer=_text(dataset, "Manufacturer"),
            kernel=_text(dataset, "ConvolutionKernel"),
            kvp=_number(dataset, "KVP"),
            slice_thickness_mm=_number(dataset, "SliceThickness"),
        ),
    )


def _kind(dataset: Any) -> ImageKind:
    sop_class = _first(
        _text(dataset, "SOPClassUID"), _text(dataset.file_meta, "MediaStorageSOPClassUID")
    )
    frames = _number(dataset, "NumberOfFrames") or 1.0
    if sop_class in _MULTI_FRAME_CT_CLASSES:
        return ImageKind.MULTI_FRAME_CT
    is_ct_without_class = not sop_class and _text(dataset, "Modality") == "CT"
    if sop_class == CT_IMAGE_STORAGE or is_ct_without_class:
        return ImageKind.CT_IMAGE if frames == 1.0 else ImageKind.MULTI_FRAME_CT
    return ImageKind.OTHER


def _geometry(dataset: Any) -> PlaneGeometry | None:
    matrix = (_number(dataset, "Rows"), _number(dataset, "Columns"))
    position = _numbers(dataset, "ImagePositionPatient", 3)
    orientation = _numbers(dataset, "ImageOrientationPatient", 6)
    spacing = _numbers(dataset, "PixelSpacing", 2)
    if position is None or orientation is None or spacing is None:
        return None
    rows, columns = (int(length or 0) for length in matrix)
    is_plausible = (
        min(rows, columns) >= 1
        and max(rows, columns) <= _LARGEST_MATRIX
        and min(spacing) > 0
        and max(map(abs, (*position, *spacing))) <= _FURTHEST_POSITION_MM
        and _is_rotation(orientation)
    )
    return PlaneGeometry(rows, columns, position, orientation, spacing) if is_plausible else None


def _is_rotation(orientation: tuple[float, ...]) -> bool:
    along_row, down_column = orientation[:3], orientation[3:]
    product = sum(a * b for a, b in zip(along_row, down_column, strict=True))
    return (
        abs(math.hypot(*along_row) - 1) < 1e-2
        and abs(math.hypot(*down_column) - 1) < 1e-2
        and abs(product) < 1e-2
    )


def _padding(dataset: Any) -> int | None:
    padding = _number(dataset, "PixelPaddingValue")
    if padding is None:
        return None
    # Some scanners write a negative padding value with the unsigned type.
    is_signed = _number(dataset, "PixelRepresentation") == 1.0
    return int(padding) - 65536 if is_signed and padding > 32767 else int(padding)


def _contrast_text(dataset: Any) -> ContrastText:
    return ContrastText(
        agent=_with_meanings(dataset, "ContrastBolusAgent", "ContrastBolusAgentSequence"),
        routes=_with_meanings(
            dataset, "ContrastBolusRoute", "ContrastBolusAdministrationRouteSequence"
        ),
        volume_ml=_number(dataset, "ContrastBolusVolume"),
        flow_ml_per_second=_number(dataset, "ContrastFlowRate"),
        series_description=_text(dataset, "SeriesDescription"),
        protocol_name=_text(dataset, "ProtocolName"),
        study_description=_text(dataset, "StudyDescription"),
    )


def _with_meanings(dataset: Any, keyword: str, sequence_keyword: str) -> str:
    texts = [_text(dataset, keyword)]
    texts.extend(_text(item, "CodeMeaning") for item in dataset.get(sequence_keyword) or ())
    return " ".join(text for text in texts if text)


def _text(dataset: Any, keyword: str) -> str:
    value = dataset.get(keyword)
    if value is None:
        return ""
    parts = value if isinstance(value, MultiValue | list | tuple) else [value]
    return " ".join(str(part).strip() for part in parts)[:_LONGEST_TEXT]


def _numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(number) for number in dataset.get(keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _number(dataset: Any, keyword: str) -> float | None:
    try:
        value = dataset.get(keyword)
        number = float(value[0] if isinstance(value, MultiValue) else value)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return number if math.isfinite(number) else None


def _first(*texts: str) -> str:
    return next((text for text in texts if text), "")
