"""How much denser released images lie about a patient than images of people never trained on.

Images are described by the directions of their edges on a coarse grid, which contrast agent
changes little, in a few principal components.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special
from scipy.spatial import distance

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import AuditImage

MOST_COMPONENTS = 16
IMAGES_A_COMPONENT = 10
"""Synthetic images, and null images, that one principal component needs."""
_FEWEST_COMPONENTS = 2
_COARSE = 12
_EDGE_SCALE = 1.5
# Real images that are held against all synthetic ones at a time.
_CHUNK = 256


@dataclasses.dataclass(frozen=True)
class ImageShapes:
    """Coarse edge directions of images.

    Attributes:
        values: (images, features), float64.
        patients: the patient each image is filed under.
    """

    values: NDArray[np.float64]
    patients: tuple[str, ...]


def describe_shapes(images: Sequence[AuditImage]) -> ImageShapes:
    """Describe images by their edges; reads each once.

    Args:
        images: real or synthetic ones, at least one.

    Raises:
        AuditError: an image cannot be read or shows no body.
    """
    return ImageShapes(
        values=np.array([_describe(image) for image in images]),
        patients=tuple(image.patient for image in images),
    )


def density_ratios(
    patients: Sequence[str],
    real: ImageShapes,
    synthetic: tuple[ImageShapes, NDArray[np.bool_]],
    null: tuple[ImageShapes, NDArray[np.bool_]],
) -> NDArray[np.float64] | None:
    """Give each patient's logarithm of the released images' density over the null images'.

    Args:
        patients: real patients.
        real: shapes of their real images; a patient with several has their mean.
        synthetic: shapes of the released images, and which (rows) may be used for which
            patients (columns).
        null: the same of synthetic images of patients never trained on.

    Returns:
        (patients,), float64; None where there are too few images for two components.

    Source: van Breugel et al. 2023, arXiv 2302.12580, with kernel densities of Scott's width.
    """
    fewest = min(len(synthetic[0].patients), len(null[0].patients))
    components = min(MOST_COMPONENTS, fewest // IMAGES_A_COMPONENT)
    if components < _FEWEST_COMPONENTS:
        return None
    parts = [real.values, synthetic[0].values, null[0].values]
    embedded = _principal_components(parts, components)
    ratio = _log_density(embedded[0], embedded[1], synthetic[1], real, patients) - _log_density(
        embedded[0], embedded[2], null[1], real, patients
    )
    of_patient = np.array(real.patients)
    means = [float(ratio[of_patient == patient].mean()) for patient in patients]
    return np.array(means)


def _describe(image: AuditImage) -> NDArray[np.float64]:
    grid = fit_body_grid(read_pixels(image.name, image.paths), image.name)
    smooth = ndimage.gaussian_filter(grid.values.astype(np.float64), (0, _EDGE_SCALE, _EDGE_SCALE))
    down, across = np.gradient(smooth, axis=(1, 2))
    strength = np.hypot(down, across)
    level = np.median(strength[grid.body]) if grid.body.any() else 0.0
    # Twice the angle: an edge from bright to dark is the same edge as from dark to bright.
    weight = grid.body / np.maximum(strength**2 + level**2, 1e-12)
    parts = [(down**2 - across**2) * weight, 2.0 * down * across * weight]
    size = grid.values.shape[1] // _COARSE
    return np.concatenate(
        [
            part.mean(axis=0).reshape(_COARSE, size, _COARSE, size).mean(axis=(1, 3)).ravel()
            for part in parts
        ]
    )


def _principal_components(
    parts: Sequence[NDArray[np.float64]], components: int
) -> list[NDArray[np.float64]]:
    """Project all parts on the directions in which all of them together vary most, to unit spread.

    They are fitted on every image alike, so they know nobody's membership.
    """
    together = np.concatenate(parts)
    centred = together - together.mean(axis=0)
    _, strengths, directions = np.linalg.svd(centred, full_matrices=False)
    kept = strengths[:components] > 1e-9 * max(float(strengths[0]), 1e-30)
    projected = centred @ directions[:components][kept].T
    projected /= np.maximum(projected.std(axis=0), 1e-30)
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(projected, ends)


def _log_density(
    points: NDArray[np.float64],
    images: NDArray[np.float64],
    usable: NDArray[np.bool_],
    real: ImageShapes,
    patients: Sequence[str],
) -> NDArray[np.float64]:
    """Give the log density of usable images at each real image: (real images,)."""
    count, dimensions = images.shape
    width = count ** (-1.0 / (dimensions + 4.0))
    column = {patient: index for index, patient in enumerate(patients)}
    chosen = np.array([column[patient] for patient in real.patients])
    density = np.empty(len(points))
    for first in range(0, len(points), _CHUNK):
        part = slice(first, first + _CHUNK)
        squared = distance.cdist(points[part], images, "sqeuclidean") / width**2
        allowed = usable[:, chosen[part]].T
        logs = np.where(allowed, -0.5 * squared, -np.inf)
        density[part] = special.logsumexp(logs, axis=1) - np.log(allowed.sum(axis=1))
    return np.asarray(density - dimensions * np.log(width), dtype=np.float64)
