"""The frames of DICOM files: their values, and how they lie in the patient."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom.pixels
from numpy.typing import NDArray
from pydicom.uid import RLELossless

from medsynth.errors import AuditError
from privacy_audit.images.decoding import Stack, grey_of_colours, refuse_too_large
from privacy_audit.images.upright import turn_upright

_CT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.2.2",
    }
)
_PER_FRAME, _SHARED = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"
# Frames nearer than this lie at one place.
_SAME_PLACE_MM = 0.01


@dataclasses.dataclass(frozen=True)
class DicomFrames:
    """The frames of one file.

    Attributes:
        values: (frames, rows, columns), float32, in the header's unit; bright is high.
        stacks: for each frame what it belongs to, such as a stack and a moment.
        places_mm: for each frame where it lies along the patient; None where not said.
        directions: (2, 3), along a row and down a column, in DICOM's LPS space;
            None where not said, or where frames differ.
        spacing_row_column_mm: distance between rows, and between columns; None where not said.
        slice_gap_mm: distance between slices as the header says; None where it does not.
    """

    values: NDArray[np.float32]
    stacks: tuple[tuple[int, ...], ...]
    places_mm: tuple[float, ...] | None
    directions: NDArray[np.float64] | None
    spacing_row_column_mm: tuple[float, float] | None
    slice_gap_mm: float | None


def read_frames(name: str, dataset: Any, *, frames_before: int) -> DicomFrames:
    """Decode all frames of a file.

    Args:
        name: what to call the image in messages.
        dataset: a pydicom data set whose pixels were checked to be bounded.
        frames_before: frames of the same image that were decoded already.

    Raises:
        AuditError: the image becomes too large or holds colours.
    """
    frames = int(dataset.get("NumberOfFrames") or 1)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    refuse_too_large(name, (frames_before + frames, rows, columns))
    values = _grey_frames(name, dataset, (frames, rows, columns))
    groups = [_FrameGroups(dataset, index, frames) for index in range(frames)]
    places = [group.place_mm() for group in groups]
    directions = [group.directions() for group in groups]
    return DicomFrames(
        values=_rescale(values, dataset, groups),
        stacks=tuple(group.stack() for group in groups),
        places_mm=None if None in places else tuple(place for place in places if place is not None),
        directions=_shared(directions),
        spacing_row_column_mm=groups[0].spacing_mm(),
        slice_gap_mm=groups[0].slice_gap_mm(),
    )


def join_frames(name: str, files: Sequence[DicomFrames]) -> Stack:
    """Make one image of the frames of its files.

    Frames are put in order along the patient. A volume that says how it lies
    is turned, see `turn_upright`.

    Args:
        name: what to call the image in messages.
        files: at least one.

    Raises:
        AuditError: frames differ in size.
    """
    if len({one.values.shape[1:] for one in files}) != 1:
        raise AuditError(
            f"Image {name} has slices of different sizes. Expected one size. Remove the odd slices."
        )
    values = np.concatenate([one.values for one in files])
    first = files[0]
    if len(values) == 1:
        return Stack(values, None, first.spacing_row_column_mm)
    if any(one.places_mm is None for one in files):
        return Stack(values, first.slice_gap_mm, first.spacing_row_column_mm)
    places = [place for one in files for place in one.places_mm or ()]
    stacks = [stack for one in files for stack in one.stacks]
    order = sorted(range(len(values)), key=lambda index: (stacks[index], places[index]))
    gaps = np.abs(np.diff([places[index] for index in order]))
    gap_mm = float(np.median(gaps[gaps > _SAME_PLACE_MM])) if gaps.max() > _SAME_PLACE_MM else None
    directions = _shared([one.directions for one in files])
    if directions is None or first.spacing_row_column_mm is None or gap_mm is None:
        return Stack(values[order], gap_mm, first.spacing_row_column_mm)
    along_row, down_column = directions
    lengths_mm = np.array([gap_mm, *first.spacing_row_column_mm])
    # DICOM's world runs to the left, back and head.
    steps = np.stack([np.cross(along_row, down_column), down_column, along_row], axis=1)[::-1]
    return turn_upright(values[order], steps * lengths_mm)


def place_along_patient(position: Any, orientation: Any) -> float | None:
    """Give where a slice lies along the direction in which its slices are stacked, mm.

    Args:
        position: Image Position (Patient), or None.
        orientation: Image Orientation (Patient), or None.
    """
    if position is None or orientation is None or (len(position), len(orientation)) != (3, 6):
        return None
    along_row, down_column = np.reshape(np.asarray(orientation, dtype=np.float64), (2, 3))
    return float(np.cross(along_row, down_column) @ np.asarray(position, dtype=np.float64))


class _FrameGroups:
    """What the header says of one frame: its own groups, the shared ones, or the top level."""

    def __init__(self, dataset: Any, index: int, frames: int) -> None:
        own = list(dataset.get(_PER_FRAME) or [])
        shared = list(dataset.get(_SHARED) or [])
        self._parts = [own[index]] if len(own) == frames else []
        self._parts += shared[:1]
        self._top = dataset

    def value(self, group: str, element: str) -> Any:
        """Give an element of a functional group, or of the top level; None where missing."""
        for part in self._parts:
            items = list(part.get(group) or [])
            if items and items[0].get(element) is not None:
                return items[0].get(element)
        return self._top.get(element)

    def place_mm(self) -> float | None:
        position = self.value("PlanePositionSequence", "ImagePositionPatient")
        orientation = self.value("PlaneOrientationSequence", "ImageOrientationPatient")
        return place_along_patient(position, orientation)

    def directions(self) -> NDArray[np.float64] | None:
        orientation = self.value("PlaneOrientationSequence", "ImageOrientationPatient")
        if orientation is None or len(orientation) != 6:
            return None
        return np.reshape(np.asarray(orientation, dtype=np.float64), (2, 3))

    def spacing_mm(self) -> tuple[float, float] | None:
        spacing = self.value("PixelMeasuresSequence", "PixelSpacing")
        if spacing is None or len(spacing) != 2 or min(map(float, spacing)) <= 0:
            return None
        return float(spacing[0]), float(spacing[1])

    def slice_gap_mm(self) -> float | None:
        gap = self.value("PixelMeasuresSequence", "SpacingBetweenSlices")
        return float(gap) if gap else None

    def stack(self) -> tuple[int, ...]:
        moment = self.value("FrameContentSequence", "TemporalPositionIndex")
        return (int(moment or 0),)

    def rescale(self) -> tuple[float, float]:
        slope = self.value("PixelValueTransformationSequence", "RescaleSlope")
        intercept = self.value("PixelValueTransformationSequence", "RescaleIntercept")
        return 1.0 if slope is None else float(slope), float(intercept or 0)

    def is_hounsfield(self) -> bool:
        """Whether the rescaled values are Hounsfield units, whatever is displayed as white."""
        unit = self.value("PixelValueTransformationSequence", "RescaleType")
        if unit is not None:
            return str(unit).strip().upper() == "HU"
        is_ct = str(self._top.get("SOPClassUID", "")) in _CT_CLASSES
        return is_ct and self.rescale()[1] < 0


def _grey_frames(name: str, dataset: Any, shape: tuple[int, int, int]) -> NDArray[Any]:
    if dataset.file_meta.TransferSyntaxUID == RLELossless:
        # On a damaged file the faster decoder ends the whole program.
        dataset.pixel_array_options(decoding_plugin="pydicom")
    values = np.asarray(dataset.pixel_array)
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        values = np.asarray(pydicom.pixels.apply_color_lut(values, dataset))
    if values.size != shape[0] * shape[1] * shape[2]:
        values = grey_of_colours(name, values)
    return values.reshape(shape)


def _rescale(
    values: NDArray[Any], dataset: Any, groups: Sequence[_FrameGroups]
) -> NDArray[np.float32]:
    """Apply each frame's rescale; white at zero is turned before, where no unit forbids it."""
    is_white_at_zero = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    if is_white_at_zero and not groups[0].is_hounsfield():
        # The standard's range of stored values, so that turned values stay in it.
        bits = int(dataset.get("BitsStored") or 8 * values.dtype.itemsize)
        highest = -1 if int(dataset.get("PixelRepresentation") or 0) else 2**bits - 1
        values = highest - values.astype(np.float64)
    rescaled = np.empty(values.shape, dtype=np.float32)
    for frame, stored, group in zip(rescaled, values, groups, strict=True):
        slope, intercept = group.rescale()
        frame[...] = stored.astype(np.float64) * slope + intercept
    return rescaled


def _shared(directions: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
    first = directions[0]
    if first is None:
        return None
    for other in directions[1:]:
        if other is None or not np.allclose(first, other, atol=1e-3):
            return None
    return first
