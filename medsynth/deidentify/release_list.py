"""The attributes a release holds, and the words they may hold: a closed list for CT images.

Everything else is left out. Text selects one of our own words or is dropped.
"""

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from medsynth.deidentify.allow_list import allowed_kernel, allowed_manufacturer
from medsynth.deidentify.words import allowed_words

_KEYWORDS = (
    # Patient and study.
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("PatientSize", "PatientWeight", "StudyInstanceUID", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber", "StudyDescription"),
    # Series and equipment.
    *("Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDate", "SeriesTime"),
    *("SeriesDescription", "ProtocolName", "BodyPartExamined", "PatientPosition", "Laterality"),
    *("FrameOfReferenceUID", "PositionReferenceIndicator", "Manufacturer"),
    *("AnatomicRegionSequence",),
    # Image.
    *("SOPClassUID", "SOPInstanceUID", "SyntheticData", "ImageType", "InstanceNumber"),
    *("AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime"),
    *("ContentDate", "ContentTime", "ImagePositionPatient", "ImageOrientationPatient"),
    *("PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "SliceLocation"),
    *("BurnedInAnnotation", "RecognizableVisualFeatures", "LossyImageCompression"),
    *("LossyImageCompressionRatio", "LossyImageCompressionMethod", "WindowCenter", "WindowWidth"),
    # Pixels.
    *("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated"),
    *("BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue"),
    *("PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope", "RescaleType", "PixelData"),
    # How the scan was made.
    *("KVP", "ExposureTime", "XRayTubeCurrent", "Exposure", "GantryDetectorTilt", "TableHeight"),
    *("RotationDirection", "ConvolutionKernel", "DataCollectionDiameter", "FocalSpots"),
    *("ReconstructionDiameter", "DistanceSourceToDetector", "DistanceSourceToPatient"),
    *("SpiralPitchFactor", "SingleCollimationWidth", "TotalCollimationWidth", "TableSpeed"),
    *("TableFeedPerRotation", "RevolutionTime", "CTDIvol", "ScanOptions"),
    *("ContrastBolusAgent", "ContrastBolusRoute", "ContrastBolusVolume", "ContrastFlowRate"),
    *("ContrastFlowDuration",),
)
ANATOMIC_REGION_SEQUENCE = 0x00082218
# Code value -> scheme, meaning. Source: DICOM PS3.16, CID 4 Anatomic Region, and its SRT ancestors.
_REGION_CODES = {
    "818981001": ("SCT", "Abdomen"),
    "818982008": ("SCT", "Abdomen and Pelvis"),
    "818983003": ("SCT", "Abdomen"),
    "51185008": ("SCT", "Chest"),
    "69536005": ("SCT", "Head"),
    "774007": ("SCT", "Head and Neck"),
    "45048000": ("SCT", "Neck"),
    "816092008": ("SCT", "Pelvis"),
    "12921003": ("SCT", "Pelvis"),
    "38266002": ("SCT", "Entire body"),
    "416550000": ("SCT", "Chest and Abdomen"),
    "416775004": ("SCT", "Chest, Abdomen and Pelvis"),
    "12738006": ("SCT", "Brain"),
    "39607008": ("SCT", "Lung"),
    "10200004": ("SCT", "Liver"),
    "64033007": ("SCT", "Kidney"),
    "80891009": ("SCT", "Heart"),
    "T-D4000": ("SRT", "Abdomen"),
    "T-D3000": ("SRT", "Chest"),
    "T-D1100": ("SRT", "Head"),
    "T-D1000": ("SRT", "Head and Neck"),
    "T-D1600": ("SRT", "Neck"),
    "T-D6000": ("SRT", "Pelvis"),
    "T-D0010": ("SRT", "Entire body"),
    "T-A0100": ("SRT", "Brain"),
    "T-28000": ("SRT", "Lung"),
    "T-62000": ("SRT", "Liver"),
    "T-71000": ("SRT", "Kidney"),
    "T-32000": ("SRT", "Heart"),
}
_REGIONS = (
    "ABDOMEN ABDOMENPELVIS ADRENAL ANKLE AORTA ARM BACK BLADDER BODY BRAIN BREAST CHEST "
    "CHESTABDOMEN CHESTABDPELVIS CHESTABDPELV CAP CLAVICLE COLON CSPINE ELBOW ESOPHAGUS EXTREMITY "
    "EYE FACE FEMUR FINGER FOOT HAND HEAD HEADNECK HEART HIP HUMERUS IAC JAW KIDNEY KNEE LEG "
    "LIVER LSPINE LUNG MEDIASTINUM NECK NECKCHEST NECKCHESTABDOMEN NECKCHESTABDPELV ORBIT PANCREAS "
    "PELVIS RIB SHOULDER SINUS SKULL SPINE SPLEEN SSPINE STERNUM TESTIS THIGH THORAX TSPINE TRUNK "
    "WHOLEBODY WRIST ZYGOMA"
)
_OTHER_CODES = (
    "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER HELIX HELICAL VOLUME MPR REFORMATTED "
    "ADD PERFUSION NORMAL_CT HELICAL_CT AVERAGE RESAMPLED "
    "MIP MINIP CT CT_SOM5 CT_SOM7 SPI SEQ MONOCHROME2 YES NO 00 01 CW CC "
    "HFP HFS HFDR HFDL FFP FFS FFDR FFDL LFP LFS RFP RFS AFDR AFDL PFDR PFDL M F O L R NONE "
    "ISO_10918_1 ISO_14495_1 ISO_15444_1 SPIRAL HIT OTHER CINE OSTEO"
)
KNOWN_CODES = (
    frozenset(_REGIONS.split())
    | frozenset(_OTHER_CODES.split())
    | {
        "AXIAL MODE",
        "HELICAL MODE",
        "DYNAMIC MODE",
        "CT_SOM4 SPI",
        "CT_SOM4 SEQ",
        "CT_SOM5 SPI",
        "CT_SOM5 SEQ",
        "CT_SOM7 SPI",
        "CT_SOM7 SEQ",
        "",
    }
)
_RESCALE_TYPES = frozenset({"HU", "HU_MOD", "US"})


def _tags(keywords: tuple[str, ...]) -> frozenset[int]:
    tags = (tag_for_keyword(keyword) for keyword in keywords)
    return frozenset(tag for tag in tags if tag is not None)


RELEASE_TAGS = _tags(_KEYWORDS)
_MANUFACTURER, _KERNEL, _RESCALE_TYPE = 0x00080070, 0x00181210, 0x00281054


def released_text(tag: int, text: str, names: frozenset[str]) -> str:
    """Give what a release may hold of a text.

    Args:
        tag: the attribute, of VR LO, SH or UC.
        text: its value.
        names: what the header calls people, in lower case.

    Returns:
        Words of ours, or nothing.
    """
    if tag == _MANUFACTURER:
        return allowed_manufacturer(text)
    if tag == _KERNEL:
        return allowed_kernel(text)
    if tag == _RESCALE_TYPE:
        return _rescale_type(text)
    return allowed_words(text, names=names)


def released_regions(code_values: list[str]) -> list[Dataset]:
    """Give the items of an Anatomic Region Sequence, written new.

    Args:
        code_values: Code Value (0008,0100) of each item; an unknown one gives no item.
    """
    items = []
    for value in code_values:
        if value in _REGION_CODES:
            scheme, meaning = _REGION_CODES[value]
            item = Dataset()
            item.CodeValue = value
            item.CodingSchemeDesignator = scheme
            item.CodeMeaning = meaning
            items.append(item)
    return items


def released_codes(parts: list[str]) -> list[str]:
    """Give those of several code strings (VR CS) that are on the list, in their order."""
    return [part for part in parts if part in KNOWN_CODES]


def _rescale_type(text: str) -> str:
    # Some tools spell the unit out, and not always rightly.
    if text.casefold().startswith("houn"):
        return "HU"
    return text if text in _RESCALE_TYPES else ""
