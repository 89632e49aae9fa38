"""What can be said of a series: the closed list of reasons, the limits and the repairs."""

import dataclasses
import enum

from medsynth.imaging.volume import Volume


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
    UNMAPPED_PADDING = "unmapped_padding"
    NOT_HOUNSFIELD = "not_hounsfield"


class MissingSlicePolicy(enum.StrEnum):
    """What is done with a series in which slices are missing."""

    REFUSE = "refuse"
    INTERPOLATE = "interpolate"


class TiltPolicy(enum.StrEnum):
    """What is done with a series taken with a tilted gantry."""

    REFUSE = "refuse"
    DESHEAR = "deshear"


class RepairKind(enum.StrEnum):
    """What was changed to make a series a volume."""

    INTERPOLATED_SLICES = "interpolated_slices"
    DESHEARED_TILT = "desheared_tilt"


@dataclasses.dataclass(frozen=True)
class SeriesLimits:
    """What a series must keep to.

    Attributes:
        min_slices: least number of slices.
        max_gap_spread_mm: largest difference between the gaps of neighbouring slices,
            and largest distance of a slice from its place on the regular grid.
        missing_slices: what is done where slices are missing.
        gantry_tilt: what is done where the gantry was tilted.
        max_missing_slices: most slices that may be interpolated in a series.
    """

    min_slices: int
    max_gap_spread_mm: float
    missing_slices: MissingSlicePolicy = MissingSlicePolicy.REFUSE
    gantry_tilt: TiltPolicy = TiltPolicy.REFUSE
    max_missing_slices: int = 2


@dataclasses.dataclass(frozen=True)
class Repair:
    """One change that a policy made to a volume.

    Attributes:
        kind: what was changed.
        slices: the volume's slices that were made from their neighbours, counted from
            the feet, from 0; empty for a tilt.
        tilt_degrees: angle by which the gantry was tilted; 0 for slices.
    """

    kind: RepairKind
    slices: tuple[int, ...] = ()
    tilt_degrees: float = 0.0


@dataclasses.dataclass(frozen=True)
class AssembledSeries:
    """A group's verdict.

    Attributes:
        reason: accepted, or why not.
        slices: number of different slices in the group.
        volume: the volume in axial orientation, int16 HU; None unless accepted.
        repairs: what policies changed, in the order of doing; empty for a volume as scanned.
    """

    reason: SeriesReason
    slices: int
    volume: Volume | None
    repairs: tuple[Repair, ...] = ()
