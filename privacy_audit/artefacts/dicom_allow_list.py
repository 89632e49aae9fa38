"""Which DICOM attributes a synthetic image may carry, by what their content must look like."""

# Numbers and bytes that describe the image itself. IS and DS are text on disk.
_PIXELS = """
SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns
PixelAspectRatio BitsAllocated BitsStored HighBit PixelRepresentation SmallestImagePixelValue
LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit PixelData FloatPixelData
DoubleFloatPixelData WindowCenter WindowWidth WindowCenterWidthExplanation VOILUTFunction
RescaleIntercept RescaleSlope RescaleType LossyImageCompression LossyImageCompressionRatio
LossyImageCompressionMethod BurnedInAnnotation RecognizableVisualFeatures
LongitudinalTemporalInformationModified PresentationLUTShape PixelPresentation ColorSpace
VolumetricProperties VolumeBasedCalculationTechnique ComplexImageComponent AcquisitionContrast
FrameIncrementPointer RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor
BluePaletteColorLookupTableDescriptor RedPaletteColorLookupTableData
GreenPaletteColorLookupTableData BluePaletteColorLookupTableData ExtendedOffsetTable
ExtendedOffsetTableLengths RealWorldValueIntercept RealWorldValueSlope
RealWorldValueFirstValueMapped RealWorldValueLastValueMapped
DoubleFloatRealWorldValueFirstValueMapped DoubleFloatRealWorldValueLastValueMapped LUTExplanation
LUTLabel
"""
_GRID = """
PixelSpacing NominalScannedPixelSpacing ImagerPixelSpacing PixelSpacingCalibrationType
SliceThickness SpacingBetweenSlices ImagePositionPatient ImageOrientationPatient SliceLocation
InstanceNumber SeriesNumber AcquisitionNumber TemporalPositionIdentifier InStackPositionNumber
StackID NumberOfTemporalPositions ImagesInAcquisition DimensionIndexPointer FunctionalGroupPointer
DimensionIndexValues DimensionOrganizationType DimensionDescriptionLabel FrameAcquisitionNumber
TemporalPositionIndex FrameType
"""
_SEGMENTS = """
SegmentNumber SegmentLabel SegmentDescription SegmentAlgorithmType SegmentAlgorithmName
SegmentationType SegmentationFractionalType MaximumFractionalValue ReferencedSegmentNumber
RecommendedDisplayGrayscaleValue RecommendedDisplayCIELabValue SegmentsOverlap AlgorithmName
AlgorithmVersion AlgorithmParameters TrackingID ContentLabel ContentDescription
ReferencedFrameNumber
"""
_KIND = """
SpecificCharacterSet ImageType SyntheticData Modality ConversionType PatientPosition
BodyPartExamined ImageLaterality Laterality KVP ContentQualification QueryRetrieveLevel
PresentationIntentType PatientIdentityRemoved CodeValue CodingSchemeDesignator CodingSchemeVersion
CodeMeaning LongCodeValue MappingResource ContextIdentifier ContextGroupVersion
MappingResourceName TimezoneOffsetFromUTC PositionReferenceIndicator
"""
_TEXTS = """
Manufacturer ManufacturerModelName SoftwareVersions DeviceSerialNumber StudyDescription
SeriesDescription ProtocolName DerivationDescription DeidentificationMethod ImageComments
ContributionDescription SecondaryCaptureDeviceManufacturer
SecondaryCaptureDeviceManufacturerModelName SecondaryCaptureDeviceSoftwareVersions
ClinicalTrialProtocolName PatientComments StudyID
"""

ALLOWED_KEYWORDS = frozenset(" ".join((_PIXELS, _GRID, _SEGMENTS, _KIND, _TEXTS)).split())
"""Attributes that may have content; its words and numbers are looked at all the same."""

IDENTITY_KEYWORDS = frozenset(
    {
        "PatientName",
        "PatientID",
        "ContentCreatorName",
        "ClinicalTrialSubjectID",
        "ClinicalTrialProtocolID",
        "ClinicalTrialSponsorName",
    }
)
"""Names and numbers that the format asks for; they must look made up."""

ALLOWED_META = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012})
"""File meta elements that name no site."""

IMPLEMENTATION_NAMES = (
    "PYDICOM",
    "HIGHDICOM",
    "OFFIS",
    "GDCM",
    "DCM4CHE",
    "FO-DICOM",
    "FELLOW",
    "ITK",
    "MEDSYNTH",
    "DICOMWEB",
    "ORTHANC",
    "CORNERSTONE",
    "DCMJS",
    "MATLAB",
)
"""Beginnings of Implementation Version Name (0002,0013) of common libraries."""

EMPTY_DATES = frozenset({"", "19000101", "00010101", "000000", "000000.000000", "00000000", "0000"})
"""Dates and times that stand for none."""

OVERLAY_GROUPS = range(0x6000, 0x6100)
CURVE_GROUPS = range(0x5000, 0x5100)
ICON_TAG = 0x00880200
ICC_TAG = 0x00282000
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
PADDING_TAG = 0xFFFCFFFC
