"""What is read of the frames of one multi-frame CT file.

An enhanced file holds one volume or several: each frame names its place, its
rescale and its kind in functional groups, shared by all frames or its own.
"""

import dataclasses
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from medsynth.imaging.dicom_values import (
    first_item,
    first_text,
    number,
    numbers,
    seconds_of_day,
    text,
    whole_number,
    words,
)

_LARGEST_MATRIX = 4096
_FURTHEST_POSITION_MM = 1e5


@dataclasses.dataclass(frozen=True, slots=True)
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


@dataclasses.dataclass(frozen=True, slots=True)
class FrameHeader:
    """What tells one image from the others of its series.

    Attributes:
        index: place in the file, counted from 0; 0 in a single-frame file.
        image_type: Image Type or Frame Type, and for a projection its technique.
        geometry: where the slice lies, or None where the header does not say.
        slope: Rescale Slope, or None.
        intercept: Rescale Intercept, or None.
        rescale_type: Rescale Type in capitals, empty when missing.
        kernel: Convolution Kernel.
        thickness_mm: Slice Thickness, or None.
        stack: Stack ID and Temporal Position Index; empty in a single-frame file.
        acquisition: Acquisition Number, or None.
        seconds: time of the content, seconds since midnight, or None.
    """

    index: int
    image_type: tuple[str, ...] = dataclasses.field(repr=False)
    geometry: PlaneGeometry | None
    slope: float | None
    intercept: float | None
    rescale_type: str = dataclasses.field(repr=False)
    kernel: str = dataclasses.field(repr=False)
    thickness_mm: float | None
    stack: str = dataclasses.field(repr=False)
    acquisition: int | None = dataclasses.field(repr=False)
    seconds: float | None = dataclasses.field(repr=False)


def read_frames(dataset: Any) -> tuple[FrameHeader, ...]:
    """Read the frames of a multi-frame file.

    Args:
        dataset: the header, read by pydicom, with its functional groups.

    Returns:
        One header a frame, in the order of the file; empty where the file has no
        functional groups, or not one for each frame.
    """
    shared = first_item(dataset, "SharedFunctionalGroupsSequence")
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if shared is None or len(per_frame) != whole_number(dataset, "NumberOfFrames"):
        return ()
    frames: list[FrameHeader] = []
    for index, own in enumerate(per_frame):
        frame = _frame(dataset, (own, shared), index)
        frames.append(_with_parts_of(frames[-1], frame) if frames else frame)
    return tuple(frames)


def plane_geometry(
    matrix: tuple[int, int],
    position: tuple[float, ...] | None,
    orientation: tuple[float, ...] | None,
    spacing: tuple[float, ...] | None,
) -> PlaneGeometry | None:
    """Give the geometry of a slice, or None where a part is missing or cannot be.

    Args:
        matrix: rows and columns.
        position: Image Position (Patient), mm.
        orientation: Image Orientation (Patient).
        spacing: Pixel Spacing, mm.
    """
    if position is None or orientation is None or spacing is None:
        return None
    is_plausible = (
        min(matrix) >= 1
        and max(matrix) <= _LARGEST_MATRIX
        and min(spacing) > 0
        and max(map(abs, (*position, *spacing))) <= _FURTHEST_POSITION_MM
        and _is_rotation(orientation)
    )
    return PlaneGeometry(*matrix, position, orientation, spacing) if is_plausible else None


def matrix_of(dataset: Any) -> tuple[int, int]:
    """Give rows and columns; zero where missing."""
    return whole_number(dataset, "Rows") or 0, whole_number(dataset, "Columns") or 0


def with_planes_of(known: PlaneGeometry, geometry: PlaneGeometry) -> PlaneGeometry:
    """Give a geometry that holds another's orientation and spacing where they are equal."""
    is_equal = (
        geometry.orientation == known.orientation
        and geometry.spacing_row_column_mm == known.spacing_row_column_mm
    )
    if not is_equal:
        return geometry
    return dataclasses.replace(
        geometry,
        orientation=known.orientation,
        spacing_row_column_mm=known.spacing_row_column_mm,
    )


def _frame(dataset: Any, groups: tuple[Any, Any], index: int) -> FrameHeader:
    content = _group(groups, "FrameContentSequence")
    scale = _group(groups, "PixelValueTransformationSequence")
    measures = _group(groups, "PixelMeasuresSequence")
    return FrameHeader(
        index=index,
        image_type=_frame_type(dataset, groups),
        geometry=plane_geometry(
            matrix_of(dataset),
            numbers(_group(groups, "PlanePositionSequence"), "ImagePositionPatient", 3),
            numbers(_group(groups, "PlaneOrientationSequence"), "ImageOrientationPatient", 6),
            numbers(measures, "PixelSpacing", 2),
        ),
        slope=number(scale, "RescaleSlope"),
        intercept=number(scale, "RescaleIntercept"),
        rescale_type=text(scale, "RescaleType").upper(),
        kernel=_converted_text(dataset, groups, "CTReconstructionSequence", "ConvolutionKernel"),
        thickness_mm=number(measures, "SliceThickness"),
        stack=sys.intern(f"{text(content, 'StackID')} {text(content, 'TemporalPositionIndex')}"),
        acquisition=whole_number(content, "FrameAcquisitionNumber"),
        seconds=seconds_of_day(content, "FrameAcquisitionDateTime", "FrameReferenceDateTime"),
    )


def _group(groups: Sequence[Any], keyword: str) -> Any:
    """Give a functional group, the frame's own or the shared one; empty where there is none."""
    return next(_items(groups, keyword), {})


def _items(groups: Sequence[Any], keyword: str) -> Iterator[Any]:
    """Give a functional group's items, the frame's own before the shared one."""
    return (item for group in groups if (item := first_item(group, keyword)) is not None)


def _frame_type(dataset: Any, groups: Sequence[Any]) -> tuple[str, ...]:
    item = _group(groups, "CTImageFrameTypeSequence")
    technique = first_text(
        text(item, "VolumeBasedCalculationTechnique"),
        text(dataset, "VolumeBasedCalculationTechnique"),
    )
    frame_type = words(item, "FrameType") or words(dataset, "ImageType")
    return frame_type if technique in ("", "NONE") else (*frame_type, technique.upper())


def _converted_text(dataset: Any, groups: Sequence[Any], group: str, keyword: str) -> str:
    """Give a text from its functional group or, in a converted file, from where it was put."""
    places = (
        group,
        "UnassignedPerFrameConvertedAttributesSequence",
        "UnassignedSharedConvertedAttributesSequence",
    )
    found = (text(item, keyword) for place in places for item in _items(groups, place))
    return first_text(*found, text(dataset, keyword))


def _with_parts_of(known: FrameHeader, frame: FrameHeader) -> FrameHeader:
    """Give a frame that holds the equal parts of another instead of its own: a file has many."""
    geometry = frame.geometry
    if geometry is not None and known.geometry is not None:
        geometry = with_planes_of(known.geometry, geometry)
    same_type = frame.image_type == known.image_type
    return dataclasses.replace(
        frame, geometry=geometry, image_type=known.image_type if same_type else frame.image_type
    )


def _is_rotation(orientation: tuple[float, ...]) -> bool:
    along_row, down_column = orientation[:3], orientation[3:]
    product = sum(a * b for a, b in zip(along_row, down_column, strict=True))
    return (
        abs(math.hypot(*along_row) - 1) < 1e-2
        and abs(math.hypot(*down_column) - 1) < 1e-2
        and abs(product) < 1e-2
    )
