"""Writing a made-up scan as the DICOM files that a hospital would send."""

import datetime
import hashlib
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from scipy import ndimage

from medsynth.imaging.volume import Volume
from medsynth.phantom.headers import (
    Identity,
    SeriesHeader,
    StudyHeader,
    image_uid,
    series_time,
)
from medsynth.phantom.patient import PatientProfile
from medsynth.phantom.scanner import outside_circle
from medsynth.phantom.site import Site

# What GE scanners store outside the circle; with their intercept it reads -3024 HU.
PADDING_VALUE = -2000
_PRIVATE_GROUP = 0x0029
_PRIVATE_CREATOR = "PHANTOM VENDOR HEADER"


def write_axial_series(
    folder: Path,
    volume: Volume,
    *,
    base: Dataset,
    series: SeriesHeader,
    site: Site,
) -> None:
    """Write a volume as one file a slice.

    Instance numbers run from head to feet, so they run against the order of
    the volume's slices. At sites that scramble, file names say nothing of it.

    Args:
        folder: an existing empty folder.
        volume: int16 HU, axial.
        base: what all files of the series share, from `series_dataset`.
        series: its header.
        site: decides encoding, padding and file names.
    """
    stored = _stored_values(volume, site)
    slice_mm, row_mm, column_mm = volume.spacing_slice_row_column_mm
    x_mm, y_mm, z_mm = (float(value) for value in volume.affine[:3, 3])
    slices = stored.shape[0]
    for index in range(slices):
        number = slices - index
        height_mm = z_mm + index * slice_mm
        image = Dataset()
        image.update(base)
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.SpacingBetweenSlices = _decimal(slice_mm)
        image.SliceThickness = _decimal(slice_mm * site.thickness_ratio)
        # NIfTI's x and y run against DICOM's.
        image.ImagePositionPatient = [_decimal(-x_mm), _decimal(-y_mm), _decimal(height_mm)]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.SliceLocation = _decimal(height_mm)
        image.PixelSpacing = [_decimal(row_mm), _decimal(column_mm)]
        image.RescaleType = "HU"
        image.WindowCenter = 50
        image.WindowWidth = 400
        _fill_pixels(image, stored[index], site)
        _write(folder, image, series, number, site)


def write_scout_series(
    folder: Path,
    volume: Volume,
    *,
    base: Dataset,
    series: SeriesHeader,
    site: Site,
) -> None:
    """Write a localizer: one projection from front to back, which is no slice.

    Args:
        folder: an existing empty folder.
        volume: the scan it plans, int16 HU.
        base: what the series' file shares with others, from `series_dataset`.
        series: its header.
        site: decides encoding and file name.
    """
    slice_mm, _, column_mm = volume.spacing_slice_row_column_mm
    projection = volume.voxels_hu.astype(np.float32).mean(axis=1)[::-1]
    square = ndimage.zoom(projection, (slice_mm / column_mm, 1.0), order=1)
    stored = np.rint(square).astype(np.int16) - np.int16(site.intercept_hu)
    x_mm, _, z_mm = (float(value) for value in volume.affine[:3, 3])
    top_mm = z_mm + (volume.voxels_hu.shape[0] - 1) * slice_mm
    image = Dataset()
    image.update(base)
    image.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    image.SliceThickness = _decimal(column_mm)
    image.ImagePositionPatient = [_decimal(-x_mm), "0.0", _decimal(top_mm)]
    image.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    image.PixelSpacing = [_decimal(column_mm), _decimal(column_mm)]
    image.WindowCenter = -200
    image.WindowWidth = 1400
    _fill_pixels(image, stored, site)
    _write(folder, image, series, 1, site)


def series_dataset(
    patient: PatientProfile,
    identity: Identity,
    site: Site,
    study: StudyHeader,
    series: SeriesHeader,
) -> Dataset:
    """Give the attributes that all files of a series share.

    Args:
        patient: sex, age and size.
        identity: what is planted of the person.
        site: equipment and habits.
        study: the examination.
        series: the series.

    Returns:
        A new dataset without image attributes.
    """
    shared = Dataset()
    shared.SpecificCharacterSet = "ISO_IR 100"
    _fill_patient(shared, patient, identity, study, site)
    _fill_study(shared, study, identity, site)
    _fill_series(shared, study, series, site)
    _fill_equipment(shared, study, site)
    if series.agent is not None:
        _fill_contrast(shared, series)
    block = shared.private_block(_PRIVATE_GROUP, _PRIVATE_CREATOR, create=True)
    block.add_new(0x08, "LO", f"{identity.family_name} {identity.given_name}")
    block.add_new(0x09, "LO", identity.patient_id)
    block.add_new(0x0A, "DA", identity.born.strftime("%Y%m%d"))
    return shared


def _fill_patient(
    shared: Dataset,
    patient: PatientProfile,
    identity: Identity,
    study: StudyHeader,
    site: Site,
) -> None:
    shared.PatientName = f"{identity.family_name}^{identity.given_name}"
    shared.PatientID = identity.patient_id
    shared.PatientBirthDate = identity.born.strftime("%Y%m%d")
    shared.PatientSex = patient.sex.value
    shared.PatientAge = f"{patient.age_years:03d}Y"
    shared.PatientSize = _decimal(patient.height_cm / 100)
    shared.PatientWeight = _decimal(patient.weight_kg)
    if site.fills_comments:
        shared.PatientComments = study.comments
        shared.PatientAddress = identity.address
        shared.PatientTelephoneNumbers = identity.telephone
        other = Dataset()
        other.PatientID = identity.other_id
        other.TypeOfPatientID = "TEXT"
        shared.OtherPatientIDsSequence = Sequence([other])


def _fill_study(shared: Dataset, study: StudyHeader, identity: Identity, site: Site) -> None:
    shared.StudyInstanceUID = study.study_uid
    shared.StudyDate = study.taken.strftime("%Y%m%d")
    shared.StudyTime = study.taken.strftime("%H%M%S.%f")
    shared.ReferringPhysicianName = study.referring
    shared.StudyID = study.study_id
    shared.AccessionNumber = study.accession
    shared.StudyDescription = study.description
    if site.fills_comments:
        request = Dataset()
        request.RequestedProcedureDescription = f"CT {identity.family_name}"
        request.RequestedProcedureID = study.study_id
        request.ScheduledProcedureStepID = study.accession
        shared.RequestAttributesSequence = Sequence([request])


def _fill_series(shared: Dataset, study: StudyHeader, series: SeriesHeader, site: Site) -> None:
    shared.Modality = "CT"
    shared.SeriesInstanceUID = series.series_uid
    shared.SeriesNumber = series.number
    shared.SeriesDescription = series.description
    taken = study.taken + datetime.timedelta(seconds=series.seconds_into_study)
    shared.SeriesDate = taken.strftime("%Y%m%d")
    shared.SeriesTime = series_time(study, series)
    shared.AcquisitionDate = shared.SeriesDate
    shared.AcquisitionTime = shared.SeriesTime
    shared.ContentDate = shared.SeriesDate
    shared.ContentTime = shared.SeriesTime
    shared.OperatorsName = study.operator
    shared.BodyPartExamined = study.region.value.upper()
    shared.PatientPosition = "HFS"
    shared.FrameOfReferenceUID = study.frame_uid
    shared.PositionReferenceIndicator = ""
    shared.ProtocolName = study.description
    shared.KVP = site.kilovoltage
    shared.AcquisitionNumber = series.number
    shared.ConvolutionKernel = site.kernel
    shared.ExposureTime = 500
    shared.XRayTubeCurrent = 210


def _fill_equipment(shared: Dataset, study: StudyHeader, site: Site) -> None:
    shared.Manufacturer = site.manufacturer
    shared.ManufacturerModelName = site.model
    shared.InstitutionName = study.institution
    shared.InstitutionAddress = study.institution_address
    shared.StationName = study.station
    shared.DeviceSerialNumber = study.serial
    shared.SoftwareVersions = "1.0"


def _fill_contrast(shared: Dataset, series: SeriesHeader) -> None:
    shared.ContrastBolusAgent = series.agent
    if series.agent != "NONE":
        shared.ContrastBolusRoute = "IV"
        shared.ContrastBolusVolume = "100"


def _fill_pixels(image: Dataset, stored: NDArray[np.int16], site: Site) -> None:
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = stored.shape
    image.BitsAllocated = 16
    image.BitsStored = 16 if site.is_signed else 12
    image.HighBit = image.BitsStored - 1
    image.PixelRepresentation = 1 if site.is_signed else 0
    image.RescaleIntercept = site.intercept_hu
    image.RescaleSlope = 1
    if site.is_padded:
        image.add_new("PixelPaddingValue", "SS", PADDING_VALUE)
    image.add_new("PixelData", "OW", stored.astype("<i2").tobytes())


def _stored_values(volume: Volume, site: Site) -> NDArray[np.int16]:
    stored = volume.voxels_hu.astype(np.int16) - np.int16(site.intercept_hu)
    if site.is_padded:
        stored[:, outside_circle(stored.shape[1])] = PADDING_VALUE
    return stored


def _write(folder: Path, image: Dataset, series: SeriesHeader, number: int, site: Site) -> None:
    image.InstanceNumber = number
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = image_uid(series, number)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    name = f"IM{number:04d}.dcm"
    if site.is_scrambled:
        digest = hashlib.sha256(image.SOPInstanceUID.encode("ascii")).hexdigest()
        name = f"{digest[:12]}.dcm"
    file = FileDataset(None, image, file_meta=meta, preamble=b"\0" * 128)
    pydicom.dcmwrite(folder / name, file, enforce_file_format=True)


def _decimal(value: float) -> str:
    """Give a decimal string of at most 16 characters, as DICOM's DS allows."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if value != round(value) else f"{value:.1f}"
