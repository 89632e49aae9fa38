"""What a scan shows, whatever its contrast phase: region, field of view, size, table, noise."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.cohort.series import SeriesRecord
from medsynth.imaging.body import BODY_THRESHOLD_HU, body_mask

UNKNOWN = float("nan")
MOST_SLICES = 32
_LUNG_HU = (-950, -600)
_FAT_HU = (-125, -75)
_MAD_TO_DEVIATION = 1.4826
# A mean of four neighbours carries a quarter of the noise: 1 + 1/4 in variance.
_DIFFERENCE_TO_NOISE = 1.25**0.5


@dataclasses.dataclass(frozen=True)
class ScanAppearance:
    """Figures of one scan that should not depend on contrast agent; NaN where unknown.

    Attributes:
        lung_share: part of the body's voxels that is lung.
        coverage_mm: from the first slice to the last.
        field_of_view_mm: the shorter side of a slice.
        cut_share: part of the field of view's rim that is body.
        body_width_mm: extent from left to right, median over slices.
        body_depth_mm: extent from front to back, median over slices.
        table_cm2: dense matter outside the body, mean over slices.
        slice_spacing_mm: distance of slices.
        slice_thickness_mm: what the header says of thickness.
        noise_hu: spread of fat, which does not enhance, against its neighbours, on the
            training grid.
        lesion_share: part of the body's voxels that is labelled as lesion.
        has_lesion: 1 with a labelled lesion, 0 without.
    """

    lung_share: float
    coverage_mm: float
    field_of_view_mm: float
    cut_share: float
    body_width_mm: float
    body_depth_mm: float
    table_cm2: float
    slice_spacing_mm: float
    slice_thickness_mm: float
    noise_hu: float
    lesion_share: float
    has_lesion: float


def describe_scan(
    slices_hu: NDArray[np.int16],
    lesions: NDArray[np.bool_] | None,
    record: SeriesRecord,
    *,
    spacing_mm: float,
) -> ScanAppearance:
    """Describe one scan by at most 32 of its slices, evenly spread.

    Args:
        slices_hu: (slices, matrix, matrix), HU, on the training grid.
        lesions: the same shape, or None without labels.
        record: what ingest found of the scan's own grid.
        spacing_mm: in-plane spacing of the training grid.

    Returns:
        The figures.

    Source: own derivation.
    """
    count = len(slices_hu)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_SLICES)).round().astype(int))
    shown = np.asarray(slices_hu[chosen])
    body = body_mask(shown)
    inside = max(1, int(np.count_nonzero(body)))
    lung = body & (shown > _LUNG_HU[0]) & (shown < _LUNG_HU[1])
    slice_mm, row_mm, column_mm = record.spacing_mm
    _, rows, columns = record.shape
    return ScanAppearance(
        lung_share=np.count_nonzero(lung) / inside,
        coverage_mm=record.slices * slice_mm,
        field_of_view_mm=min(rows * row_mm, columns * column_mm),
        cut_share=_cut_share(body, (rows * row_mm, columns * column_mm), spacing_mm),
        body_width_mm=_extent(np.asarray(body.any(axis=1))) * spacing_mm,
        body_depth_mm=_extent(np.asarray(body.any(axis=2))) * spacing_mm,
        table_cm2=_table_pixels(shown, body) * spacing_mm**2 / 100.0,
        slice_spacing_mm=slice_mm,
        slice_thickness_mm=record.technical.slice_thickness_mm or UNKNOWN,
        noise_hu=_noise(shown, body),
        lesion_share=UNKNOWN
        if lesions is None
        else float(np.mean(lesions[chosen])) * body.size / inside,
        has_lesion=UNKNOWN if lesions is None else float(np.any(lesions)),
    )


def _cut_share(
    body: NDArray[np.bool_], field_of_view_mm: tuple[float, float], spacing_mm: float
) -> float:
    """Give the part of the field of view's rim that lies in the body."""
    _, rows, columns = body.shape
    height, width = (
        min(length, max(4, int(extent_mm / spacing_mm)))
        for length, extent_mm in zip((rows, columns), field_of_view_mm, strict=True)
    )
    top, left = (rows - height) // 2, (columns - width) // 2
    view = body[:, top : top + height, left : left + width]
    # The body is opened before it is measured, which takes off a pixel at the rim.
    rim = np.zeros(view.shape[1:], dtype=np.bool_)
    rim[:3], rim[-3:], rim[:, :3], rim[:, -3:] = True, True, True, True
    return float(view[:, rim].mean())


def _extent(shadow: NDArray[np.bool_]) -> float:
    """Give the median number of pixels from the first to the last marked one, over slices."""
    marked = shadow.any(axis=1)
    if not marked.any():
        return UNKNOWN
    first = shadow[marked].argmax(axis=1)
    last = shadow.shape[1] - shadow[marked, ::-1].argmax(axis=1)
    return float(np.median(last - first))


def _table_pixels(slices_hu: NDArray[np.int16], body: NDArray[np.bool_]) -> float:
    # Clothes and the body's own rim are no table.
    near = ndimage.binary_dilation(body, ndimage.generate_binary_structure(2, 1)[None], 3)
    outside = (slices_hu > BODY_THRESHOLD_HU) & ~near
    return float(np.count_nonzero(outside) / len(slices_hu))


def _noise(slices_hu: NDArray[np.int16], body: NDArray[np.bool_]) -> float:
    values = slices_hu.astype(np.float32)
    around = (
        values[:, 2:, 1:-1] + values[:, :-2, 1:-1] + values[:, 1:-1, 2:] + values[:, 1:-1, :-2]
    ) / 4
    middle = values[:, 1:-1, 1:-1]
    mean = ndimage.uniform_filter(values, size=(1, 5, 5))
    is_fat = (mean > _FAT_HU[0]) & (mean < _FAT_HU[1]) & body
    fat = ndimage.binary_erosion(is_fat, np.ones((1, 3, 3)))[:, 1:-1, 1:-1]
    if not fat.any():
        return UNKNOWN
    difference = np.abs((middle - around)[fat])
    return float(_MAD_TO_DEVIATION * np.median(difference) / _DIFFERENCE_TO_NOISE)
