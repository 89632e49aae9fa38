"""Made-up bodies, small enough to be compared in milliseconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.image_sets import ImageSet, read_image_set
from privacy_audit.likeness.nulls import Null
from privacy_audit.self_tests.self_test import SelfTest

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


@pytest.fixture(scope="session")
def body() -> Body:
    """Give a function that makes a patient's scan in HU: smooth random organs in an ellipse.

    `invert` exchanges bright and dark organs: the same anatomy in another contrast.
    """

    def make(
        seed: int, *, slices: int = 1, size: int = 72, invert: bool = False
    ) -> NDArray[np.float32]:
        generator = np.random.default_rng(seed)
        organs = generator.normal(size=(slices, 72, 72))
        organs = ndimage.gaussian_filter(organs, (1.5 if slices > 1 else 0, 3, 3))
        organs *= (-60.0 if invert else 60.0) / organs.std()
        row, column = np.mgrid[-1:1:72j, -1:1:72j]
        inside = (row / 0.62) ** 2 + (column / 0.8) ** 2 < 1
        scan = np.where(inside, 40 + organs, -1000.0)
        if size != 72:
            scan = ndimage.zoom(scan, (1, size / 72, size / 72), order=1)
        return np.asarray(scan, dtype=np.float32)

    return make


@pytest.fixture
def write_set() -> WriteSet:
    """Give a function that writes patients as npy files and reads them as an image set."""

    def write(folder: Path, scans: dict[str, NDArray[np.float32]]) -> ImageSet:
        folder.mkdir(parents=True, exist_ok=True)
        for name, scan in scans.items():
            np.save(folder / f"{name}.npy", scan)
        return read_image_set(folder)

    return write


@pytest.fixture
def passed_self_test() -> SelfTest:
    return SelfTest("pass", {}, 0.9, 10, 0, "All planted copies were found.")


@pytest.fixture
def null_of_19() -> Null:
    """Nineteen patients at 0.30, 0.31, ... 0.48: the smallest p-value is 1/20 = 0.05."""
    return Null("translated_holdout", np.array([0.30 + 0.01 * step for step in range(19)]))
