"""Which files, and which frames of a file, could be one volume.

A series UID promises less than its name: one may hold a localizer, two kernels
or two acquisitions. The files are told apart by what they are; by when they
were taken only where they cannot be one volume otherwise.
"""

import collections
import dataclasses
import itertools
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from medsynth.imaging.dicom_frames import FrameHeader
from medsynth.imaging.dicom_geometry import SliceStack, feet_to_head_normal, stack_slices
from medsynth.imaging.dicom_header import ImageKind, InstanceHeader

_ORIENTATION_TOLERANCE = 1e-3
_MOST_ORIENTATIONS = 64
# Wider than a user's limits are likely to be: what passes here is judged again under them, but
# two acquisitions that were not told apart here could pass there as one.
_REGULAR_WITHIN_MM = 0.3
_LEAST_SLICES = 3
_LEAST_PAUSE_SECONDS = 1.0
_PAUSE_TO_USUAL_GAP = 10.0
_PROJECTIONS = frozenset(
    {"MIP", "MINIP", "MAX_IP", "MIN_IP", "PROJECTION IMAGE", "VOLUME_RENDER", "SURFACE_RENDER"}
)
# Computed from two energies or from other images, PS3.3 section C.8.2.1.1.1 and makers' own words.
_NO_ATTENUATION = frozenset(
    {"MAT_SPECIFIC", "MAT_REMOVED", "MAT_FRACTIONAL", "MAT_MODIFIED", "MAT_VALUE_BASED", "VNC"}
    | {"EFF_ATOMIC_NUM", "ELECTRON_DENSITY", "IODINE", "SUBTRACTION", "MOSAIC", "CPR"}
)
_NEARLY_WHOLE = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class SliceHeader:
    """One image of a series.

    Attributes:
        instance: the file.
        frame: the image in it.
    """

    instance: InstanceHeader
    frame: FrameHeader

    @property
    def key(self) -> tuple[str, int]:
        """What is equal for copies of one image and for nothing else."""
        return self.instance.instance_uid or str(self.instance.path), self.frame.index


@dataclasses.dataclass(frozen=True)
class SeriesGroup:
    """Files of one series that could be one volume.

    Attributes:
        identity: the series' identity; a patient's, never written.
        part: 0 for the largest group of the series, then 1, 2, ...
        has_mixed_matrix: whether the series has slices of the same orientation
            with another matrix or pixel spacing.
        has_unplaced_slices: whether the series has slices of the same kind of which the
            header does not say where they lie: they may be the first or the last.
        instances: the headers; of a multi-frame file with those frames that belong here.
    """

    identity: str = dataclasses.field(repr=False)
    part: int
    has_mixed_matrix: bool
    has_unplaced_slices: bool
    instances: tuple[InstanceHeader, ...]


def group_series(instances: Iterable[InstanceHeader]) -> tuple[SeriesGroup, ...]:
    """Group files by series, then by what tells the volumes of a series apart.

    That is the kind of image, frame of reference, orientation, matrix, pixel spacing,
    kernel, slice thickness, tube voltage and stack. Acquisitions are told apart where
    the slices do not lie on one regular grid, or where several grids lie within each
    other.

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


def slices_of(instances: Iterable[InstanceHeader]) -> list[SliceHeader]:
    """Give each image of some files: one a file, or one a frame."""
    return [
        SliceHeader(instance, frame)
        for instance in instances
        for frame in instance.frames or (_only_frame(instance),)
    ]


def is_secondary(image_type: Sequence[str]) -> bool:
    """Tell whether an image is computed from others rather than reconstructed."""
    is_reformatted = tuple(image_type[:2]) == ("DERIVED", "SECONDARY")
    return is_reformatted or bool((_PROJECTIONS | _NO_ATTENUATION) & {*image_type})


def _only_frame(instance: InstanceHeader) -> FrameHeader:
    return FrameHeader(
        index=0,
        image_type=instance.image_type,
        geometry=instance.geometry,
        slope=instance.slope,
        intercept=instance.intercept,
        rescale_type=instance.rescale_type,
        kernel=instance.technical.kernel,
        thickness_mm=instance.technical.slice_thickness_mm,
        stack="",
        acquisition=instance.acquisition,
        seconds=instance.seconds,
    )


def _split_series(identity: str, instances: Sequence[InstanceHeader]) -> list[SeriesGroup]:
    ordered = sorted(instances, key=lambda one: (one.instance_uid, one.path))
    orientations: list[tuple[float, ...]] = []
    parts: list[tuple[bool, list[SliceHeader]]] = []
    slices = slices_of(ordered)
    spaces = _frames_of_reference(slices)
    planes = list(zip(spaces, (_plane_key(one, orientations) for one in slices), strict=True))
    unplaced = {_kind_key(one) for one in slices if one.frame.geometry is None}
    for in_plane in _divided(slices, planes):
        on_grids = _divided(in_plane, [_grid_key(one) for one in in_plane])
        for on_grid in on_grids:
            parts.extend(
                (len(on_grids) > 1, members)
                for alike in _divided_by_making(on_grid)
                for members in _split_acquisitions(alike)
            )
    parts.sort(key=lambda part: (-len(part[1]), part[1][0].key))
    return [
        SeriesGroup(
            identity,
            number,
            has_mixed_matrix=has_mixed_matrix,
            has_unplaced_slices=_kind_key(members[0]) in unplaced,
            instances=_instances_of(members),
        )
        for number, (has_mixed_matrix, members) in enumerate(parts)
    ]


def _divided(slices: Sequence[SliceHeader], keys: Sequence[Hashable]) -> list[list[SliceHeader]]:
    """Divide slices by their keys, in the order in which the keys appear."""
    divided: dict[Hashable, list[SliceHeader]] = {}
    for one, key in zip(slices, keys, strict=True):
        divided.setdefault(key, []).append(one)
    return list(divided.values())


def _frames_of_reference(slices: Sequence[SliceHeader]) -> list[str]:
    """Give the space in which each slice lies; what is missing stands for any.

    Positions in two spaces cannot be compared. A space for each file is no space,
    but the work of a tool that gave everything a new name.
    """
    named = {one.instance.frame_of_reference for one in slices} - {""}
    files = {one.instance.path for one in slices}
    only = next(iter(named)) if len(named) == 1 else ""
    if len(named) == len(files):
        return [""] * len(slices)
    return [one.instance.frame_of_reference or only for one in slices]


def _kind_key(one: SliceHeader) -> tuple[Hashable, ...]:
    """Give a key equal for slices of one kind, wherever they lie."""
    image_type = one.frame.image_type
    return (
        one.instance.kind,
        one.instance.is_grey,
        "LOCALIZER" in image_type,
        "DERIVED" in image_type[:1],
        is_secondary(image_type),
        one.frame.stack,
    )


def _plane_key(one: SliceHeader, orientations: list[tuple[float, ...]]) -> Hashable:
    """Give a key equal for slices of one kind and orientation; adds to `orientations`."""
    kind = _kind_key(one)
    if one.frame.geometry is None:
        return (*kind, -1)
    orientation = one.frame.geometry.orientation
    for number, known in enumerate(orientations):
        apart = max(abs(a - b) for a, b in zip(orientation, known, strict=True))
        if apart <= _ORIENTATION_TOLERANCE:
            return (*kind, number)
    if len(orientations) >= _MOST_ORIENTATIONS:
        # Slices all turned against each other are no volume, and not worth comparing.
        return (*kind, orientation)
    orientations.append(orientation)
    return (*kind, len(orientations) - 1)


def _grid_key(one: SliceHeader) -> Hashable:
    geometry = one.frame.geometry
    if geometry is None:
        return ()
    spacing = tuple(round(value, 4) for value in geometry.spacing_row_column_mm)
    return (geometry.rows, geometry.columns, *spacing)


def _divided_by_making(slices: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Divide slices by kernel, thickness, tube voltage and rescale type.

    What is missing stands for any.
    """
    kernels = {one.frame.kernel for one in slices if one.frame.kernel}
    thicknesses = {one.frame.thickness_mm for one in slices if one.frame.thickness_mm}
    voltages = {one.instance.technical.kvp for one in slices if one.instance.technical.kvp}
    only_kernel = next(iter(kernels)) if len(kernels) == 1 else ""
    only_thickness = next(iter(thicknesses)) if len(thicknesses) == 1 else 0.0
    only_voltage = next(iter(voltages)) if len(voltages) == 1 else 0.0
    keys = [
        (
            one.frame.kernel or only_kernel,
            round(one.frame.thickness_mm or only_thickness, 3),
            round(one.instance.technical.kvp or only_voltage),
            one.frame.rescale_type,
        )
        for one in slices
    ]
    return _divided(slices, keys)


def _split_acquisitions(slices: list[SliceHeader]) -> list[list[SliceHeader]]:
    """Divide slices by when they were taken, where that explains how they lie."""
    if any(one.frame.geometry is None for one in slices):
        return [slices]
    for keys_of in (_acquisitions, _pauses, _files):
        parts = _divided(slices, keys_of(slices))
        if len(parts) > 1 and _explains(parts, slices):
            return [smaller for part in parts for smaller in _split_acquisitions(part)]
    return [slices]


def _explains(parts: Sequence[Sequence[SliceHeader]], slices: Sequence[SliceHeader]) -> bool:
    """Tell whether parts are volumes of their own rather than pieces of one.

    Parts within each other's extent are: as soon as one is a volume where the whole
    is not, or where all are. Parts beside each other are only where the whole is far
    from a regular grid and each of them has one: else a missing slice would go unnoticed.
    """
    volumes = sum(_empty_places(part) == 0 for part in parts)
    empty = _empty_places(slices)
    if volumes < len(parts) and (empty == 0 or volumes == 0):
        return False
    if _are_within_each_other(parts):
        return True
    return volumes == len(parts) and (empty is None or empty > _NEARLY_WHOLE * len(slices))


def _empty_places(slices: Sequence[SliceHeader]) -> int | None:
    """Count the empty places of the regular grid of the slices; None where they have none."""
    geometries = list({one.key: one.frame.geometry for one in slices}.values())
    known = [geometry for geometry in geometries if geometry is not None]
    if len(known) < _LEAST_SLICES:
        return None
    stack = stack_slices(known, _REGULAR_WITHIN_MM)
    return len(stack.missing) if isinstance(stack, SliceStack) else None


def _are_within_each_other(parts: Sequence[Sequence[SliceHeader]]) -> bool:
    """Tell whether the extents of any two parts along the normal share half of the smaller."""
    geometries = [[one.frame.geometry for one in part if one.frame.geometry] for part in parts]
    normal = feet_to_head_normal(geometries[0][0])
    along = [
        [float(np.dot(geometry.position_mm, normal)) for geometry in part] for part in geometries
    ]
    extents = sorted((min(part), max(part)) for part in along)
    for (low, high), (next_low, next_high) in itertools.pairwise(extents):
        shared = min(high, next_high) - next_low
        if shared >= 0.5 * min(high - low, next_high - next_low):
            return True
    return False


def _acquisitions(slices: Sequence[SliceHeader]) -> list[Hashable]:
    return [one.frame.acquisition for one in slices]


def _pauses(slices: Sequence[SliceHeader]) -> list[Hashable]:
    """Number the slices by the pauses between them, in the order of their times."""
    seconds = [one.frame.seconds for one in slices]
    known = [value for value in seconds if value is not None]
    if len(known) < max(len(slices), 2):
        return [0] * len(slices)
    times = np.array(known)
    order = np.argsort(times, kind="stable")
    gaps = np.diff(times[order])
    is_pause = gaps > max(_LEAST_PAUSE_SECONDS, _PAUSE_TO_USUAL_GAP * float(np.median(gaps)))
    numbers = np.zeros(len(slices), dtype=int)
    numbers[order] = np.concatenate([[0], np.cumsum(is_pause)])
    return list(numbers.tolist())


def _files(slices: Sequence[SliceHeader]) -> list[Hashable]:
    """Number the slices by the multi-frame file they come from."""
    return [one.key[0] if one.instance.kind is ImageKind.MULTI_FRAME_CT else None for one in slices]


def _instances_of(slices: Sequence[SliceHeader]) -> tuple[InstanceHeader, ...]:
    """Give the files of some slices; a multi-frame file with these frames only."""
    frames: dict[int, list[FrameHeader]] = collections.defaultdict(list)
    instances: dict[int, InstanceHeader] = {}
    for one in slices:
        instances[id(one.instance)] = one.instance
        frames[id(one.instance)].append(one.frame)
    return tuple(
        dataclasses.replace(instance, frames=tuple(frames[key])) if instance.frames else instance
        for key, instance in instances.items()
    )
