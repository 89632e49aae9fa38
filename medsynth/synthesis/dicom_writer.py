"""Writing a synthetic volume as a new CT series.

Every object is written from scratch. Nothing is taken from a source's header;
of the grid only its shape and spacing are kept, with the origin moved to zero.

Source: DICOM PS3.3 section A.3 (CT Image IOD), C.12.1.1.9 (Patient Identity
Removed), PS3.5 section B.2 (UIDs made from a UUID).
"""

import hashlib
import hmac
import uuid
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

import medsynth
from medsynth.errors import ImageError
from medsynth.imaging.volume import HIGHEST_HU, LOWEST_HU, Volume

RESCALE_INTERCEPT_HU = -1024
_SMALLEST_COSINE = 0.9
_LARGEST_STORED = HIGHEST_HU - RESCALE_INTERCEPT_HU


def write_dicom_series(
    folder: Path,
    volume: Volume,
    *,
    name: str,
    uid_secret: bytes | str,
    description: str,
    weights_sha256: str | None,
) -> None:
    """Write a synthetic volume as a series of CT Image objects, `0001.dcm` and on.

    The objects say of themselves that they are synthetic data, derived from a
    real scan, with the identity removed. They carry no date, no contrast agent
    and no reference to any other object. Equal arguments give equal bytes.

    Args:
        folder: where to write; made if missing, must not hold a series already.
        volume: axial as `Volume` describes; HU are rounded and clipped to
            [-1024, 3071]. Of its affine only the spacing is written.
        name: becomes Patient's Name and Patient ID, at most 16 characters.
        uid_secret: key of the UIDs: without it nobody can tell from which
            `name` a UID was made.
        description: Series Description, at most 64 characters.
        weights_sha256: SHA-256 of the translator's weights, or None to leave it out.

    Raises:
        ImageError: the volume is not axial, or a text is too long for its field.
    """
    _check_axial(volume)
    _check_length("name", name, longest=16)
    _check_length("description", description, longest=64)
    key = uid_secret if isinstance(uid_secret, bytes) else uid_secret.encode("utf-8")
    shared = _series_attributes(volume, name=name, description=description)
    shared.StudyInstanceUID = new_uid(key, name, "study")
    shared.SeriesInstanceUID = new_uid(key, name, "series")
    shared.FrameOfReferenceUID = new_uid(key, name, "frame of reference")
    shared.ContributingEquipmentSequence = [_contributing_equipment(weights_sha256)]
    slice_mm = volume.spacing_slice_row_column_mm[0]
    folder.mkdir(parents=True, exist_ok=True)
    for index, slice_hu in enumerate(volume.voxels_hu):
        instance = Dataset()
        instance.update(shared)
        instance.SOPInstanceUID = new_uid(key, name, f"instance {index}")
        instance.InstanceNumber = index + 1
        instance.ImagePositionPatient = [0, 0, format_number_as_ds(index * slice_mm)]
        instance.PixelData = _stored_values(slice_hu).tobytes()
        _save(instance, folder / f"{index + 1:04d}.dcm")


def new_uid(uid_secret: bytes, name: str, kind: str) -> UID:
    """Give the UID that belongs to a name and a kind of object.

    Args:
        uid_secret: the key.
        name: of the synthetic volume.
        kind: what is named, for example "series" or "instance 3".

    Returns:
        A UID below 2.25, the root of UUIDs; equal arguments give equal UIDs.
    """
    digest = hmac.new(uid_secret, f"{name}\0{kind}".encode(), hashlib.sha256).digest()
    return UID(f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}")


def _check_axial(volume: Volume) -> None:
    # Volume's orientation in RAS+: columns to the left, rows to the back, slices to the head.
    directions = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    cosines = np.diag(directions) * np.array([-1.0, -1.0, 1.0])
    if cosines.min() < _SMALLEST_COSINE:
        raise ImageError(
            f"A synthetic volume's axes have direction cosines {np.round(cosines, 3).tolist()} "
            f"to an axial grid. Expected at least {_SMALLEST_COSINE} each. "
            "Bring the volume into axial orientation before it is written."
        )


def _check_length(field: str, text: str, *, longest: int) -> None:
    if not 0 < len(text) <= longest:
        raise ImageError(
            f"The {field} of a synthetic series has {len(text)} characters. "
            f"Expected 1 to {longest}. Choose another {field}."
        )


def _stored_values(slice_hu: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.uint16]:
    clipped = np.clip(np.rint(slice_hu), LOWEST_HU, HIGHEST_HU)
    return (clipped.astype(np.int32) - RESCALE_INTERCEPT_HU).astype("<u2")


def _series_attributes(volume: Volume, *, name: str, description: str) -> Dataset:
    shared = Dataset()
    _add_identity(shared, name)
    _add_series(shared, description)
    _add_grid(shared, volume)
    _add_pixel_format(shared)
    return shared


def _add_identity(dataset: Dataset, name: str) -> None:
    dataset.PatientName = name
    dataset.PatientID = name
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [
        "Voxels computed by a network from a real scan",
        "Header written new; of the source only shape and spacing kept",
    ]
    dataset.DeidentificationMethodCodeSequence = [
        _code("113100", "Basic Application Confidentiality Profile")
    ]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _add_series(dataset: Dataset, description: str) -> None:
    dataset.SOPClassUID = CTImageStorage
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.SyntheticData = "YES"
    dataset.Modality = "CT"
    dataset.StudyDate = ""
    dataset.StudyTime = ""
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = ""
    dataset.SeriesNumber = 1
    dataset.AcquisitionNumber = None
    dataset.Manufacturer = "medsynth"
    dataset.ManufacturerModelName = "medsynth"
    dataset.SoftwareVersions = medsynth.__version__
    dataset.SeriesDescription = description
    dataset.ImageComments = "SYNTHETIC IMAGE. Not for diagnostic use."
    dataset.DerivationDescription = (
        "Synthetic non-contrast CT: a contrast-enhanced scan translated by a CycleGAN. The anatomy "
        "is that of the source scan. Not for diagnostic use."
    )
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.PatientPosition = "HFS"
    dataset.PositionReferenceIndicator = ""
    dataset.KVP = None


def _add_grid(dataset: Dataset, volume: Volume) -> None:
    _, rows, columns = volume.voxels_hu.shape
    slice_mm, row_mm, column_mm = volume.spacing_slice_row_column_mm
    dataset.Rows = rows
    dataset.Columns = columns
    dataset.PixelSpacing = [format_number_as_ds(row_mm), format_number_as_ds(column_mm)]
    dataset.SliceThickness = format_number_as_ds(slice_mm)
    dataset.SpacingBetweenSlices = format_number_as_ds(slice_mm)
    # DICOM's axes point to the left, the back and the head, as our columns, rows and slices do.
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]


def _add_pixel_format(dataset: Dataset) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = _LARGEST_STORED.bit_length()
    dataset.HighBit = _LARGEST_STORED.bit_length() - 1
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept = RESCALE_INTERCEPT_HU
    dataset.RescaleSlope = 1
    dataset.RescaleType = "HU"
    dataset.WindowCenter = 40
    dataset.WindowWidth = 400
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.LossyImageCompression = "00"


def _contributing_equipment(weights_sha256: str | None) -> Dataset:
    equipment = Dataset()
    equipment.Manufacturer = "medsynth"
    equipment.ManufacturerModelName = "medsynth"
    equipment.SoftwareVersions = medsynth.__version__
    equipment.ContributionDescription = "Synthetic image written new" + (
        "" if weights_sha256 is None else f"; SHA-256 of the weights: {weights_sha256}"
    )
    equipment.PurposeOfReferenceCodeSequence = [_code("109102", "Processing Equipment")]
    return equipment


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = meaning
    return code


def _save(dataset: Dataset, path: Path) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = meta
    dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)
