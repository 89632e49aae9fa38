"""How near a translated scan's Hounsfield units are to what they should be."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from medsynth.errors import ImageError
from medsynth.evaluation.measurements import BODY, Measurement
from medsynth.evaluation.organs import OrganTable
from medsynth.imaging.body import body_mask

LOWEST_COMPARED_HU = -160.0
HIGHEST_COMPARED_HU = 240.0
# The structural similarity looks at neighbourhoods of 7 by 7 pixels.
_SMALLEST_SLICE = 7

HounsfieldArray = NDArray[np.int16] | NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class TranslatedScan:
    """A scan before and after translation, on one grid, (slices, rows, columns) each.

    Attributes:
        patient: pseudonym of the patient.
        input_hu: the contrast scan that was translated, HU.
        synthetic_hu: its translation, HU.
        labels: organ labels, or None.
        truth_hu: the same patient without contrast, voxel by voxel, HU, or None.
        spacing_slice_row_column_mm: distances between voxel centres, mm.
    """

    patient: str
    input_hu: HounsfieldArray
    synthetic_hu: HounsfieldArray
    labels: NDArray[np.uint8] | None
    truth_hu: HounsfieldArray | None
    spacing_slice_row_column_mm: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Check that all arrays share one grid."""
        expected = self.input_hu.shape
        for name, values in (
            ("translation", self.synthetic_hu),
            ("label map", self.labels),
            ("truth", self.truth_hu),
        ):
            if values is not None and values.shape != expected:
                raise ImageError(
                    f"The {name} of patient {self.patient} has shape {values.shape}. Expected "
                    f"the scan's {expected}. Give it on the scan's own grid."
                )


def measure_scan(scan: TranslatedScan, organs: OrganTable | None) -> list[Measurement]:
    """Measure one translated scan, with whatever is known of it.

    Always: the change within the body (`change_hu`, mean absolute). With labels: organ
    medians before and after (`before_hu`, `after_hu`). With truth: mean
    absolute error (`mae_hu`) and mean error (`bias_hu`, above zero where the
    translation is too bright), the input's own (`input_mae_hu`,
    `input_bias_hu`), and the structural similarity. Voxel errors of noisy
    scans include the noise of both, unless they share it.

    Args:
        scan: the scan.
        organs: what its labels mean; None when it has none.

    Returns:
        Measurements of the body and of each organ that is there.
    """
    reference = scan.input_hu if scan.truth_hu is None else scan.truth_hu
    body = body_mask(reference)
    measurements: list[Measurement] = []
    if body.any():
        change = np.abs(scan.synthetic_hu[body].astype(np.float64) - scan.input_hu[body])
        measurements.append(Measurement(scan.patient, BODY, "change_hu", float(change.mean())))
        measurements += _errors(scan, body, BODY)
        measurements += _similarities(scan, body)
    if organs is not None and scan.labels is not None:
        for name in organs.names:
            mask = organs.mask(scan.labels, name)
            if mask.any():
                measurements += _medians(scan, mask, name)
                measurements += _errors(scan, mask, name)
    return measurements


def structural_similarity_in_body(
    values_hu: HounsfieldArray, truth_hu: HounsfieldArray, body: NDArray[np.bool_]
) -> float:
    """Give the structural similarity to the truth, averaged over the body's pixels.

    Both are cut to the window from -160 to 240 HU. The air around the body,
    which is alike in any two scans, does not count.

    Args:
        values_hu: (slices, rows, columns), HU; slices of at least 7 by 7 pixels.
        truth_hu: the same shape, HU.
        body: the same shape, not empty.

    Returns:
        At most 1, which equal scans reach.

    Source: Wang et al., IEEE Trans. Image Process. 13 (2004) 600, slice by slice.
    """
    total = 0.0
    for values, truth, inside in zip(values_hu, truth_hu, body, strict=True):
        if inside.any():
            _, similarity = structural_similarity(
                _windowed(values),
                _windowed(truth),
                data_range=HIGHEST_COMPARED_HU - LOWEST_COMPARED_HU,
                full=True,
            )
            total += float(similarity[inside].sum())
    return total / np.count_nonzero(body)


def _errors(
    scan: TranslatedScan, mask: NDArray[np.bool_], region: str | None
) -> Iterator[Measurement]:
    if scan.truth_hu is None:
        return
    truth = scan.truth_hu[mask].astype(np.float64)
    for prefix, values in (("", scan.synthetic_hu), ("input_", scan.input_hu)):
        error = values[mask] - truth
        yield Measurement(scan.patient, region, f"{prefix}mae_hu", float(np.abs(error).mean()))
        yield Measurement(scan.patient, region, f"{prefix}bias_hu", float(error.mean()))


def _similarities(scan: TranslatedScan, body: NDArray[np.bool_]) -> Iterator[Measurement]:
    if scan.truth_hu is None or min(body.shape[1:]) < _SMALLEST_SLICE:
        return
    for quantity, values in (("ssim", scan.synthetic_hu), ("input_ssim", scan.input_hu)):
        similarity = structural_similarity_in_body(values, scan.truth_hu, body)
        yield Measurement(scan.patient, BODY, quantity, similarity)


def _medians(scan: TranslatedScan, mask: NDArray[np.bool_], name: str) -> Iterator[Measurement]:
    for quantity, values in (
        ("before_hu", scan.input_hu),
        ("after_hu", scan.synthetic_hu),
        ("truth_hu", scan.truth_hu),
    ):
        if values is not None:
            yield Measurement(scan.patient, name, quantity, float(np.median(values[mask])))


def _windowed(values_hu: HounsfieldArray) -> NDArray[np.float32]:
    return np.clip(values_hu.astype(np.float32), LOWEST_COMPARED_HU, HIGHEST_COMPARED_HU)
