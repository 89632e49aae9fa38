"""Planned CT series: where each slice lies and what it shows, and how to write it.

A series has 20 slices 2.5 mm apart, of 48 rows of 0.8 mm and 64 columns of 0.7 mm:
a noisy ellipse of soft tissue in air with markers that show where the axes point.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from medsynth.imaging.volume import Volume

SLICES, ROWS, COLUMNS = 20, 48, 64
GAP_MM, ROW_MM, COLUMN_MM = 2.5, 0.8, 0.7
SERIES_UID = "1.2.826.0.1.3680043.8.498.8001"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2.1"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the slices of a series lie and what they show.

    Attributes:
        slices_hu: (slices, rows, columns), int16, HU, from the feet to the head.
        positions_mm: centre of each slice's first pixel, LPS+.
        orientation: Image Orientation (Patient).
    """

    slices_hu: NDArray[np.int16]
    positions_mm: tuple[tuple[float, ...], ...]
    orientation: tuple[float, ...] = AXIAL


def phantom_hu(slices: int = SLICES, *, seed: int = 0) -> NDArray[np.int16]:
    """Give the values every case shows, in HU."""
    generator = np.random.default_rng(seed)
    slice_, row, column = np.meshgrid(
        np.arange(slices), np.arange(ROWS), np.arange(COLUMNS), indexing="ij"
    )
    values = np.full((slices, ROWS, COLUMNS), -1000.0)
    is_body = ((row - 25) / 17) ** 2 + ((column - 30) / 24) ** 2 < 1
    values[is_body] = 40
    values[is_body & (column > 40)] = 5 * slice_[is_body & (column > 40)]
    values[is_body & (row < 16)] = 700
    noise = generator.normal(0, 8, values.shape)
    return np.rint(np.clip(values + noise, -1020, 1500)).astype(np.int16)


def plan(slices: int = SLICES, *, seed: int = 0, start_mm: float = -100.0) -> Plan:
    """Give an axial series without a fault."""
    positions = tuple((-20.5, -31.25, start_mm + GAP_MM * number) for number in range(slices))
    return Plan(phantom_hu(slices, seed=seed), positions)


def tilted_plan(degrees: float, *, orientation_digits: int = 9) -> Plan:
    """Give slices turned about the patient's left-right axis and stacked along their normal."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    orientation = (
        1.0,
        0.0,
        0.0,
        0.0,
        *(round(float(x), orientation_digits) for x in (cosine, sine)),
    )
    positions = tuple(
        (-20.5, round(-31.25 - GAP_MM * n * sine, 5), round(-100 + GAP_MM * n * cosine, 5))
        for n in range(SLICES)
    )
    return Plan(phantom_hu(), positions, orientation)


def truth(plan: Plan) -> Volume:
    """Give the volume of a plan whose slices are evenly spaced."""
    positions = np.array(plan.positions_mm)
    affine_lps = np.eye(4)
    affine_lps[:3, 0] = np.multiply(plan.orientation[:3], COLUMN_MM)
    affine_lps[:3, 1] = np.multiply(plan.orientation[3:], ROW_MM)
    affine_lps[:3, 2] = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine_lps[:3, 3] = positions[0]
    return Volume(plan.slices_hu, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps)


def datasets_of(plan: Plan, *, first_instance: int = 1) -> list[Any]:
    """Give one data set a slice, stored as HU + 1024 in explicit little endian."""
    return [
        plain_slice(slice_hu, position, plan.orientation, first_instance + number)
        for number, (slice_hu, position) in enumerate(
            zip(plan.slices_hu, plan.positions_mm, strict=True)
        )
    ]


def set_stored(dataset: Any, stored: NDArray[np.integer]) -> None:
    """Give a slice other pixels of 16 bits."""
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(np.issubdtype(stored.dtype, np.signedinteger))
    dataset.PixelData = stored.tobytes()


def write_all(folder: Path, datasets: Sequence[Any]) -> list[Path]:
    """Write each data set as one file; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04d}.dcm" for number in range(len(datasets))]
    for path, dataset in zip(paths, datasets, strict=True):
        dataset.save_as(path, enforce_file_format=True)
    return paths


def enhanced(plan: Plan, *, order: Sequence[int], stacks: Sequence[str] | None = None) -> Any:
    """Give an enhanced CT of a plan's slices as frames in some order.

    Args:
        plan: the slices.
        order: which slice each frame shows.
        stacks: the Stack ID of each slice; one stack for all when None.
    """
    dataset = plain_slice(plan.slices_hu[0], plan.positions_mm[0], plan.orientation, 1)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(dataset, keyword)
    for keyword in ("RescaleSlope", "RescaleIntercept", "SliceThickness", "ConvolutionKernel"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ENHANCED_CT_CLASS
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.NumberOfFrames = len(order)
    set_stored(dataset, (plan.slices_hu[list(order)].astype(np.int32) + 1024).astype(np.uint16))
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(plan)]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame_groups(plan.positions_mm[one], one, stacks[one] if stacks else "1") for one in order
    ]
    return dataset


def plain_slice(
    slice_hu: NDArray[np.int16],
    position_mm: Sequence[float],
    orientation: Sequence[float],
    instance: int,
) -> Any:
    """Give one slice, stored as HU + 1024 in explicit little endian."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CT_CLASS
    uid = f"{SERIES_UID}.{instance}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = uid
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = SERIES_UID, f"{SERIES_UID}.0.1"
    dataset.FrameOfReferenceUID = f"{SERIES_UID}.0.2"
    dataset.Modality, dataset.PatientID, dataset.PatientName = "CT", "F-1", "Faulty^Series"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.StudyDate, dataset.StudyTime, dataset.PatientPosition = "20200101", "101500", "HFS"
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 3, instance, 1
    dataset.ConvolutionKernel, dataset.SliceThickness, dataset.KVP = "B30f", GAP_MM, 120
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.ImagePositionPatient = [_decimal(value) for value in position_mm]
    dataset.ImageOrientationPatient = [_decimal(value) for value in orientation]
    dataset.PixelSpacing = [ROW_MM, COLUMN_MM]
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
    set_stored(dataset, (slice_hu.astype(np.int32) + 1024).astype(np.uint16))
    return dataset


def _decimal(value: float) -> str:
    return f"{value:.9f}"[:16]


def _shared_groups(shown: Plan) -> Dataset:
    groups, measures, orientation, scale, kind = (Dataset() for _ in range(5))
    measures.PixelSpacing, measures.SliceThickness = [ROW_MM, COLUMN_MM], GAP_MM
    orientation.ImageOrientationPatient = list(shown.orientation)
    scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = 1, -1024, "HU"
    kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    groups.PixelMeasuresSequence = [measures]
    groups.PlaneOrientationSequence = [orientation]
    groups.PixelValueTransformationSequence = [scale]
    groups.CTImageFrameTypeSequence = [kind]
    return groups


def _frame_groups(position_mm: Sequence[float], number: int, stack: str) -> Dataset:
    groups, content, place = Dataset(), Dataset(), Dataset()
    content.StackID, content.InStackPositionNumber = stack, number + 1
    content.FrameAcquisitionNumber = 1
    content.DimensionIndexValues = [1, number + 1]
    place.ImagePositionPatient = [_decimal(value) for value in position_mm]
    groups.FrameContentSequence, groups.PlanePositionSequence = [content], [place]
    return groups
