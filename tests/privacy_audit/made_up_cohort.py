"""Patients whose attributes are, or are not, in their images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.features import GROUPS, FeatureTable
from privacy_audit.images.image_sets import AuditImage

FEATURES = sum(GROUPS.values())


def scan_with(seed: int, *, liver_hu: float = 0.0, size: float = 1.0) -> NDArray[np.float32]:
    """Give (1, 64, 64), HU: random organs in an ellipse, with a liver brighter than the rest."""
    generator = np.random.default_rng(seed)
    organs = ndimage.gaussian_filter(generator.normal(size=(64, 64)), 2.5)
    organs *= 40 / organs.std()
    row, column = np.mgrid[-1:1:64j, -1:1:64j]
    height, width = size * np.array([0.5, 0.65]) * (1 + 0.06 * generator.normal(size=2))
    inside = (row / height) ** 2 + (column / width) ** 2 < 1
    liver = ((row + 0.1) / 0.25) ** 2 + ((column + 0.25) / 0.25) ** 2 < 1
    return np.where(inside, 40 + organs + liver_hu * liver, -1000.0).astype(np.float32)[None]


def table_of(
    values: NDArray[np.float64],
    names: list[str],
    *,
    with_spot: NDArray[np.float64] | None = None,
) -> FeatureTable:
    """Give images as if they had been described by these numbers; the spot moves ten of them."""
    spotted = values.copy()
    spotted[:, 19:29] += 3.0
    return FeatureTable(
        images=tuple(AuditImage(name, name, (Path(name),)) for name in names),
        values=values,
        with_spot=spotted if with_spot is None else with_spot,
    )


def random_table(seed: int, names: list[str]) -> FeatureTable:
    """Give images described by numbers that mean nothing."""
    values = np.random.default_rng(seed).normal(size=(len(names), FEATURES))
    return table_of(values, names)


def same_name(names: list[str]) -> Mapping[str, str]:
    """Give the source of each image: "s7" was made from "p7"."""
    return {name: f"p{name[1:]}" for name in names}
