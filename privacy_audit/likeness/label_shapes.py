"""Shapes of the organs in a label map, as numbers that no contrast changes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.errors import AuditError
from privacy_audit.images.image_reading import stem_of
from privacy_audit.images.image_sets import AuditImage

_SUFFIXES = (".nii.gz", ".nii")
_NAMES_FILE = "labels.json"
_FEWEST_VOXELS = 8
# Presence; log volume; mm; log spreads; correlations; mm.
_BLUR = (0.1, 0.05, 2.0, 2.0, 2.0, 0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 3.0, 3.0, 3.0)
NUMBERS_PER_ORGAN = 14
"""Presence, log volume, centroid, six second moments, extents."""


def read_organ_names(folder: Path) -> dict[int, str]:
    """Read which value stands for which organ.

    Args:
        folder: holds `labels.json`: value, as text -> organ.

    Raises:
        AuditError: the file is missing or is no such table.
    """
    path = folder / _NAMES_FILE
    try:
        names = json.loads(path.read_text("utf-8"))
        organs = {int(value): str(organ) for value, organ in names.items() if int(value) != 0}
    except (OSError, ValueError, AttributeError) as error:
        raise AuditError(
            f"{_NAMES_FILE} in {folder} cannot be read ({type(error).__name__}). Expected a table "
            "of values and organs. Write it beside the label maps."
        ) from None
    if not organs:
        raise AuditError(
            f"{_NAMES_FILE} in {folder} names no organ. Expected at least one. Complete it."
        )
    return organs


def find_label_maps(images: Sequence[AuditImage], folder: Path) -> dict[str, Path]:
    """Find the label map of each image, named like the image, by its path or its last part.

    Args:
        images: of one role.
        folder: holds NIfTI files.

    Returns:
        Name of the image -> its label map, for the images that have one.
    """
    found = {}
    for image in images:
        name = Path(image.name)
        for stem in (name.parent / stem_of(name), Path(stem_of(name))):
            paths = [folder / f"{stem}{suffix}" for suffix in _SUFFIXES]
            there = [path for path in paths if path.is_file()]
            if there:
                found[image.name] = there[0]
                break
    return found


def read_label_map(path: Path, organs: Mapping[int, str]) -> tuple[NDArray[np.int16], list[float]]:
    """Read a label map, turned alike for all.

    Args:
        path: a NIfTI file.
        organs: value -> organ.

    Returns:
        (columns, rows, slices), int16, to the patient's right, front and head, a
        new array, and the spacing in mm along each.

    Raises:
        AuditError: the file cannot be read, is not 3D, or holds a value without a name.
    """
    try:
        image: Any = nibabel.as_closest_canonical(nibabel.load(path))
        values = np.rint(np.asarray(image.dataobj, dtype=np.float32)).astype(np.int16)
    except (OSError, ImageFileError, ValueError, EOFError) as error:
        raise AuditError(
            f"Label map {path.name} cannot be read ({type(error).__name__}). Expected NIfTI. "
            "Write it again or remove it."
        ) from None
    if values.ndim != 3:
        raise AuditError(
            f"Label map {path.name} has {values.ndim} axes. Expected 3. Write one volume a file."
        )
    unnamed = sorted(set(np.unique(values).tolist()) - {0} - set(organs))
    if unnamed:
        raise AuditError(
            f"Label map {path.name} holds {len(unnamed)} values without a name, the first is "
            f"{unnamed[0]}. Expected those of {_NAMES_FILE}. Add them there."
        )
    return values, [float(size) for size in image.header.get_zooms()[:3]]


def describe_organs(
    labels: NDArray[np.int16], spacing_mm: Sequence[float], organs: Mapping[int, str]
) -> NDArray[np.float64]:
    """Give the shape vector of a label map.

    Places are measured from the middle of everything labelled, so that a patient who
    lay elsewhere on the table stays the same.

    Args:
        labels: (columns, rows, slices).
        spacing_mm: of each axis.
        organs: value -> organ; the order of the vector is that of the values.

    Returns:
        (organs * NUMBERS_PER_ORGAN,), NaN but for the presence where an organ is missing.

    Source: own derivation.
    """
    vector = np.full((len(organs), NUMBERS_PER_ORGAN), np.nan)
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    labelled = np.argwhere(labels > 0)
    middle = labelled.mean(axis=0) * spacing if labelled.size else np.zeros(3)
    boxes = ndimage.find_objects(labels)
    for row, value in enumerate(sorted(organs)):
        vector[row, 0] = 0.0
        box = boxes[value - 1] if 0 < value <= len(boxes) else None
        if box is None:
            continue
        points = np.argwhere(labels[box] == value)
        if len(points) < _FEWEST_VOXELS:
            continue
        places_mm = (points + [part.start for part in box]) * spacing - middle
        vector[row] = _describe_organ(places_mm, float(np.prod(spacing)))
    return vector.ravel()


def blur_of_shapes(organs: int) -> NDArray[np.float64]:
    """Give how much each number of a shape vector changes by drawing the same organ again.

    Args:
        organs: how many organs the vector describes.

    Source: own estimate, for voxels of some mm.
    """
    return np.tile(_BLUR, organs)


def _describe_organ(places_mm: NDArray[np.float64], voxel_mm3: float) -> NDArray[np.float64]:
    centroid = places_mm.mean(axis=0)
    moments = np.cov(places_mm.T, bias=True)
    spreads = np.sqrt(np.diag(moments)) + 1.0
    crossed = [moments[i, j] / (spreads[i] * spreads[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    low, high = np.percentile(places_mm, [2.0, 98.0], axis=0)
    volume = np.log(len(places_mm) * voxel_mm3)
    return np.array([1.0, volume, *centroid, *np.log(spreads), *crossed, *(high - low)])
