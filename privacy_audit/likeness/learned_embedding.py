"""An embedding fitted to pairs of a released image and its source.

Coarse edges, body outline and grey values, on the main axes of real patients; there,
the directions in which the release's making changes a patient are learnt from the
pairs and weighed down. A linear method: it learns from tens of pairs, which is what an
audit has, where a network wants thousands.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from privacy_audit.images.body_grid import BodyGrid
from privacy_audit.likeness.deformable import complex_edges, halve, smooth_maps
from privacy_audit.likeness.shrinkage import shrunk_covariance

MOST_SLABS = 4
_EDGE_SMOOTHING = 0.7
_GREY_SMOOTHING = 3.0
_GREY_STEP = 8
_MOST_AXES = 100


@dataclasses.dataclass(frozen=True)
class Embedding:
    """What was learnt.

    Attributes:
        centre: (numbers,), of real images.
        axes: (numbers, axes), the main axes of real images.
        change: (axes,), what the release's making adds on average.
        whitening: (axes, axes), after which what it changes at random is alike in all directions.
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    change: NDArray[np.float64]
    whitening: NDArray[np.float64]

    def embed_real(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Embed real images: (images, numbers) -> (images, axes)."""
        return np.asarray((vectors - self.centre) @ self.axes @ self.whitening)

    def embed_released(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Embed released images: (images, numbers) -> (images, axes)."""
        placed = (vectors - self.centre) @ self.axes - self.change
        return np.asarray(placed @ self.whitening)


def describe_grid(grid: BodyGrid, slabs: int) -> NDArray[np.float64]:
    """Give an image's coarse edges, outline and grey values as one vector.

    Args:
        grid: the image on the common grid, with at least `slabs` slabs.
        slabs: how many slabs to average into.
    """
    edges = smooth_maps(halve(complex_edges(grid)).astype(np.complex64), _EDGE_SMOOTHING)
    low, high = np.percentile(grid.values[grid.body], [5.0, 95.0])
    grey = np.clip((grid.values - low) / max(float(high - low), 1e-6), 0, 1) * grid.body
    parts = [edges.real, edges.imag, _thin(grid.body.astype(np.float32)), _thin(grey)]
    means = [
        np.stack([group.mean(axis=0) for group in np.array_split(part, slabs)]) for part in parts
    ]
    return np.concatenate([mean.ravel() for mean in means]).astype(np.float64)


def fit_embedding(
    gallery: NDArray[np.float64], released: NDArray[np.float64], sources: NDArray[np.float64]
) -> Embedding:
    """Learn from pairs what the release's making changes.

    Args:
        gallery: (images, numbers), real images; no pair is needed for them.
        released: (pairs, numbers), released images.
        sources: (pairs, numbers), the real image of each.

    Source: within-class covariance normalisation (Hatch et al. 2006) on principal
    axes, with the shrunk covariance of Ledoit and Wolf 2004.
    """
    centre = gallery.mean(axis=0)
    _, strengths, rows = linalg.svd(gallery - centre, full_matrices=False)
    count = min(_MOST_AXES, int((strengths > 1e-6 * strengths[0]).sum()))
    axes = rows[:count].T
    differences = (released - sources) @ axes
    change = differences.mean(axis=0)
    values, directions = linalg.eigh(shrunk_covariance(differences))
    floor = 1e-6 * max(float(values.max()), 1e-12)
    whitening = directions / np.sqrt(np.maximum(values, floor))
    return Embedding(centre, axes, change, whitening)


def _thin(maps: NDArray[np.floating]) -> NDArray[np.floating]:
    smooth = ndimage.gaussian_filter(maps, (0, _GREY_SMOOTHING, _GREY_SMOOTHING))
    return np.asarray(smooth[:, _GREY_STEP // 2 :: _GREY_STEP, _GREY_STEP // 2 :: _GREY_STEP])
