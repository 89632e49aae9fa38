"""Known copies of parts of images, to be planted and found."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.image_reading import Pixels
from privacy_audit.self_tests.plants import change_contrast, mirror, thin_out, turn

CROP_SHARE = 0.7
"""Share of the body's rows, and of its columns, that a crop keeps."""
BLEND_SHARE = 0.7
"""Share of the copied patient in a blend of two."""
PATCH_SHARE = 56 / 128
"""Side of a pasted patch, as a share of the longer side of the image."""
_THUMBNAIL = 16
_AIR_BELOW_HU = -200.0
_BODY_ABOVE_HU = -300.0

Change = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


@dataclasses.dataclass(frozen=True)
class PartialPlant:
    """A planted part.

    Attributes:
        pixels: the image that holds the part, new arrays.
        names_other: whether the other image is copied as much, so that naming its
            patient is right as well.
    """

    pixels: Pixels
    names_other: bool


def plant_partial_copies(pixels: Pixels, other: Pixels, seed: int) -> dict[str, PartialPlant]:
    """Hide parts of an image in each way that is known.

    Large images are thinned first. What needs a second patient is made with
    `other`, brought to the same size.

    Args:
        pixels: a training image.
        other: another patient's image, in the same unit; never trained on where a
            found patch is to prove anything.
        seed: equal seeds give equal copies.

    Returns:
        Kind of copy -> the copy.
    """
    own = thin_out(pixels)
    second = _resize(thin_out(other).values, own.values.shape)
    plants = {}
    for number, (kind, change) in enumerate(_CROPS.items()):
        generator = np.random.default_rng([seed, 100 + number])
        values = _crop(change(own.values, generator), generator)
        plants[kind] = PartialPlant(Pixels(values, own.slice_gap_mm), names_other=False)
    for number, (kind, mix) in enumerate(_MIXTURES.items()):
        generator = np.random.default_rng([seed, 200 + number])
        values = mix(own.values, second, generator).astype(np.float32)
        plants[kind] = PartialPlant(Pixels(values, own.slice_gap_mm), kind in _OF_BOTH)
    return plants


def most_alike(own: Pixels, others: Sequence[Pixels]) -> int:
    """Give the place of the image whose middle slice is most like this one's, seen from afar.

    Networks blend what lies close together, not a chest with a pelvis.

    Args:
        own: the image to be copied.
        others: at least one.
    """
    from_afar = _thumbnail(own)
    return int(np.argmin([np.abs(_thumbnail(other) - from_afar).mean() for other in others]))


def _thumbnail(pixels: Pixels) -> NDArray[np.float32]:
    middle = pixels.values[len(pixels.values) // 2]
    width = max(middle.shape) / _THUMBNAIL / 2
    soft = ndimage.gaussian_filter(middle, width)[np.newaxis]
    return _resize(np.clip(soft, *np.percentile(soft, [1.0, 99.0])), (1, _THUMBNAIL, _THUMBNAIL))


def _resize(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Give an image resampled to a shape, edges kept in place."""
    steps = np.array(values.shape) / np.array(shape)
    offset = (steps - 1) / 2
    resized = ndimage.affine_transform(
        values, steps, offset, order=1, mode="nearest", output_shape=shape
    )
    return np.asarray(resized, dtype=np.float32)


def _body_box(values: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Give first and last row and column of the largest blob in the middle slice."""
    middle = ndimage.gaussian_filter(values[len(values) // 2], 1.0)
    low, high = np.percentile(middle, [1.0, 99.0])
    air = values.min() <= _AIR_BELOW_HU
    above = middle > (_BODY_ABOVE_HU if air else low + 0.05 * (high - low))
    labels, count = ndimage.label(ndimage.binary_opening(above, iterations=2))
    if count == 0:
        return 0, values.shape[1], 0, values.shape[2]
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    rows, columns = np.nonzero(labels == sizes.argmax())
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _crop(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Keep a window of the body, anywhere in it, with nothing around."""
    first_row, last_row, first_column, last_column = _body_box(values)
    rows = max(1, round(CROP_SHARE * (last_row - first_row)))
    columns = max(1, round(CROP_SHARE * (last_column - first_column)))
    row = int(generator.integers(first_row, last_row - rows + 1))
    column = int(generator.integers(first_column, last_column - columns + 1))
    return values[:, row : row + rows, column : column + columns].copy()


def _halve(
    own: NDArray[np.float32], other: NDArray[np.float32], _: np.random.Generator
) -> NDArray[np.float32]:
    """Give the left half of one body beside the right half of the other."""
    middle = sum(_body_box(own)[2:]) // 2
    return np.concatenate([own[:, :, :middle], other[:, :, middle:]], axis=2)


def _halve_recontrasted(
    own: NDArray[np.float32], other: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    return change_contrast(_halve(own, other, generator), generator)


def _blend(
    own: NDArray[np.float32], other: NDArray[np.float32], _: np.random.Generator
) -> NDArray[np.float32]:
    return np.float32(BLEND_SHARE) * own + np.float32(1 - BLEND_SHARE) * other


def _paste(
    own: NDArray[np.float32], other: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Put a square of one body over the other's, at the same place."""
    first_row, last_row, first_column, last_column = _body_box(own)
    side = round(PATCH_SHARE * max(own.shape[1:]))
    row = int(generator.integers(first_row, max(first_row, last_row - side) + 1))
    column = int(generator.integers(first_column, max(first_column, last_column - side) + 1))
    pasted = other.copy()
    window = (slice(None), slice(row, row + side), slice(column, column + side))
    pasted[window] = own[window]
    return pasted


def _unchanged(values: NDArray[np.float32], _: np.random.Generator) -> NDArray[np.float32]:
    return values


def _recontrasted_turned_mirrored(
    values: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    return mirror(turn(change_contrast(values, generator), generator), generator)


Mixture = Callable[
    [NDArray[np.float32], NDArray[np.float32], np.random.Generator], NDArray[np.float32]
]
_CROPS: Mapping[str, Change] = {
    "crop": _unchanged,
    "contrast_rotation_flip_crop": _recontrasted_turned_mirrored,
}
_MIXTURES: Mapping[str, Mixture] = {
    "half": _halve,
    "contrast_half": _halve_recontrasted,
    "blend": _blend,
    "patch": _paste,
}
_OF_BOTH = frozenset({"half", "contrast_half"})
