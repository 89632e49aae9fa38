"""Whether lesions survive a translation: contrast to their organ, and volume."""

import dataclasses
import enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.evaluation.fidelity import TranslatedScan
from medsynth.evaluation.organs import OrganTable

FEWEST_VOXELS = 8
DETECTABLE_CONTRAST_TO_NOISE = 4.0
KEPT_RATIO = (0.5, 2.0)
_LESION_WORDS = ("lesion", "tumor", "tumour", "cyst", "metasta")
# Partial volume and the kernel's blur reach about this far over the lesion's edge.
_GAP_MM = 3.0
_SHELL_MM = 12.0
_GROWTH_MM = 6.0
_SMOOTHING_MM = 2.5
_FEWEST_SHELL_VOXELS = 20
_PLACEMENTS = 200
_FEWEST_PLACEMENTS = 20
# How many neighbouring voxels share one draw of noise, where it cannot be measured.
_VOXELS_OF_A_NOISE_GRAIN = 8.0
_MAD_TO_DEVIATION = 1.4826

Box = tuple[slice, slice, slice]


class LesionFate(enum.Enum):
    """What became of a lesion."""

    KEPT = "kept"
    LOST = "lost"
    UNDETECTABLE = "undetectable"
    TOO_SMALL = "too_small"
    NO_HOST = "no_host"
    NO_TRUTH = "no_truth"


@dataclasses.dataclass(frozen=True)
class LesionReading:
    """One lesion, measured before and after.

    Attributes:
        patient: pseudonym of the patient.
        organ: the organ around it; empty where none is named.
        fate: what became of it; `UNDETECTABLE` is one that the truth itself
            does not show above its noise, so that nobody can say if it was kept.
        voxels: size of its label.
        input_contrast_hu: lesion minus organ in the scan that was translated.
        output_contrast_hu: the same in the translation.
        truth_contrast_hu: the same in the truth, or None without one.
        contrast_to_noise: the truth's contrast (the input's without a truth) over
            the spread of equally large pieces of the organ.
        volume_ratio: volume within half the contrast, translation over truth; None
            unless the truth shows the lesion.
        is_visible_in_output: whether the translation's contrast exceeds the same
            limit of noise that makes a lesion detectable.
    """

    patient: str
    organ: str
    fate: LesionFate
    voxels: int
    input_contrast_hu: float = 0.0
    output_contrast_hu: float = 0.0
    truth_contrast_hu: float | None = None
    contrast_to_noise: float = 0.0
    volume_ratio: float | None = None
    is_visible_in_output: bool = False

    @property
    def contrast_ratio(self) -> float | None:
        """Give the translation's contrast over the truth's, or None without a visible one."""
        if self.truth_contrast_hu is None or self.volume_ratio is None:
            return None
        return self.output_contrast_hu / self.truth_contrast_hu


@dataclasses.dataclass(frozen=True)
class _Place:
    """A lesion on a piece of the grid: its middle, what surrounds it, and the organ."""

    lesion: NDArray[np.bool_]
    core: NDArray[np.bool_]
    shell: NDArray[np.bool_]
    host: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]


def is_lesion_name(name: str) -> bool:
    """Tell whether a label's name speaks of a lesion."""
    return any(word in name.lower() for word in _LESION_WORDS)


def lesion_mask(labels: NDArray[np.uint8], organs: OrganTable) -> NDArray[np.bool_]:
    """Mark all voxels of lesions; a new array of the same shape."""
    values = [
        value
        for name, of_name in zip(organs.names, organs.values, strict=True)
        if is_lesion_name(name)
        for value in of_name
    ]
    return np.isin(labels, values)


def read_lesions(scan: TranslatedScan, organs: OrganTable) -> tuple[LesionReading, ...]:
    """Measure each labelled lesion of a scan.

    A lesion is one connected piece of a lesion label. It is kept when its contrast
    to the organ around it, in the translation, has the truth's sign and between half
    and twice its size, and the volume within half of its own contrast is between
    half and twice the truth's. Its contrast is the mean of its inner voxels minus the
    median of the organ from 3 to 12 mm around it. Whether the truth shows it is told
    by equally large pieces of the same organ: its contrast must be at least 4 times
    their spread.

    Args:
        scan: the scan; without labels there is nothing to measure.
        organs: what its labels mean.

    Returns:
        One reading a lesion.

    Source: own derivation; a limit on contrast over noise after Rose, J. Opt. Soc. Am. 38
    (1948) 196, with the noise measured at the lesion's own size.
    """
    if scan.labels is None:
        return ()
    every = lesion_mask(scan.labels, organs)
    pieces, _ = ndimage.label(every, np.ones((3, 3, 3)))
    return tuple(
        _read_lesion(scan, organs, _grown(box, every.shape, scan), (pieces, index))
        for index, box in enumerate(ndimage.find_objects(pieces), start=1)
    )


def _read_lesion(
    scan: TranslatedScan, organs: OrganTable, box: Box, piece: tuple[NDArray[np.int32], int]
) -> LesionReading:
    pieces, index = piece
    lesion = pieces[box] == index
    voxels = int(np.count_nonzero(lesion))
    if voxels < FEWEST_VOXELS:
        return LesionReading(scan.patient, "", LesionFate.TOO_SMALL, voxels)
    place, organ = _find_place(scan, organs, box, lesion)
    if place is None:
        return LesionReading(scan.patient, "", LesionFate.NO_HOST, voxels)
    output = scan.synthetic_hu[box].astype(np.float64)
    given = scan.input_hu[box].astype(np.float64)
    reference = given if scan.truth_hu is None else scan.truth_hu[box].astype(np.float64)
    noise_hu = _spread_of_equal_pieces(reference, place)
    contrast_hu = _contrast(reference, place)
    reading = LesionReading(
        patient=scan.patient,
        organ=organ,
        fate=LesionFate.NO_TRUTH,
        voxels=voxels,
        input_contrast_hu=_contrast(given, place),
        output_contrast_hu=_contrast(output, place),
        truth_contrast_hu=None if scan.truth_hu is None else contrast_hu,
        contrast_to_noise=abs(contrast_hu) / max(noise_hu, 1e-6),
        is_visible_in_output=abs(_contrast(output, place))
        >= DETECTABLE_CONTRAST_TO_NOISE * noise_hu,
    )
    if scan.truth_hu is None:
        return reading
    return _judged(reading, reference, output, place)


def _judged(
    reading: LesionReading,
    truth: NDArray[np.float64],
    output: NDArray[np.float64],
    place: _Place,
) -> LesionReading:
    if reading.contrast_to_noise < DETECTABLE_CONTRAST_TO_NOISE or not reading.truth_contrast_hu:
        return dataclasses.replace(reading, fate=LesionFate.UNDETECTABLE)
    expected = _volume_within_half_contrast(truth, place)
    ratio = _volume_within_half_contrast(output, place) / max(expected, 1)
    low, high = KEPT_RATIO
    contrast_ratio = reading.output_contrast_hu / reading.truth_contrast_hu
    is_kept = low <= contrast_ratio <= high and low <= ratio <= high
    fate = LesionFate.KEPT if is_kept else LesionFate.LOST
    return dataclasses.replace(reading, fate=fate, volume_ratio=ratio)


def _grown(box: Box, shape: tuple[int, ...], scan: TranslatedScan) -> Box:
    """Give the box with room for the organ around it, from which noise is measured."""
    around_mm = 5 * _SHELL_MM
    margins = (int(np.ceil(around_mm / mm)) for mm in scan.spacing_slice_row_column_mm)
    first, second, third = (
        slice(max(0, part.start - margin), min(length, part.stop + margin))
        for part, margin, length in zip(box, margins, shape, strict=True)
    )
    return first, second, third


def _find_place(
    scan: TranslatedScan, organs: OrganTable, box: Box, lesion: NDArray[np.bool_]
) -> tuple[_Place | None, str]:
    if scan.labels is None:
        return None, ""
    labels = scan.labels[box]
    spacing_mm = scan.spacing_slice_row_column_mm
    away_mm = ndimage.distance_transform_edt(~lesion, sampling=spacing_mm)
    depth_mm = ndimage.distance_transform_edt(lesion, sampling=spacing_mm)
    # Other lesions and the rim that they blur are no organ to compare with.
    from_any_mm = ndimage.distance_transform_edt(~lesion_mask(labels, organs), sampling=spacing_mm)
    around = (away_mm <= _SHELL_MM) & (from_any_mm > _GAP_MM)
    sizes = {
        name: int(np.count_nonzero(around & organs.mask(labels, name)))
        for name in organs.names
        if not is_lesion_name(name)
    }
    organ = max(sizes, key=lambda name: sizes[name], default="")
    if not organ or sizes[organ] < _FEWEST_SHELL_VOXELS:
        return None, ""
    host = organs.mask(labels, organ) & (from_any_mm > _GAP_MM)
    # The organ's own edge is blurred into what lies beyond.
    inner = host & (ndimage.distance_transform_edt(_filled(labels, organs, organ)) > 1.5)
    shell = around & (inner if (around & inner).sum() >= _FEWEST_SHELL_VOXELS else host)
    core = depth_mm >= 0.5 * depth_mm.max()
    return _Place(lesion, core, shell, inner, spacing_mm), organ


def _filled(labels: NDArray[np.uint8], organs: OrganTable, organ: str) -> NDArray[np.bool_]:
    return organs.mask(labels, organ) | lesion_mask(labels, organs)


def _contrast(values: NDArray[np.float64], place: _Place) -> float:
    return float(values[place.core].mean() - np.median(values[place.shell]))


def _spread_of_equal_pieces(values: NDArray[np.float64], place: _Place) -> float:
    """Give how much the mean of a piece of the lesion's inner size varies in its organ, HU."""
    core = np.argwhere(place.core)
    offsets = core - np.rint(core.mean(axis=0)).astype(np.int64)
    centres = np.argwhere(place.host)
    deviation = _MAD_TO_DEVIATION * float(
        np.median(np.abs(values[place.shell] - np.median(values[place.shell])))
    )
    assumed = float(deviation / np.sqrt(max(1.0, len(core) / _VOXELS_OF_A_NOISE_GRAIN)))
    if len(centres) < _FEWEST_PLACEMENTS:
        return assumed
    generator = np.random.default_rng(len(core))
    drawn = centres[generator.integers(0, len(centres), _PLACEMENTS)]
    at = drawn[:, None, :] + offsets[None]
    inside = ((at >= 0) & (at < values.shape)).all(axis=2)
    at = at.clip(0, np.array(values.shape) - 1)
    inside &= place.host[at[..., 0], at[..., 1], at[..., 2]]
    fits = inside.mean(axis=1) >= 0.8
    if np.count_nonzero(fits) < _FEWEST_PLACEMENTS:
        return assumed
    here = values[at[..., 0], at[..., 1], at[..., 2]]
    means = (here * inside).sum(axis=1)[fits] / inside.sum(axis=1)[fits]
    return _MAD_TO_DEVIATION * float(np.median(np.abs(means - np.median(means))))


def _volume_within_half_contrast(values: NDArray[np.float64], place: _Place) -> int:
    """Count the voxels nearer to the lesion than to its organ, in one piece with its middle."""
    host_hu = float(np.median(values[place.shell]))
    contrast_hu = _contrast(values, place)
    away_mm = ndimage.distance_transform_edt(~place.lesion, sampling=place.spacing_mm)
    zone = (away_mm <= _GROWTH_MM) & (place.lesion | (away_mm <= _GAP_MM) | place.host)
    sigma = [_SMOOTHING_MM / mm for mm in place.spacing_mm]
    weight = ndimage.gaussian_filter(zone.astype(np.float64), sigma)
    smooth = ndimage.gaussian_filter(np.where(zone, values - host_hu, 0.0), sigma)
    smooth /= np.maximum(weight, 1e-3)
    inside = zone & (smooth * np.sign(contrast_hu) > abs(contrast_hu) / 2)
    pieces, _ = ndimage.label(inside)
    touched = np.unique(pieces[place.core])
    return int(np.isin(pieces, touched[touched > 0]).sum())
