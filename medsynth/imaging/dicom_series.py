"""From DICOM files to volumes: grouping, judging, assembling.

Every group of files ends as a volume or as one reason of a closed list. Nothing
is repaired in silence.
"""

import dataclasses
import enum
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from numpy.typing import NDArray

from medsynth.imaging.dicom_header import ImageKind, InstanceHeader, PlaneGeometry, silent_pydicom
from medsynth.imaging.dicom_voxels import (
    air_histogram,
    is_hounsfield_scale,
    padding_mask,
    stored_to_hounsfield,
    to_kept_range,
)
from medsynth.imaging.orientation import to_axial
from medsynth.imaging.volume import Volume

_ORIENTATION_TOLERANCE = 1e-3
_AXIAL_WITHIN_DEGREES = 30.0
_TILT_ABOVE_DEGREES = 0.5
_SAME_POSITION_WITHIN_MM = 1e-2


class SeriesReason(enum.StrEnum):
    """Why a series was accepted or rejected: the closed list of codes."""

    ACCEPTED = "accepted"
    MISSING_IDENTITY = "missing_identity"
    NOT_CT = "not_ct"
    MULTI_FRAME_UNSUPPORTED = "multi_frame_unsupported"
    BURNED_IN_TEXT = "burned_in_text"
    LOCALIZER = "localizer"
    NOT_GREY = "not_grey"
    MISSING_GEOMETRY = "missing_geometry"
    NOT_AXIAL = "not_axial"
    DERIVED_SECONDARY = "derived_secondary"
    MISSING_RESCALE = "missing_rescale"
    TOO_FEW_SLICES = "too_few_slices"
    CONFLICTING_COPIES = "conflicting_copies"
    MIXED_PATIENTS = "mixed_patients"
    MIXED_MATRIX = "mixed_matrix"
    DUPLICATE_POSITION = "duplicate_position"
    GANTRY_TILT = "gantry_tilt"
    IRREGULAR_SPACING = "irregular_spacing"
    UNREADABLE_PIXELS = "unreadable_pixels"
    NOT_HOUNSFIELD = "not_hounsfield"


@dataclasses.dataclass(frozen=True)
class SeriesGroup:
    """Files of one series that could be one volume.

    Attributes:
        identity: the series' identity; a patient's, never written.
        part: 0 for the largest group of the series, then 1, 2, ...
        has_mixed_matrix: whether the series has slices of the same orientation
            with another matrix or pixel spacing.
        instances: the headers.
    """

    identity: str = dataclasses.field(repr=False)
    part: int
    has_mixed_matrix: bool
    instances: tuple[InstanceHeader, ...]


@dataclasses.dataclass(frozen=True)
class SeriesLimits:
    """What a series must keep to.

    Attributes:
        min_slices: least number of slices.
        max_gap_spread_mm: largest difference between the gaps of neighbouring slices.
    """

    min_slices: int
    max_gap_spread_mm: float


@dataclasses.dataclass(frozen=True)
class AssembledSeries:
    """A group's verdict.

    Attributes:
        reason: accepted, or why not.
        slices: number of different slices in the group.
        volume: the volume in axial orientation, int16 HU; None unless accepted.
    """

    reason: SeriesReason
    slices: int
    volume: Volume | None


def group_series(instances: Iterable[InstanceHeader]) -> tuple[SeriesGroup, ...]:
    """Group files by series, kind of image, orientation, matrix and pixel spacing.

    Args:
        instances: headers in any order.

    Returns:
        The groups, ordered by identity and then by size.
    """
    by_identity: dict[str, list[InstanceHeader]] = {}
    for instance in instances:
        by_identity.setdefault(instance.series_identity, []).append(instance)
    groups: list[SeriesGroup] = []
    for identity in sorted(by_identity):
        groups.extend(_split_series(identity, by_identity[identity]))
    return tuple(groups)


def assemble_series(group: SeriesGroup, limits: SeriesLimits) -> AssembledSeries:
    """Judge a group and, if it is a CT volume, assemble it.

    Args:
        group: files of one series.
        limits: what the series must keep to.

    Returns:
        The verdict and, if accepted, the volume.
    """
    try:
        with silent_pydicom():
            return _judge(group, limits)
    except Exception:  # noqa: BLE001 - decoders raise many kinds on damaged files
        return AssembledSeries(SeriesReason.UNREADABLE_PIXELS, len(group.instances), None)


def _judge(group: SeriesGroup, limits: SeriesLimits) -> AssembledSeries:
    copies = _without_equal_copies(group.instances)
    slices = len({instance.instance_uid or str(instance.path) for instance in copies})
    reason = _header_reason(group.instances)
    if reason is None and slices < limits.min_slices:
        reason = SeriesReason.TOO_FEW_SLICES
    elif reason is None and slices != len(copies):
        reason = SeriesReason.CONFLICTING_COPIES
    if reason is None:
        return _assemble(copies, limits, has_mixed_matrix=group.has_mixed_matrix)
    if reason is SeriesReason.TOO_FEW_SLICES and group.has_mixed_matrix:
        reason = SeriesReason.MIXED_MATRIX
    return AssembledSeries(reason, slices, None)


def _split_series(identity: str, instances: Sequence[InstanceHeader]) -> list[SeriesGroup]:
    orientations: list[tuple[float, ...]] = []
    by_plane: dict[tuple[object, ...], dict[tuple[object, ...], list[InstanceHeader]]] = {}
    for instance in sorted(instances, key=lambda one: (one.instance_uid, one.path)):
        plane, grid = _plane_key(instance, orientations), _grid_key(instance)
        by_plane.setdefault(plane, {}).setdefault(grid, []).append(instance)
    parts = [
        (len(by_grid) > 1, tuple(members))
        for by_grid in by_plane.values()
        for members in by_grid.values()
    ]
    parts.sort(key=lambda part: (-len(part[1]), part[1][0].instance_uid))
    return [
        SeriesGroup(identity, number, has_mixed_matrix, members)
        for number, (has_mixed_matrix, members) in enumerate(parts)
    ]


def _plane_key(
    instance: InstanceHeader, orientations: list[tuple[float, ...]]
) -> tuple[object, ...]:
    """Give a key equal for slices of one kind and orientation; adds to `orientations`."""
    kind = (instance.kind.value, "LOCALIZER" in instance.image_type, _is_secondary(instance))
    if instance.geometry is None:
        return (*kind, -1)
    orientation = instance.geometry.orientation
    for number, known in enumerate(orientations):
        if np.allclose(orientation, known, rtol=0, atol=_ORIENTATION_TOLERANCE):
            return (*kind, number)
    orientations.append(orientation)
    return (*kind, len(orientations) - 1)


def _grid_key(instance: InstanceHeader) -> tuple[object, ...]:
    if instance.geometry is None:
        return ()
    spacing = tuple(round(value, 4) for value in instance.geometry.spacing_row_column_mm)
    return (instance.geometry.rows, instance.geometry.columns, *spacing)


def _is_secondary(instance: InstanceHeader) -> bool:
    return instance.image_type[:2] == ("DERIVED", "SECONDARY")


def _header_reason(instances: Sequence[InstanceHeader]) -> SeriesReason | None:
    """Give the first reason for which headers alone reject a group, or None."""
    first = instances[0]
    checks = (
        (SeriesReason.MISSING_IDENTITY, not (first.series_identity and first.patient_identity)),
        (SeriesReason.MULTI_FRAME_UNSUPPORTED, first.kind is ImageKind.MULTI_FRAME_CT),
        (SeriesReason.NOT_CT, first.kind is ImageKind.OTHER),
        (SeriesReason.BURNED_IN_TEXT, any(one.has_burned_in_text for one in instances)),
        (SeriesReason.LOCALIZER, "LOCALIZER" in first.image_type),
        (SeriesReason.NOT_GREY, not all(one.is_grey for one in instances)),
        (SeriesReason.MISSING_GEOMETRY, first.geometry is None),
        (SeriesReason.NOT_AXIAL, first.geometry is not None and not _is_axial(first.geometry)),
        (SeriesReason.DERIVED_SECONDARY, _is_secondary(first)),
        (SeriesReason.MISSING_RESCALE, not all(_has_rescale(one) for one in instances)),
        (SeriesReason.MIXED_PATIENTS, len({one.patient_identity for one in instances}) > 1),
    )
    return next((reason for reason, applies in checks if applies), None)


def _is_axial(geometry: PlaneGeometry) -> bool:
    return bool(abs(_normal(geometry)[2]) >= np.cos(np.radians(_AXIAL_WITHIN_DEGREES)))


def _normal(geometry: PlaneGeometry) -> NDArray[np.float64]:
    return np.cross(geometry.orientation[:3], geometry.orientation[3:])


def _has_rescale(instance: InstanceHeader) -> bool:
    return instance.intercept is not None and instance.slope not in (None, 0.0)


def _without_equal_copies(instances: Sequence[InstanceHeader]) -> list[InstanceHeader]:
    """Keep one of several files with the same instance UID and the same bytes."""
    by_uid: dict[str, list[InstanceHeader]] = {}
    for instance in instances:
        by_uid.setdefault(instance.instance_uid or str(instance.path), []).append(instance)
    kept: list[InstanceHeader] = []
    for copies in by_uid.values():
        if len(copies) == 1:
            kept.extend(copies)
        else:
            kept.extend({_file_digest(copy.path): copy for copy in copies}.values())
    return kept


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _assemble(
    instances: Sequence[InstanceHeader], limits: SeriesLimits, *, has_mixed_matrix: bool
) -> AssembledSeries:
    geometries = [one.geometry for one in instances if one.geometry is not None]
    positions = np.array([geometry.position_mm for geometry in geometries])
    reason = _geometry_reason(positions, geometries[0], limits)
    if reason is not None:
        hides_others = has_mixed_matrix and reason is SeriesReason.IRREGULAR_SPACING
        reason = SeriesReason.MIXED_MATRIX if hides_others else reason
        return AssembledSeries(reason, len(instances), None)
    order = np.argsort(positions @ _normal(geometries[0]), kind="stable")
    slice_step = (positions[order[-1]] - positions[order[0]]) / (len(instances) - 1)
    affine = _affine(geometries[order[0]], slice_step)
    voxels_hu, is_hounsfield = _read_slices([instances[index] for index in order])
    if not is_hounsfield:
        return AssembledSeries(SeriesReason.NOT_HOUNSFIELD, len(instances), None)
    volume = to_axial(Volume(voxels_hu, affine))
    return AssembledSeries(SeriesReason.ACCEPTED, len(instances), volume)


def _geometry_reason(
    positions: NDArray[np.float64], geometry: PlaneGeometry, limits: SeriesLimits
) -> SeriesReason | None:
    """Let highdicom decide whether the slices are a volume, and say why where they are not."""
    normal = _normal(geometry)
    along = positions @ normal
    order = np.argsort(along)
    gaps = np.diff(along[order])
    spacing, _ = highdicom.spatial.get_volume_positions(
        positions,
        geometry.orientation,
        # highdicom compares with the mean gap; the setting compares gaps with each other.
        atol=limits.max_gap_spread_mm / 2,
        perpendicular_tol=1 - np.cos(np.radians(_TILT_ABOVE_DEGREES)),
    )
    spread_mm = float(gaps.max() - gaps.min())
    if spacing is not None and spread_mm <= limits.max_gap_spread_mm:
        return None
    if gaps.min() < _SAME_POSITION_WITHIN_MM:
        return SeriesReason.DUPLICATE_POSITION
    travel = positions[order[-1]] - positions[order[0]]
    if np.dot(travel, normal) < np.cos(np.radians(_TILT_ABOVE_DEGREES)) * np.linalg.norm(travel):
        return SeriesReason.GANTRY_TILT
    return SeriesReason.IRREGULAR_SPACING


def _affine(geometry: PlaneGeometry, slice_step: NDArray[np.float64]) -> NDArray[np.float64]:
    row_mm, column_mm = geometry.spacing_row_column_mm
    affine_lps = np.eye(4)
    affine_lps[:3, 0] = np.multiply(geometry.orientation[:3], column_mm)
    affine_lps[:3, 1] = np.multiply(geometry.orientation[3:], row_mm)
    affine_lps[:3, 2] = slice_step
    affine_lps[:3, 3] = geometry.position_mm
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps


def _read_slices(instances: Sequence[InstanceHeader]) -> tuple[NDArray[np.int16], bool]:
    """Read the pixels of sorted slices and tell whether they are Hounsfield units."""
    slices_hu = []
    air_counts = np.zeros_like(air_histogram(np.zeros(0, dtype=np.float32)))
    for instance in instances:
        # `_header_reason` has made sure of both.
        slope, intercept = float(instance.slope or 1.0), float(instance.intercept or 0.0)
        stored = _read_stored(instance.path)
        slice_hu = stored_to_hounsfield(stored, slope, intercept)
        air_counts += air_histogram(slice_hu)
        slices_hu.append(to_kept_range(slice_hu, padding_mask(stored, slice_hu, instance.padding)))
    voxels_hu = np.stack(slices_hu)
    return voxels_hu, is_hounsfield_scale(air_counts, voxels_hu.size)


def _read_stored(path: Path) -> NDArray[np.integer]:
    dataset = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        # A file without meta information is written in one of these two.
        is_implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = (
            pydicom.uid.ImplicitVRLittleEndian
            if is_implicit
            else pydicom.uid.ExplicitVRLittleEndian
        )
    stored: NDArray[np.integer] = dataset.pixel_array
    return stored
