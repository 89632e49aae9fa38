"""Made-up DICOM files for the tests of reading."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

PLANTED_NAME = "Planted^Name"


def make_dicom(stored: NDArray[np.uint16], **elements: Any) -> pydicom.Dataset:
    """Make an axial CT slice, or several frames, with slope 2 and intercept -10."""
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.SeriesInstanceUID = "1.2.3"
    dataset.PatientName = PLANTED_NAME
    dataset.Modality = "CT"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    if stored.ndim == 3:
        dataset.NumberOfFrames = len(stored)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -10
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.PixelData = stored.tobytes()
    return dataset


def write_dicom(path: Path, stored: NDArray[np.uint16], **elements: Any) -> None:
    """Write what `make_dicom` makes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    make_dicom(stored, **elements).save_as(path, enforce_file_format=True)
