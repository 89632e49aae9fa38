"""Tiny CT series for tests, written with pydicom.

One slice has 16 rows of 2 mm and 20 columns of 3 mm, slices lie 5 mm apart.
Stored values are HU + 1024: air everywhere, 40 HU in a block in the middle, and
one voxel of 100 HU at row 1, column 2 that shows where the axes point.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

ROWS, COLUMNS = 16, 20
SERIES_UID = "1.2.826.0.1.3680043.8.498.7001"
STUDY_UID = "1.2.826.0.1.3680043.8.498.7000"
PATIENT_NAME, PATIENT_ID = "Quillfeather^Odalys", "MRN-4711-XYZ"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"


def stored_values() -> NDArray[np.uint16]:
    """The pixels of every example slice, as stored."""
    stored = np.zeros((ROWS, COLUMNS), dtype=np.uint16)
    stored[4:12, 5:15] = 1064
    stored[1, 2] = 1124
    return stored


def example_slice(number: int, *, series_uid: str = SERIES_UID) -> Any:
    """Slice `number` of the example series, counted from the feet."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CT_CLASS
    dataset.file_meta.MediaStorageSOPInstanceUID = f"{series_uid}.{number + 1}"
    dataset.SOPClassUID = CT_CLASS
    dataset.SOPInstanceUID = f"{series_uid}.{number + 1}"
    dataset.SeriesInstanceUID = series_uid
    dataset.StudyInstanceUID = STUDY_UID
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientName, dataset.PatientID = PATIENT_NAME, PATIENT_ID
    dataset.Manufacturer, dataset.ConvolutionKernel = "SIEMENS", "B30f"
    dataset.KVP, dataset.SliceThickness = 120, 5
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [-30, -20, 100 + 5 * number]
    dataset.PixelSpacing = [2, 3]
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    set_stored(dataset, stored_values())
    return dataset


def set_stored(dataset: Any, stored: NDArray[np.uint16] | NDArray[np.int16]) -> None:
    """Give a slice other pixels."""
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(np.issubdtype(stored.dtype, np.signedinteger))
    dataset.PixelData = stored.tobytes()


def example_series(slices: int = 6, *, series_uid: str = SERIES_UID) -> list[Any]:
    """All slices of the example series."""
    return [example_slice(number, series_uid=series_uid) for number in range(slices)]


def write_slices(folder: Path, datasets: Iterable[Any]) -> list[Path]:
    """Write each slice as one file; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, dataset in enumerate(datasets):
        path = folder / f"{number:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
