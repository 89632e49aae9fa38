"""Whether a translation shows blobs in organs that nothing else shows."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.evaluation.fidelity import HounsfieldArray, TranslatedScan
from medsynth.evaluation.lesions import FEWEST_VOXELS, is_lesion_name, lesion_mask
from medsynth.evaluation.organs import OrganTable

SEARCHED_ORGANS = ("liver", "spleen", "kidney")
# A ball answers best at a scale of its radius over the square root of three: 5 to 14 mm.
SCALES_MM = (3.0, 5.0, 8.0)
_SURROUND = 1.6
NOISE_LIMIT = 5.0
# Metastases differ from their liver by about 18 HU without contrast agent.
LEAST_CONTRAST_HU = 15.0
# Of a ball's contrast this is what two Gaussians as wide as here leave at the best scale:
# the share of each within the ball, P(chi-square with 3 degrees < 3) - P(... < 3 / 1.6^2).
_ANSWER_OF_A_BALL = 0.37
_SHOWN_SHARE = 0.5
_EDGE_MM = 3.0
_LEAST_WEIGHT = 0.5
_FEWEST_ORGAN_VOXELS = 100
_MAD_TO_DEVIATION = 1.4826


@dataclasses.dataclass(frozen=True)
class InventedBlob:
    """A spot in the translation that neither the input, the truth nor a label shows.

    Attributes:
        patient: pseudonym of the patient.
        organ: where it is.
        contrast_hu: of a ball that the detector would answer as it did here, HU.
        volume_ml: of the piece that has at least half of what makes a blob.
        place: slice, row and column of its peak.
    """

    patient: str
    organ: str
    contrast_hu: float
    volume_ml: float
    place: tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class _Organ:
    """An organ without its edge and its lesions, on the piece of the grid it lies in."""

    name: str
    mask: NDArray[np.bool_]
    box: tuple[slice, slice, slice]


def has_searched_organ(scan: TranslatedScan, organs: OrganTable) -> bool:
    """Tell whether the scan's labels mark an organ that is searched for blobs."""
    return next(_organs(scan, organs), None) is not None


def find_invented(scan: TranslatedScan, organs: OrganTable) -> tuple[InventedBlob, ...]:
    """Find blobs in liver, spleen and kidneys that only the translation shows.

    Each organ is searched apart, without its edge and labelled lesions: a mean over
    3, 5 or 8 mm is compared with one 1.6 times as wide. A blob has more than 5 times the
    answer's spread in the truth (in the input, without one; more, where the translation
    has more noise) and more than a ball of 15 HU would have; and the piece with half of
    that is at least as large as the smallest lesion that is judged. Left out are places
    where truth or input has half of it, too, of the same sign. A vessel that is left
    brighter than its liver is in the input and therefore an error, but no invention;
    one that is made darker than its liver is.

    Args:
        scan: the scan, with labels.
        organs: what its labels mean.

    Returns:
        The blobs, organ by organ.

    Source: blobs by differences of Gaussians, Lindeberg, Int. J. Comput. Vision 30 (1998) 79;
    smoothing within a mask after Knutsson and Westin, CVPR 1993.
    """
    return tuple(blob for organ in _organs(scan, organs) for blob in _invented_in(scan, organ))


def _organs(scan: TranslatedScan, organs: OrganTable) -> Iterator[_Organ]:
    if scan.labels is None:
        return
    _, row_mm, column_mm = scan.spacing_slice_row_column_mm
    lesions = lesion_mask(scan.labels, organs)
    for name in organs.names:
        if is_lesion_name(name) or not any(word in name.lower() for word in SEARCHED_ORGANS):
            continue
        whole = organs.mask(scan.labels, name)
        found = ndimage.find_objects(whole.astype(np.int8))
        if not found:
            continue
        box = found[0]
        reach = (0, round(_EDGE_MM / row_mm), round(_EDGE_MM / column_mm))
        size = tuple(2 * steps + 1 for steps in reach)
        mask = ndimage.minimum_filter(
            np.pad(whole[box], 1).astype(np.uint8), size, mode="constant"
        )[1:-1, 1:-1, 1:-1]
        near_lesion = ndimage.maximum_filter(lesions[box].astype(np.uint8), size)
        inner = (mask > 0) & (near_lesion == 0)
        if np.count_nonzero(inner) >= _FEWEST_ORGAN_VOXELS:
            yield _Organ(name, inner, box)


def _invented_in(scan: TranslatedScan, organ: _Organ) -> Iterator[InventedBlob]:
    spacing_mm = scan.spacing_slice_row_column_mm
    reference = scan.input_hu if scan.truth_hu is None else scan.truth_hu
    # A translation that is noisier as a whole must not be taken for one with many blobs.
    louder = max(1.0, _grain(scan.synthetic_hu, organ) / max(1e-6, _grain(reference, organ)))
    strength = np.zeros(organ.mask.shape)
    answer_hu = np.zeros(organ.mask.shape)
    for scale_mm in SCALES_MM:
        sigma = np.array([scale_mm / mm for mm in spacing_mm])
        output = _answer(scan.synthetic_hu[organ.box], organ.mask, sigma)
        given = _answer(scan.input_hu[organ.box], organ.mask, sigma)
        truth = (
            given if scan.truth_hu is None else _answer(scan.truth_hu[organ.box], organ.mask, sigma)
        )
        noise_hu = louder * _deviation(truth[organ.mask])
        limit_hu = max(_ANSWER_OF_A_BALL * LEAST_CONTRAST_HU, NOISE_LIMIT * noise_hu)
        sign = np.sign(output)
        shown = np.maximum(_nearby(truth * sign), _nearby(given * sign)) >= _SHOWN_SHARE * limit_hu
        relative = np.where(shown, 0.0, np.abs(output) / limit_hu)
        answer_hu = np.where(relative > strength, output, answer_hu)
        strength = np.maximum(strength, relative)
    yield from _blobs(scan, organ, strength, answer_hu)


def _blobs(
    scan: TranslatedScan,
    organ: _Organ,
    strength: NDArray[np.float64],
    answer_hu: NDArray[np.float64],
) -> Iterator[InventedBlob]:
    voxel_ml = float(np.prod(scan.spacing_slice_row_column_mm)) / 1000.0
    for sign in (-1, 1):
        pieces, count = ndimage.label((strength > _SHOWN_SHARE) & (answer_hu * sign > 0))
        for index in range(1, count + 1):
            piece = pieces == index
            if np.count_nonzero(piece) < FEWEST_VOXELS or strength[piece].max() <= 1.0:
                continue
            peak = np.unravel_index(int(np.where(piece, strength, 0.0).argmax()), piece.shape)
            first, row, column = (
                int(part.start + at) for part, at in zip(organ.box, peak, strict=True)
            )
            yield InventedBlob(
                patient=scan.patient,
                organ=organ.name,
                contrast_hu=float(answer_hu[peak]) / _ANSWER_OF_A_BALL,
                volume_ml=float(np.count_nonzero(piece)) * voxel_ml,
                place=(first, row, column),
            )


def _answer(
    values_hu: HounsfieldArray,
    mask: NDArray[np.bool_],
    sigma: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Give inner minus outer mean within the mask, zero where too little of it is near."""
    middle_hu = float(np.median(values_hu[mask]))
    centred = np.where(mask, values_hu - middle_hu, 0.0)
    inner_weight = ndimage.gaussian_filter(mask.astype(np.float64), sigma, mode="constant")
    outer_weight = ndimage.gaussian_filter(
        mask.astype(np.float64), _SURROUND * sigma, mode="constant"
    )
    inner = ndimage.gaussian_filter(centred, sigma, mode="constant")
    outer = ndimage.gaussian_filter(centred, _SURROUND * sigma, mode="constant")
    usable = mask & (inner_weight >= _LEAST_WEIGHT)
    difference = inner / np.maximum(inner_weight, 1e-6) - outer / np.maximum(outer_weight, 1e-6)
    # Near the edge fewer voxels are averaged, and their noise stands out as more.
    return np.where(usable, difference * np.sqrt(inner_weight), 0.0)


def _grain(values_hu: HounsfieldArray, organ: _Organ) -> float:
    """Give the spread of what changes from voxel to voxel within the slice: noise, not shape."""
    values = values_hu[organ.box].astype(np.float64)
    mask = organ.mask[:, 1:, 1:] & organ.mask[:, :-1, :-1]
    mask &= organ.mask[:, 1:, :-1] & organ.mask[:, :-1, 1:]
    twist = values[:, 1:, 1:] + values[:, :-1, :-1] - values[:, 1:, :-1] - values[:, :-1, 1:]
    return _deviation(twist[mask]) if mask.any() else 0.0


def _nearby(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the largest value of each voxel's direct neighbourhood."""
    largest: NDArray[np.float64] = ndimage.maximum_filter(values, size=(1, 3, 3))
    return largest


def _deviation(values: NDArray[np.float64]) -> float:
    return _MAD_TO_DEVIATION * float(np.median(np.abs(values - np.median(values))))
