"""Was anything done to the source at all, or was its scan handed back?

Likeness to the own source is expected of a translation, so the search for copies leaves it
out. A translation changes tissue, though: by tens of HU, in whole organs. Where a smooth
difference is nowhere larger than a few HU, the real scan itself would be released.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.statistics import clopper_pearson
from privacy_audit.verdict import APPLIES_TO, CheckResult, Flag, not_measured

_NAME = "source_returned"
SMALLEST_CHANGE = 5.0
"""HU that a hundredth of the soft tissue must have changed by."""
# Noise of a few HU averages out over this many pixels; a change of an organ does not.
_SMOOTHING_PIXELS = 2.0
_CHANGED_PERCENTILE = 99.0
_AIR_BELOW_HU = -200.0
_SOFT_TISSUE_HU = (-200.0, 400.0)
# A picture's soft tissue spans about the range that a CT window of this width shows.
_WINDOW_HU = 400.0


def check_source_returned(
    synthetic: Sequence[AuditImage],
    real: Sequence[AuditImage],
    source_of: Mapping[str, str] | None,
) -> tuple[CheckResult, list[Flag]]:
    """Compare each released image with its own source, pixel by pixel.

    Only pairs on the same grid are compared; others are counted. Fails when any image
    is its source but for noise and a shift of all values.

    Args:
        synthetic: the released images.
        real: real images, the sources among them.
        source_of: synthetic name -> source patient; None where there are no sources.
    """
    if source_of is None:
        return _not_compared(0, "No source map was given."), []
    by_patient: dict[str, list[AuditImage]] = {}
    for image in real:
        by_patient.setdefault(image.patient, []).append(image)
    changes: dict[str, float] = {}
    flags = []
    for image in synthetic:
        change = _smallest_change(image, by_patient.get(source_of[image.name], ()))
        if change is None:
            continue
        changes[image.name] = change
        if change < SMALLEST_CHANGE:
            flags.append(Flag(image.name, source_of[image.name], _NAME, 0.0, 1.0))
    if not changes:
        return _not_compared(len(synthetic), "No image has the grid of its source."), []
    return _result(changes, len(flags), len(synthetic)), flags


def change_of(made: NDArray[np.float32], real: NDArray[np.float32]) -> float:
    """Give how much was changed of soft tissue, but for noise and a shift of all values.

    Args:
        made: (slices, rows, columns), any unit.
        real: the same shape and unit.

    Returns:
        The 99th percentile of the smoothed difference's size, in HU; of pictures, in steps
        of a 400th of the tissue's range.
    """
    is_hounsfield = real.min() <= _AIR_BELOW_HU
    low, high = _SOFT_TISSUE_HU if is_hounsfield else tuple(np.percentile(real, [50.0, 99.5]))
    inside = (real > low) & (real < high)
    if not inside.any() or high <= low:
        return 0.0
    unit = 1.0 if is_hounsfield else (high - low) / _WINDOW_HU
    weight = ndimage.gaussian_filter(inside.astype(np.float64), _width())
    difference = np.where(inside, made.astype(np.float64) - real, 0.0)
    smooth = ndimage.gaussian_filter(difference, _width()) / np.maximum(weight, 1e-6)
    smooth = smooth[inside] - np.median(smooth[inside])
    return float(np.percentile(np.abs(smooth), _CHANGED_PERCENTILE) / unit)


def _width() -> tuple[float, float, float]:
    return (0.0, _SMOOTHING_PIXELS, _SMOOTHING_PIXELS)


def _smallest_change(image: AuditImage, sources: Sequence[AuditImage]) -> float | None:
    """Give the change from the nearest of a source's images; None where none has the grid."""
    made = read_pixels(image.name, image.paths).values
    pixels = (read_pixels(source.name, source.paths).values for source in sources)
    return min((change_of(made, real) for real in pixels if real.shape == made.shape), default=None)


def _result(changes: Mapping[str, float], returned: int, images: int) -> CheckResult:
    compared = len(changes)
    return CheckResult(
        verdict="fail" if returned else "pass",
        statistic=returned / compared,
        ci=clopper_pearson(returned, compared),
        threshold=0.0,
        n=compared,
        explanation=(
            f"{returned} of {compared} released images are their source's scan but for noise and "
            f"a shift of all values; {images - compared} have another grid than their source and "
            "were not compared."
        ),
        smallest_leak=(
            "One image would have been seen of which no hundredth of the soft tissue was changed "
            f"by {SMALLEST_CHANGE:g} HU."
        ),
        applies_to=APPLIES_TO[_NAME],
        details={
            "not_compared": images - compared,
            "smallest_change": min(changes.values()),
            "median_change": float(np.median(list(changes.values()))),
        },
    )


def _not_compared(images: int, why: str) -> CheckResult:
    explanation = f"Released images were not compared with their sources. {why}"
    return not_measured(_NAME, "not_applicable", explanation, {"not_compared": images})
