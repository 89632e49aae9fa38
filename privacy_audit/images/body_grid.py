"""The body of an image on a small common grid.

The body is found, centred and scaled to one size, so that tables, padding,
matrix sizes and fields of view neither match nor keep from matching.
"""

import dataclasses
import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import convex_hull_image

from medsynth.errors import AuditError
from privacy_audit.images.image_reading import Pixels

GRID = 96
"""Rows and columns of the grid."""
BODY_RADIUS = 34.0
"""Grid cells of the radius of a disc as large as the body."""
SLAB_MM = 10.0
"""Distance between slabs where the distance between slices is known."""
MOST_SLABS = 24
_WORKING_SIZE = 128
_AIR_BELOW_HU = -200.0
_BODY_ABOVE_HU = -300.0
# Of a picture's range, where soft tissue begins if air was not cut off: 0.8, else about 0.5.
_WITH_AIR_ABOVE = 0.65
_SMALLEST_BODY_SHARE = 0.02
# Of the largest blob: a body that a lung cuts in two, or an arm, but not a table.
_SMALLEST_BLOB = 0.2


@dataclasses.dataclass(frozen=True)
class BodyGrid:
    """An image on the common grid.

    Attributes:
        values: (slabs, GRID, GRID), float32, in the image's own unit.
        body: (slabs, GRID, GRID), bool, the inside of the body.
    """

    values: NDArray[np.float32]
    body: NDArray[np.bool_]


def fit_body_grid(pixels: Pixels, name: str) -> BodyGrid:
    """Place an image's body on the common grid.

    Args:
        pixels: the image.
        name: what to call it in messages.

    Returns:
        New arrays. A volume becomes one slab every `SLAB_MM`; where the
        distance between slices is unknown, the slabs share the whole volume.

    Raises:
        AuditError: there is no body in the image.
    """
    slabs = _scale_in_plane(_average_into_slabs(pixels))
    threshold = _body_threshold(slabs)
    bodies = np.stack([_outline_body(slab, threshold) for slab in slabs])
    areas = bodies.sum(axis=(1, 2))
    if areas.max() < _SMALLEST_BODY_SHARE * bodies[0].size:
        raise AuditError(
            f"Image {name} shows no body: all of it is air. Expected a scan of a patient. "
            "Remove it from the folder."
        )
    radius = float(np.sqrt(np.median(areas[areas > 0]) / np.pi))
    _, rows, columns = np.nonzero(bodies)
    scale = radius / BODY_RADIUS
    origin = np.array([rows.mean(), columns.mean()]) - scale * (GRID - 1) / 2
    inside = slabs[bodies]
    low, high = np.percentile(inside, [1.0, 99.0])
    return BodyGrid(
        values=_resample(np.clip(slabs, low, high), scale, origin, "nearest"),
        body=_resample(bodies.astype(np.float32), scale, origin, "constant") > 0.5,
    )


def pixel_fingerprint(pixels: Pixels) -> str:
    """Give a hash that is equal for equal pixels, whatever the unit, bit depth or file format.

    Values are brought to the range 0 to 1 and rounded to 1/4095 of it.
    """
    values = pixels.values.astype(np.float64)
    low, high = values.min(), values.max()
    steps = np.rint((values - low) / (high - low) * 4095).astype(np.uint16)
    return hashlib.sha256(repr(steps.shape).encode() + steps.tobytes()).hexdigest()


def _average_into_slabs(pixels: Pixels) -> NDArray[np.float32]:
    slices = pixels.values.shape[0]
    gap_mm = pixels.slice_gap_mm
    if slices == 1:
        return pixels.values
    slices_per_slab = SLAB_MM / gap_mm if gap_mm else slices / min(slices, MOST_SLABS)
    slices_per_slab = max(1.0, slices_per_slab)
    count = max(1, min(MOST_SLABS, round(slices / slices_per_slab)))
    # Slabs lie evenly about the middle of the volume; what the last ones lack is left out.
    edges = slices / 2 + slices_per_slab * (np.arange(count + 1) - count / 2)
    first = np.clip(np.rint(edges[:-1]).astype(int), 0, slices - 1)
    last = np.clip(np.rint(edges[1:]).astype(int), first + 1, slices)
    return np.stack([pixels.values[a:b].mean(axis=0) for a, b in zip(first, last, strict=True)])


def _scale_in_plane(slabs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring the longer side to the working size, so that the body is found alike at any size."""
    _, rows, columns = slabs.shape
    factor = max(rows, columns) / _WORKING_SIZE
    if factor > 1:
        # Half the new distance between points: what they could not carry is blurred away.
        slabs = ndimage.gaussian_filter(slabs, (0, factor / 2, factor / 2))
    shape = (max(1, round(rows / factor)), max(1, round(columns / factor)))
    # Points lie at the middle of pixels, whose edges are kept in place.
    offset = (factor - 1) / 2
    return np.stack(
        [
            ndimage.affine_transform(
                slab,
                np.array([factor, factor]),
                np.array([offset, offset]),
                order=1,
                mode="nearest",
                output_shape=shape,
            )
            for slab in slabs
        ]
    ).astype(np.float32)


def _body_threshold(slabs: NDArray[np.float32]) -> float:
    """Give the value above which there is body: -300 HU, or what a picture's greys say.

    A picture that shows all from air to bone has its body far above the air; one
    of a soft-tissue window shows air and lung as black and fat hardly above it.
    """
    if slabs.min() <= _AIR_BELOW_HU:
        return _BODY_ABOVE_HU
    low, high = np.percentile(slabs, [1.0, 99.0])
    if low == high:
        return float(low)
    between = float(threshold_otsu(np.clip(slabs, low, high)))
    usual = float(np.median(slabs[slabs > between]))
    if usual - low > _WITH_AIR_ABOVE * (high - low):
        return between
    return float(low + 0.05 * (high - low))


def _outline_body(slab: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Give the convex hull of the large blobs above the threshold.

    The hull does not depend on whether a lung or the bowel opens to the edge
    of the picture, as a filled outline would.
    """
    above = ndimage.gaussian_filter(slab, 1.0) > threshold
    # Opening parts the body from the table and from sheets.
    labels, count = ndimage.label(ndimage.binary_opening(above, iterations=2))
    if count == 0:
        return np.zeros_like(above)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = sizes >= _SMALLEST_BLOB * sizes.max()
    hull = convex_hull_image(large[labels], offset_coordinates=False)
    return np.asarray(hull, dtype=np.bool_)


def _resample(
    slabs: NDArray[np.float32], scale: float, origin: NDArray[np.float64], outside: str
) -> NDArray[np.float32]:
    return np.stack(
        [
            ndimage.affine_transform(
                slab,
                np.array([scale, scale]),
                origin,
                order=1,
                mode=outside,
                output_shape=(GRID, GRID),
            )
            for slab in slabs
        ]
    ).astype(np.float32)
