"""Numbers that describe an image, by fixed functions that were fitted to no patient.

They say what any onlooker could measure: how large the body is, how bright it
is, where it is bright, and where its edges run. The last two are low
frequencies of the body on the common grid (discrete cosine transform): a
projection to few numbers that needs no training.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.errors import AuditError
from privacy_audit.images.body_grid import GRID, BodyGrid, fit_body_grid
from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.similarity import map_edges

_LAYOUT_FREQUENCIES = 10
_EDGE_FREQUENCIES = 6
_SLAB_FREQUENCIES = 2
_MOST_SLICES = 24
_WORKING_SIZE = 128
_QUANTILES = (5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0)
# A patient far from all others, such as one with metal, must not carry a fit.
_FARTHEST = 4.0
_SPOT_MIDDLE = (44, 38)
_SPOT_RADIUS = 8.0
SPOT_STRENGTH = 3.0
"""How much brighter the planted spot is, in standard deviations of the body's values."""

GROUPS: Mapping[str, int] = {
    "file": 4,
    "size": 5,
    "brightness": len(_QUANTILES) + 3,
    "layout": _SLAB_FREQUENCIES * _LAYOUT_FREQUENCIES**2,
    "edges": 2 * _SLAB_FREQUENCIES * _EDGE_FREQUENCIES**2,
}
"""Kinds of numbers, in their order, and how many there are of each."""


@dataclasses.dataclass(frozen=True)
class FeatureTable:
    """Images in numbers.

    Attributes:
        images: the images, one a row.
        values: (images, features), float64, finite, in the order of `GROUPS`.
        with_spot: the same of the same images with a bright spot planted in the
            body, the positive control of whoever learns from these numbers.
    """

    images: tuple[AuditImage, ...]
    values: NDArray[np.float64]
    with_spot: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class PatientFeatures:
    """Patients in numbers: the mean over each patient's images.

    Attributes:
        patients: each once, sorted.
        values: (patients, features), float64.
        with_spot: the same with the planted spot.
    """

    patients: tuple[str, ...]
    values: NDArray[np.float64]
    with_spot: NDArray[np.float64]


def describe_images(images: Sequence[AuditImage], workers: int) -> FeatureTable:
    """Read images and describe each by the same numbers.

    Args:
        images: at least one.
        workers: how many images are treated at the same time; changes no result.

    Raises:
        AuditError: there is no image, one cannot be read or shows no body.
    """
    if not images:
        raise AuditError("There are no images to describe. Expected at least one. Give images.")
    with ThreadPoolExecutor(max(1, workers)) as executor:
        described = list(executor.map(_describe_one, images))
    return FeatureTable(
        images=tuple(images),
        values=np.stack([plain for plain, _ in described]),
        with_spot=np.stack([spotted for _, spotted in described]),
    )


def describe_pixels(pixels: Pixels, name: str) -> NDArray[np.float64]:
    """Describe one image in memory.

    Args:
        pixels: the image.
        name: what to call it in messages.

    Returns:
        (features,), float64, finite, in the order of `GROUPS`.

    Raises:
        AuditError: there is no body in the image.
    """
    return _join(pixels, fit_body_grid(pixels, name))


def average_by_patient(
    table: FeatureTable, patient_of: Mapping[str, str] | None
) -> PatientFeatures:
    """Give one row a patient.

    Args:
        table: images in numbers.
        patient_of: name of the image -> its patient, where this is another than the
            image's own: the source of a synthetic image. None takes the image's own.

    Raises:
        AuditError: an image is not in `patient_of`.
    """
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(table.images):
        rows.setdefault(owner_of(image, patient_of), []).append(row)
    patients = tuple(sorted(rows))
    return PatientFeatures(
        patients=patients,
        values=np.stack([table.values[rows[patient]].mean(axis=0) for patient in patients]),
        with_spot=np.stack([table.with_spot[rows[patient]].mean(axis=0) for patient in patients]),
    )


def standardise(values: NDArray[np.float64], like: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring features to the scale of some patients, whose mean is then 0 and spread 1.

    Args:
        values: (patients, features).
        like: (others, features), of which the scale is taken.

    Returns:
        New array; a feature that is constant in `like` is 0.
    """
    spread = like.std(axis=0)
    constant = spread <= 1e-9 * (np.abs(like).max(axis=0) + 1e-9)
    scaled = (values - like.mean(axis=0)) / np.where(constant, 1.0, spread)
    return np.asarray(np.clip(np.where(constant, 0.0, scaled), -_FARTHEST, _FARTHEST))


def owner_of(image: AuditImage, patient_of: Mapping[str, str] | None) -> str:
    """Give the patient of an image: its own, or what the map says where there is one.

    Raises:
        AuditError: the map does not name the image.
    """
    if patient_of is None:
        return image.patient
    if image.name not in patient_of:
        raise AuditError(
            f"Image {image.name} is not in the source map. Expected one row for each "
            "synthetic image. Mend the source map."
        )
    return patient_of[image.name]


def columns_of(groups: Sequence[str]) -> NDArray[np.int64]:
    """Give the columns of some kinds of numbers, see `GROUPS`."""
    first = 0
    columns: list[int] = []
    for name, count in GROUPS.items():
        if name in groups:
            columns += range(first, first + count)
        first += count
    return np.array(columns, dtype=np.int64)


def _describe_one(image: AuditImage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pixels = read_pixels(image.name, image.paths)
    grid = fit_body_grid(pixels, image.name)
    return _join(pixels, grid), _join(pixels, _plant_spot(grid))


def _join(pixels: Pixels, grid: BodyGrid) -> NDArray[np.float64]:
    return np.concatenate(
        [_file(pixels), _size(pixels), _brightness(pixels, grid), _layout(grid), _edges(grid)]
    )


def _file(pixels: Pixels) -> NDArray[np.float64]:
    """Give the numbers of slices, rows and columns and the gap between slices, as logarithms."""
    gap_mm = pixels.slice_gap_mm or 1.0
    return np.log(np.array([*pixels.values.shape, gap_mm], dtype=np.float64))


def _size(pixels: Pixels) -> NDArray[np.float64]:
    """Give the body's share of the picture: area, height, width, shape, and change along slices."""
    slices, rows, columns = pixels.values.shape
    step = max(1, slices // _MOST_SLICES)
    stride = max(1, max(rows, columns) // _WORKING_SIZE)
    thinned = pixels.values[::step, ::stride, ::stride]
    body = thinned > _air_level(thinned)
    shares = body.mean(axis=(1, 2))
    outline = _extents(np.asarray(body.any(axis=0)))
    return np.array(
        [
            np.log(shares.mean() + 1e-6),
            *outline,
            outline[0] - outline[1],
            shares.std() / (shares.mean() + 1e-6),
        ]
    )


def _air_level(values: NDArray[np.float32]) -> float:
    """Give the value above which there is body: -300 HU, or a twentieth of a picture's range."""
    if values.min() <= -200.0:
        return -300.0
    low, high = np.percentile(values, [1.0, 99.0])
    return float(low + 0.05 * (high - low))


def _extents(body: NDArray[np.bool_]) -> tuple[float, float]:
    """Give the logarithms of height and width: twice the spread of the body's points."""
    row, column = np.nonzero(ndimage.binary_opening(body, iterations=2))
    if row.size == 0:
        return 0.0, 0.0
    height, width = row.std() / body.shape[0], column.std() / body.shape[1]
    return float(np.log(height + 1e-6)), float(np.log(width + 1e-6))


def _brightness(pixels: Pixels, grid: BodyGrid) -> NDArray[np.float64]:
    inside = grid.values[grid.body].astype(np.float64)
    quantiles = np.percentile(inside, _QUANTILES)
    middle = pixels.values[pixels.values.shape[0] // 2].astype(np.float64)
    # Second differences see the noise of a scanner and the sharpness of its kernel.
    rough = np.abs(np.diff(middle, n=2, axis=1))[:, ::2]
    within = (middle[:, 1:-1] > quantiles[0])[:, ::2]
    noise = float(np.median(rough[within])) if within.any() else 0.0
    return np.array([*quantiles, inside.mean(), inside.std(), noise])


def _layout(grid: BodyGrid) -> NDArray[np.float64]:
    """Give where the body is bright, as low frequencies; the median counts as outside."""
    inside = grid.values[grid.body].astype(np.float64)
    centred = np.where(grid.body, grid.values - np.median(inside), 0.0)
    return _low_frequencies(centred, _LAYOUT_FREQUENCIES)


def _edges(grid: BodyGrid) -> NDArray[np.float64]:
    """Give where edges run in which direction, as low frequencies."""
    directions = map_edges(grid).directions.astype(np.float64)
    return np.concatenate(
        [
            _low_frequencies(directions[:, 0], _EDGE_FREQUENCIES),
            _low_frequencies(directions[:, 1], _EDGE_FREQUENCIES),
        ]
    )


def _low_frequencies(values: NDArray[np.float64], frequencies: int) -> NDArray[np.float64]:
    """Give the lowest coefficients of the cosine transform, however many slabs there are.

    Args:
        values: (slabs, GRID, GRID).
        frequencies: how many along rows and along columns.
    """
    by_plane = _cosines(frequencies, GRID)
    by_slab = _cosines(_SLAB_FREQUENCIES, values.shape[0])
    in_plane = by_plane @ values @ by_plane.T
    return np.asarray(np.tensordot(by_slab, in_plane, axes=1).ravel())


def _cosines(frequencies: int, points: int) -> NDArray[np.float64]:
    """Give (frequencies, points): cosines whose products with values are means, not sums."""
    position = (np.arange(points) + 0.5) / points
    return np.asarray(np.cos(np.pi * np.outer(np.arange(frequencies), position)) / points)


def _plant_spot(grid: BodyGrid) -> BodyGrid:
    """Brighten a disc in the body, the same in every image."""
    row, column = np.mgrid[0:GRID, 0:GRID]
    disc = (row - _SPOT_MIDDLE[0]) ** 2 + (column - _SPOT_MIDDLE[1]) ** 2 <= _SPOT_RADIUS**2
    rise = SPOT_STRENGTH * float(grid.values[grid.body].std())
    values = grid.values + np.float32(rise) * (disc & grid.body)
    return BodyGrid(values.astype(np.float32), grid.body)
