"""What is read from the header of one DICOM file.

Everything here that is text or an identifier is a patient's. It lives in memory
while a series is judged and is never written, logged or put into a message;
`repr` leaves it out, so that not even a traceback shows it.

Headers are small, about a kilobyte: a hospital's archive has them by the hundred
thousand.
"""

import dataclasses
import enum
import sys
from pathlib import Path
from typing import Any

import pydicom

from medsynth.imaging.dicom_frames import (
    FrameHeader,
    PlaneGeometry,
    matrix_of,
    plane_geometry,
    read_frames,
)
from medsynth.imaging.dicom_values import (
    first_item,
    first_text,
    number,
    numbers,
    patient_id_key,
    seconds_of_day,
    silent_pydicom,
    text,
    whole_number,
    words,
)

__all__ = [
    "CT_IMAGE_STORAGE",
    "ContrastText",
    "FrameHeader",
    "ImageKind",
    "InstanceHeader",
    "PlaneGeometry",
    "TechnicalText",
    "file_state",
    "is_dicom_file",
    "read_header",
    "silent_pydicom",
]

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_MULTI_FRAME_CT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
    }
)
# The first two bytes of an element of group 0002 or 0008, little endian and big endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")
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
    "ContrastBolusStartTime",
    "ContrastBolusTotalDose",
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
    "RescaleType",
    "PixelPaddingRangeLimit",
    "PixelPresentation",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
    "VolumeBasedCalculationTechnique",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


class ImageKind(enum.Enum):
    """Which kind of object a file holds."""

    CT_IMAGE = "ct_image"
    MULTI_FRAME_CT = "multi_frame_ct"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True)
class ContrastText:
    """What a header says about contrast agent, as it stands there.

    Attributes:
        agent: Contrast/Bolus Agent and the meanings of its code sequence.
        routes: Contrast/Bolus Route and the meanings of its code sequence.
        volume_ml: Contrast/Bolus Volume, or None.
        flow_ml_per_second: Contrast Flow Rate, or None.
        start_time: Contrast/Bolus Start Time.
        total_dose_ml: Contrast/Bolus Total Dose, or None.
        series_description: Series Description.
        protocol_name: Protocol Name.
        study_description: Study Description.
    """

    agent: str = dataclasses.field(default="", repr=False)
    routes: str = dataclasses.field(default="", repr=False)
    volume_ml: float | None = dataclasses.field(default=None, repr=False)
    flow_ml_per_second: float | None = dataclasses.field(default=None, repr=False)
    start_time: str = dataclasses.field(default="", repr=False)
    total_dose_ml: float | None = dataclasses.field(default=None, repr=False)
    series_description: str = dataclasses.field(default="", repr=False)
    protocol_name: str = dataclasses.field(default="", repr=False)
    study_description: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
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


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceHeader:
    """The header of one DICOM file.

    Attributes:
        path: the file.
        kind: which kind of object it holds.
        series_identity: Series Instance UID, or what stands for it; empty when nothing does.
        patient_identity: Patient ID without spaces and in capitals, or what stands for it;
            empty when nothing does.
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
        padding_limit: Pixel Padding Range Limit in the sign of the stored values, or None.
        rescale_type: Rescale Type in capitals, empty when missing.
        acquisition: Acquisition Number, or None.
        seconds: Content Time, else Acquisition Time, seconds since midnight, or None.
        frame_of_reference: Frame of Reference UID; empty when missing.
        file_state: what changes when the file is written again; empty when not known.
        frames: the frames of a multi-frame file that belong here; empty in any other file
            and where a multi-frame file does not describe its frames.
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
    padding_limit: int | None = None
    rescale_type: str = dataclasses.field(default="", repr=False)
    acquisition: int | None = dataclasses.field(default=None, repr=False)
    seconds: float | None = dataclasses.field(default=None, repr=False)
    frame_of_reference: str = dataclasses.field(default="", repr=False)
    file_state: tuple[int, ...] = dataclasses.field(default=(), repr=False)
    frames: tuple[FrameHeader, ...] = ()


def is_dicom_file(path: Path) -> bool:
    """Tell whether a file starts as DICOM does.

    That is the letters DICM after a preamble of 128 bytes or, in files without
    preamble, an element of group 0002 or 0008.
    """
    with path.open("rb") as stream:
        start = stream.read(132)
    return start[128:132] == b"DICM" or start[:2] in _FIRST_GROUPS


def file_state(path: Path) -> tuple[int, ...]:
    """Give what changes when a file is written again: its size and its time of change.

    Args:
        path: an existing file.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def read_header(path: Path) -> InstanceHeader | None:
    """Read the header of one file.

    Args:
        path: any file.

    Returns:
        The header, or None where the file is not DICOM or cannot be read.

    Raises:
        MemoryError: the header does not fit in the memory of this process.
    """
    try:
        if not is_dicom_file(path):
            return None
        # Taken before reading: what is written meanwhile then shows as a change, too.
        state = file_state(path)
        with silent_pydicom():
            dataset = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS_READ)
            )
            return _header(path, dataset, state)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises a dozen kinds on damaged files
        return None


def _header(path: Path, dataset: Any, state: tuple[int, ...]) -> InstanceHeader:
    kind = _kind(dataset)
    frames = read_frames(dataset) if kind is ImageKind.MULTI_FRAME_CT else ()
    series_identity, patient_identity = _identities(dataset)
    return InstanceHeader(
        path=path,
        kind=kind,
        series_identity=series_identity,
        patient_identity=patient_identity,
        instance_uid=first_text(
            text(dataset, "SOPInstanceUID"), text(dataset.file_meta, "MediaStorageSOPInstanceUID")
        ),
        image_type=_image_type(dataset),
        has_burned_in_text=text(dataset, "BurnedInAnnotation").upper() == "YES",
        is_grey=_is_grey(dataset),
        geometry=_geometry(dataset),
        slope=number(dataset, "RescaleSlope"),
        intercept=number(dataset, "RescaleIntercept"),
        padding=_padding(dataset, "PixelPaddingValue"),
        contrast=_contrast_text(dataset),
        technical=_technical_text(dataset, frames),
        padding_limit=_padding(dataset, "PixelPaddingRangeLimit"),
        rescale_type=text(dataset, "RescaleType").upper(),
        acquisition=whole_number(dataset, "AcquisitionNumber"),
        seconds=seconds_of_day(dataset, "ContentTime", "AcquisitionTime"),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        file_state=state,
        frames=frames,
    )


def _identities(dataset: Any) -> tuple[str, str]:
    """Give what names the series and the patient."""
    study_uid, series_uid, frame_uid = (
        text(dataset, keyword)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    )
    patient_id = patient_id_key(text(dataset, "PatientID"))
    return (
        first_text(series_uid, (study_uid + " " + frame_uid).strip()),
        first_text(sys.intern(patient_id), study_uid, frame_uid),
    )


def _kind(dataset: Any) -> ImageKind:
    sop_class = first_text(
        text(dataset, "SOPClassUID"), text(dataset.file_meta, "MediaStorageSOPClassUID")
    )
    frames = number(dataset, "NumberOfFrames") or 1.0
    if sop_class in _MULTI_FRAME_CT_CLASSES:
        return ImageKind.MULTI_FRAME_CT
    is_ct_without_class = not sop_class and text(dataset, "Modality") == "CT"
    if sop_class == CT_IMAGE_STORAGE or is_ct_without_class:
        return ImageKind.CT_IMAGE if frames == 1.0 else ImageKind.MULTI_FRAME_CT
    return ImageKind.OTHER


def _image_type(dataset: Any) -> tuple[str, ...]:
    technique = text(dataset, "VolumeBasedCalculationTechnique").upper()
    image_type = words(dataset, "ImageType")
    return image_type if technique in ("", "NONE") else (*image_type, technique)


def _is_grey(dataset: Any) -> bool:
    return (
        text(dataset, "PhotometricInterpretation") == "MONOCHROME2"
        and number(dataset, "SamplesPerPixel") in (None, 1.0)
        # An enhanced file may paint part of its values in colour.
        and text(dataset, "PixelPresentation") in ("", "MONOCHROME")
    )


def _geometry(dataset: Any) -> PlaneGeometry | None:
    return plane_geometry(
        matrix_of(dataset),
        numbers(dataset, "ImagePositionPatient", 3),
        numbers(dataset, "ImageOrientationPatient", 6),
        numbers(dataset, "PixelSpacing", 2),
    )


def _padding(dataset: Any, keyword: str) -> int | None:
    padding = whole_number(dataset, keyword)
    if padding is None:
        return None
    # Some scanners write the padding value with the type of the other sign.
    is_signed = number(dataset, "PixelRepresentation") == 1.0
    if is_signed and padding > 32767:
        return padding - 65536
    return padding + 65536 if padding < 0 and not is_signed else padding


def _technical_text(dataset: Any, frames: tuple[FrameHeader, ...]) -> TechnicalText:
    kvp = number(dataset, "KVP")
    if frames:
        group = first_item(dataset, "SharedFunctionalGroupsSequence")
        kvp = number(first_item(group, "CTXRayDetailsSequence") or {}, "KVP") or kvp
    return TechnicalText(
        manufacturer=text(dataset, "Manufacturer"),
        kernel=frames[0].kernel if frames else text(dataset, "ConvolutionKernel"),
        kvp=kvp,
        slice_thickness_mm=frames[0].thickness_mm if frames else number(dataset, "SliceThickness"),
    )


def _contrast_text(dataset: Any) -> ContrastText:
    # An enhanced file keeps volume and route within the agent's item.
    agent = first_item(dataset, "ContrastBolusAgentSequence") or {}
    route = text(first_item(agent, "ContrastBolusAdministrationRouteSequence") or {}, "CodeMeaning")
    routes = _with_meanings(
        dataset, "ContrastBolusRoute", "ContrastBolusAdministrationRouteSequence"
    )
    return ContrastText(
        agent=_with_meanings(dataset, "ContrastBolusAgent", "ContrastBolusAgentSequence"),
        routes=first_text(routes, route),
        volume_ml=number(dataset, "ContrastBolusVolume") or number(agent, "ContrastBolusVolume"),
        flow_ml_per_second=number(dataset, "ContrastFlowRate"),
        start_time=text(dataset, "ContrastBolusStartTime"),
        total_dose_ml=number(dataset, "ContrastBolusTotalDose"),
        series_description=text(dataset, "SeriesDescription"),
        protocol_name=text(dataset, "ProtocolName"),
        study_description=text(dataset, "StudyDescription"),
    )


def _with_meanings(dataset: Any, keyword: str, sequence_keyword: str) -> str:
    texts = [text(dataset, keyword)]
    texts.extend(text(item, "CodeMeaning") for item in dataset.get(sequence_keyword) or ())
    return " ".join(one for one in texts if one)
