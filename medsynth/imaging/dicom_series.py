"""From DICOM files to volumes: judging and assembling.

Every group of files ends as a volume or as one reason of a closed list. Nothing
is repaired in silence: where a policy repairs, the volume names the repair.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import ImageError
from medsynth.imaging.dicom_frames import PlaneGeometry
from medsynth.imaging.dicom_geometry import SliceStack, affine_of, is_axial, stack_slices
from medsynth.imaging.dicom_grouping import (
    SeriesGroup,
    SliceHeader,
    group_series,
    is_secondary,
    slices_of,
)
from medsynth.imaging.dicom_header import ImageKind, InstanceHeader, file_state
from medsynth.imaging.dicom_pixels import read_stored
from medsynth.imaging.dicom_repair import deshear, fill_missing_slices
from medsynth.imaging.dicom_values import silent_pydicom
from medsynth.imaging.dicom_verdict import (
    AssembledSeries,
    MissingSlicePolicy,
    Repair,
    RepairKind,
    SeriesLimits,
    SeriesReason,
    TiltPolicy,
)
from medsynth.imaging.dicom_voxels import Rescale, has_tissue, is_hounsfield_scale, keep_slice
from medsynth.imaging.orientation import to_axial
from medsynth.imaging.volume import Volume

__all__ = [
    "AssembledSeries",
    "MissingSlicePolicy",
    "Repair",
    "RepairKind",
    "SeriesGroup",
    "SeriesLimits",
    "SeriesReason",
    "TiltPolicy",
    "assemble_series",
    "group_series",
]

# One slice alone does not say how far the next would be.
_LEAST_SLICES = 2
# An enhanced file may leave the unit of its values unspecified (US).
_HOUNSFIELD_TYPES = ("", "HU", "US")


@dataclasses.dataclass(frozen=True)
class _Voxels:
    """The voxels of a stack, and what they say of themselves.

    Attributes:
        values_hu: (places, rows, columns), int16, HU; empty places are not set.
        reason: why they cannot be Hounsfield units, or None.
    """

    values_hu: NDArray[np.int16]
    reason: SeriesReason | None


def assemble_series(group: SeriesGroup, limits: SeriesLimits) -> AssembledSeries:
    """Judge a group and, if it is a CT volume, assemble it.

    Args:
        group: files of one series.
        limits: what the series must keep to, and what is repaired.

    Returns:
        The verdict and, if accepted, the volume.

    Raises:
        MemoryError: there is no room for the volume.
    """
    try:
        with silent_pydicom():
            return _judge(group, limits)
    except MemoryError:
        # Says nothing of the file; whoever set the limit knows what it means.
        raise
    except Exception:  # noqa: BLE001 - decoders raise many kinds on damaged files
        count = len({one.key for one in slices_of(group.instances)})
        return AssembledSeries(SeriesReason.UNREADABLE_PIXELS, count, None)


def _judge(group: SeriesGroup, limits: SeriesLimits) -> AssembledSeries:
    slices = slices_of(group.instances)
    count = len({one.key for one in slices})
    reason = _file_reason(group.instances) or _image_reason(slices)
    if reason is None and group.has_unplaced_slices:
        reason = SeriesReason.MISSING_GEOMETRY
    if reason is None and count < max(limits.min_slices, _LEAST_SLICES):
        reason = SeriesReason.TOO_FEW_SLICES
    if reason is None:
        slices = _without_equal_copies(slices)
        reason = SeriesReason.CONFLICTING_COPIES if count != len(slices) else None
    if reason is None:
        return _assemble(slices, limits, has_mixed_matrix=group.has_mixed_matrix)
    if reason is SeriesReason.TOO_FEW_SLICES and group.has_mixed_matrix:
        reason = SeriesReason.MIXED_MATRIX
    return AssembledSeries(reason, count, None)


def _file_reason(instances: Sequence[InstanceHeader]) -> SeriesReason | None:
    """Give the first reason for which the files' headers alone reject a group, or None."""
    first = instances[0]
    is_unknown = any(one.kind is ImageKind.MULTI_FRAME_CT and not one.frames for one in instances)
    checks = (
        (SeriesReason.MISSING_IDENTITY, not (first.series_identity and first.patient_identity)),
        (SeriesReason.MULTI_FRAME_UNSUPPORTED, is_unknown),
        (SeriesReason.NOT_CT, first.kind is ImageKind.OTHER),
        (SeriesReason.BURNED_IN_TEXT, any(one.has_burned_in_text for one in instances)),
    )
    return next((reason for reason, applies in checks if applies), None)


def _image_reason(slices: Sequence[SliceHeader]) -> SeriesReason | None:
    """Give the first reason for which the images' headers alone reject a group, or None."""
    first = slices[0].frame
    geometry = first.geometry
    checks = (
        (SeriesReason.LOCALIZER, "LOCALIZER" in first.image_type),
        (SeriesReason.NOT_GREY, not all(one.instance.is_grey for one in slices)),
        (SeriesReason.MISSING_GEOMETRY, geometry is None),
        (SeriesReason.NOT_AXIAL, geometry is not None and not is_axial(geometry)),
        (SeriesReason.DERIVED_SECONDARY, is_secondary(first.image_type)),
        (SeriesReason.NOT_HOUNSFIELD, first.rescale_type not in _HOUNSFIELD_TYPES),
        (SeriesReason.MISSING_RESCALE, not all(_has_rescale(one) for one in slices)),
        (
            SeriesReason.MIXED_PATIENTS,
            len({one.instance.patient_identity for one in slices}) > 1,
        ),
    )
    return next((reason for reason, applies in checks if applies), None)


def _has_rescale(one: SliceHeader) -> bool:
    return one.frame.intercept is not None and one.frame.slope not in (None, 0.0)


def _without_equal_copies(slices: Sequence[SliceHeader]) -> list[SliceHeader]:
    """Keep one of several copies of an image; conflicting copies are all kept."""
    by_key: dict[tuple[str, int], list[SliceHeader]] = {}
    for one in slices:
        by_key.setdefault(one.key, []).append(one)
    kept: list[SliceHeader] = []
    for copies in by_key.values():
        if len(copies) == 1:
            kept.extend(copies)
        else:
            kept.extend({_digest(copy): copy for copy in copies}.values())
    return kept


def _digest(one: SliceHeader) -> tuple[object, ...]:
    """Give what is equal for copies that differ in nothing that matters, whatever the encoding."""
    (stored,) = _read_unchanged([one])
    pixels = hashlib.sha256(np.ascontiguousarray(stored).tobytes()).digest()
    scale = (one.frame.slope, one.frame.intercept, one.instance.padding)
    return (pixels, one.frame.geometry, scale, one.instance.patient_identity)


def _assemble(
    slices: Sequence[SliceHeader], limits: SeriesLimits, *, has_mixed_matrix: bool
) -> AssembledSeries:
    geometries = [one.frame.geometry for one in slices if one.frame.geometry is not None]
    stack = stack_slices(geometries, limits.max_gap_spread_mm)
    reason = _stack_reason(stack, limits)
    if not isinstance(stack, SliceStack) or reason is not None:
        hides_others = has_mixed_matrix and reason is SeriesReason.IRREGULAR_SPACING
        reason = SeriesReason.MIXED_MATRIX if hides_others else reason
        return AssembledSeries(reason or SeriesReason.IRREGULAR_SPACING, len(slices), None)
    voxels = _read_voxels([slices[index] for index in stack.order], stack)
    if voxels.reason is not None:
        return AssembledSeries(voxels.reason, len(slices), None)
    volume, repairs = _repaired(voxels.values_hu, stack, geometries[stack.order[0]])
    return AssembledSeries(SeriesReason.ACCEPTED, len(slices), to_axial(volume), repairs)


def _stack_reason(stack: SliceStack | SeriesReason, limits: SeriesLimits) -> SeriesReason | None:
    """Give what the policies do not allow of the way the slices lie, or None."""
    if isinstance(stack, SeriesReason):
        return stack
    if stack.is_tilted and limits.gantry_tilt is TiltPolicy.REFUSE:
        return SeriesReason.GANTRY_TILT
    is_filled = limits.missing_slices is MissingSlicePolicy.INTERPOLATE
    allowed = limits.max_missing_slices if is_filled else 0
    return SeriesReason.IRREGULAR_SPACING if len(stack.missing) > allowed else None


def _read_voxels(slices: Sequence[SliceHeader], stack: SliceStack) -> _Voxels:
    """Read the pixels of slices in the order of the stack."""
    by_file: dict[Path, list[tuple[int, SliceHeader]]] = {}
    for place, one in zip(stack.places, slices, strict=True):
        by_file.setdefault(one.instance.path, []).append((place, one))
    shape = _matrix(slices[0].frame.geometry)
    values_hu = np.empty((stack.places[-1] + 1, *shape), dtype=np.int16)
    air_counts: NDArray[np.int64] | None = None
    tissue_count, has_unmapped_padding, has_impossible_value = 0, False, False
    for members in by_file.values():
        stored_slices = _read_unchanged([one for _, one in members])
        for (place, one), stored in zip(members, stored_slices, strict=True):
            kept = keep_slice(stored, _rescale(one))
            if kept.values_hu.shape != shape:
                raise ImageError(
                    f"A decoded slice has shape {kept.values_hu.shape}. Expected the header's "
                    f"{shape}. Copy the series again."
                )
            values_hu[place] = kept.values_hu
            air_counts = kept.air_counts if air_counts is None else air_counts + kept.air_counts
            tissue_count += kept.tissue_count
            has_unmapped_padding |= kept.has_unmapped_padding
            has_impossible_value |= kept.has_impossible_value
    voxel_count = len(slices) * shape[0] * shape[1]
    if air_counts is None or not is_hounsfield_scale(air_counts, voxel_count):
        return _Voxels(values_hu, SeriesReason.NOT_HOUNSFIELD)
    if has_unmapped_padding:
        return _Voxels(values_hu, SeriesReason.UNMAPPED_PADDING)
    is_wrong = has_impossible_value or not has_tissue(tissue_count, voxel_count)
    return _Voxels(values_hu, SeriesReason.NOT_HOUNSFIELD if is_wrong else None)


def _read_unchanged(slices: Sequence[SliceHeader]) -> Iterator[NDArray[np.integer]]:
    """Read the pixels of slices of one file, unless it is another than when its header was read."""
    instance = slices[0].instance
    if instance.file_state != file_state(instance.path):
        raise ImageError(
            "A file was written again after its header was read. Expected files that stay as "
            "they are. Run again when nothing writes into the folder any more."
        )
    return read_stored(instance.path, [one.frame.index for one in slices])


def _matrix(geometry: PlaneGeometry | None) -> tuple[int, int]:
    return (0, 0) if geometry is None else (geometry.rows, geometry.columns)


def _rescale(one: SliceHeader) -> Rescale:
    named, limit = one.instance.padding, one.instance.padding_limit
    padding = None
    if named is not None:
        ends = (named, named if limit is None else limit)
        padding = (min(ends), max(ends))
    # `_image_reason` has made sure of both.
    return Rescale(float(one.frame.slope or 1.0), float(one.frame.intercept or 0.0), padding)


def _repaired(
    values_hu: NDArray[np.int16], stack: SliceStack, geometry: PlaneGeometry
) -> tuple[Volume, tuple[Repair, ...]]:
    """Do what the policies allow: straighten a tilted stack, then fill its empty places."""
    repairs = []
    if stack.is_tilted:
        tilt_degrees = round(stack.tilt_degrees, 3)
        repairs.append(Repair(RepairKind.DESHEARED_TILT, tilt_degrees=tilt_degrees))
        values_hu, stack = deshear(values_hu, stack, geometry)
    if stack.missing:
        repairs.append(Repair(RepairKind.INTERPOLATED_SLICES, slices=stack.missing))
        fill_missing_slices(values_hu, stack)
    return Volume(values_hu, affine_of(stack, geometry)), tuple(repairs)
