"""Copies that the audit must find, for the benchmarks: each kind changes an image in one way.

They are drawn apart from the package's own planted copies, so that the audit is not
measured on what it plants itself.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Original:
    """A patient's image.

    Attributes:
        patient: whose.
        contrast: (slices, rows, columns), float32, HU.
        translated: the same without contrast agent: true, or made by a translator.
    """

    patient: str
    contrast: Image
    translated: Image


Change = Callable[[Original, np.random.Generator], NDArray[np.floating]]
ELASTIC_SHARE = 0.03


def rotate(image: Image, random: np.random.Generator) -> Image:
    """Turn by 4 to 9 degrees."""
    degrees = float(random.choice((-1, 1)) * random.uniform(4, 9))
    air = float(image.min())
    turned = ndimage.rotate(image, degrees, (2, 1), reshape=False, order=1, cval=air)
    return np.asarray(turned, dtype=np.float32)


def shift(image: Image, random: np.random.Generator) -> Image:
    """Move by up to 6 % of the field of view."""
    rows, columns = random.uniform(-0.06, 0.06, 2) * image.shape[1:]
    moved = ndimage.shift(image, (0, rows, columns), order=1, cval=float(image.min()))
    return np.asarray(moved, dtype=np.float32)


def scale(image: Image, random: np.random.Generator) -> Image:
    """Scale by 0.9 to 1.1 about the middle, on the same matrix."""
    factor = random.uniform(0.9, 1.1)
    return _moved(image, lambda points, middle: middle + (points - middle) / factor)


def resample(image: Image, random: np.random.Generator) -> Image:
    """Bring to another matrix, 0.6 to 1.3 times as large."""
    factor = float(random.choice((0.6, 0.75, 1.3)))
    return np.asarray(ndimage.zoom(image, (1, factor, factor), order=1), dtype=np.float32)


def deform(image: Image, random: np.random.Generator, by_mean_square: bool) -> Image:
    """Deform smoothly; the largest, or the mean square, move is 3 % of the field of view."""
    size = image.shape[1]
    moves = random.normal(size=(2, *image.shape[1:]))
    moves = np.stack([ndimage.gaussian_filter(one, 0.09 * size) for one in moves])
    length = np.hypot(*moves)
    reach = np.sqrt(np.square(length).mean()) if by_mean_square else length.max()
    moves *= ELASTIC_SHARE * size / reach
    return _moved(image, lambda points, _: points + moves)


def change_hu(image: Image, random: np.random.Generator) -> Image:
    """Move the body's values by up to 40 HU and stretch them by up to 30 %."""
    changed = (image + random.uniform(-40, 40)) * random.uniform(0.7, 1.3)
    return np.where(image > -300, changed, image).astype(np.float32)


def add_noise(image: Image, random: np.random.Generator, hu: float) -> Image:
    """Add white noise."""
    return (image + random.normal(0, hu, image.shape)).astype(np.float32)


def blur(image: Image, _: np.random.Generator) -> Image:
    """Blur by 1 % of the field of view."""
    width = 0.01 * image.shape[1]
    return np.asarray(ndimage.gaussian_filter(image, (0, width, width)), dtype=np.float32)


def translate(original: Original, random: np.random.Generator) -> Image:
    """Take the contrast agent out, and noise in."""
    return add_noise(original.translated, random, 15)


def _of_contrast(change: Callable[[Image, np.random.Generator], Image]) -> Change:
    return lambda original, random: change(original.contrast, random)


SLICE_KINDS: Mapping[str, Change] = {
    "exact": lambda original, _: original.contrast,
    "flip": lambda original, _: original.contrast[:, :, ::-1],
    "rotation": _of_contrast(rotate),
    "shift": _of_contrast(shift),
    "HU change": _of_contrast(change_hu),
    "noise": lambda original, random: add_noise(original.contrast, random, 40),
    "blur": _of_contrast(blur),
    "resampled": _of_contrast(resample),
    "translated": translate,
    "scaled": _of_contrast(scale),
    "translated, turned, flipped": lambda original, random: rotate(
        translate(original, random), random
    )[:, :, ::-1],
    "elastic, largest 3 %": lambda original, random: deform(original.contrast, random, False),
    "elastic, mean 3 %": lambda original, random: deform(original.contrast, random, True),
    "translated, elastic": lambda original, random: deform(
        translate(original, random), random, False
    ),
}
VOLUME_KINDS: Mapping[str, Change] = {
    "exact": SLICE_KINDS["exact"],
    "slices reversed": lambda original, _: original.contrast[::-1],
    "translated": translate,
    "translated, reversed": lambda original, random: translate(original, random)[::-1],
    "translated, turned, flipped": SLICE_KINDS["translated, turned, flipped"],
    "ends cut": lambda original, _: original.contrast[2:-1],
}


def _moved(image: Image, source_of: Callable[[Points, float], Points]) -> Image:
    points = np.mgrid[0 : image.shape[1], 0 : image.shape[2]].astype(np.float64)
    at = source_of(points, (image.shape[1] - 1) / 2)
    air = float(image.min())
    moved = [ndimage.map_coordinates(one, at, order=1, cval=air) for one in image]
    return np.stack(moved).astype(np.float32)
