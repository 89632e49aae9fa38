"""Labels and paired truth that a user hands over beside the DICOM files.

They are matched to a series by its UID, and not trusted: their grid must be the
series' own.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from medsynth.errors import ConfigurationError, ImageError
from medsynth.imaging.nifti import read_labels, read_volume, write_labels, write_volume
from medsynth.imaging.orientation import labels_to_axial, largest_corner_distance_mm, to_axial
from medsynth.imaging.volume import HIGHEST_HU, LOWEST_HU, Volume

LABEL_NAMES_NAME = "labels.json"
_SAME_GRID_WITHIN_MM = 1e-3


def read_label_names(labels_folder: Path) -> dict[int, str]:
    """Read which organ each label value stands for.

    Two values may share a name: left and right kidney are both kidneys.

    Args:
        labels_folder: the folder that holds `labels.json`.

    Returns:
        Value from 1 to 255 -> name, ordered by value.

    Raises:
        ConfigurationError: the file is missing or is not such a table.
    """
    try:
        table = json.loads((labels_folder / LABEL_NAMES_NAME).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        table = None
    if not isinstance(table, dict) or not table or not all(map(_is_entry, table, table.values())):
        raise ConfigurationError(
            f"{LABEL_NAMES_NAME} in the folder of labels is missing or is not a table of organs. "
            'Expected one object from values "1" to "255" to names, such as {"1": "liver"}. '
            "Write it or leave out --labels."
        )
    return {int(value): table[value].strip() for value in sorted(table, key=int)}


def carry_labels(
    source: Path, volume: Volume, target: Path, *, series: str, names: Mapping[int, str]
) -> None:
    """Check a label map against its series and write it in axial orientation.

    Args:
        source: the user's file.
        volume: the series' volume, axial.
        target: where to write.
        series: pseudonym of the series, for messages.
        names: value -> organ.

    Raises:
        ImageError: the file cannot be read, lies on another grid, or holds a value without a name.
    """
    try:
        labels, affine = labels_to_axial(*read_labels(source))
    except ImageError:
        raise _unreadable("Labels", series, "whole numbers from 0 to 255") from None
    _check_grid("Labels", series, Volume(labels.astype(np.int16), affine), volume)
    unnamed = sorted(set(np.unique(labels).tolist()) - {0} - set(names))
    if unnamed:
        raise ImageError(
            f"Labels of series {series} hold the values {unnamed}. Expected only values that "
            f"{LABEL_NAMES_NAME} names: {sorted(names)}. Name them or write the labels again."
        )
    write_labels(target, labels, volume.affine)


def carry_truth(source: Path, volume: Volume, target: Path, *, series: str) -> None:
    """Check a paired noncontrast scan against its series and write it in axial orientation.

    Args:
        source: the user's file, HU.
        volume: the series' volume, axial.
        target: where to write, int16 HU in the range that volumes keep.
        series: pseudonym of the series, for messages.

    Raises:
        ImageError: the file cannot be read or lies on another grid.
    """
    try:
        truth = to_axial(read_volume(source))
    except ImageError:
        raise _unreadable("Truth", series, "HU") from None
    if not np.isfinite(truth.voxels_hu).all():
        raise _unreadable("Truth", series, "HU")
    _check_grid("Truth", series, truth, volume)
    kept = np.clip(np.rint(truth.voxels_hu), LOWEST_HU, HIGHEST_HU).astype(np.int16)
    write_volume(target, volume.with_voxels(kept))


def _is_entry(value: object, name: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isdecimal()
        and len(value) <= 3
        and 1 <= int(value) <= 255
        and isinstance(name, str)
        and bool(name.strip())
    )


def _unreadable(what: str, series: str, content: str) -> ImageError:
    # The file's name is the series' UID, so the reader's own message is not passed on.
    return ImageError(
        f"{what} of series {series} cannot be read. Expected a whole three-dimensional .nii.gz "
        f"file of {content}. Write it again or take it out of its folder."
    )


def _check_grid(what: str, series: str, found: Volume, expected: Volume) -> None:
    shape = expected.voxels_hu.shape
    if found.voxels_hu.shape != shape:
        raise ImageError(
            f"{what} of series {series} have shape {found.voxels_hu.shape} in axial orientation. "
            f"Expected the series' {shape}. Write them on the grid of the series."
        )
    apart_mm = largest_corner_distance_mm(found.affine, expected.affine, shape)
    if apart_mm > _SAME_GRID_WITHIN_MM:
        raise ImageError(
            f"{what} of series {series} lie {apart_mm:.3f} mm off the series' grid. Expected at "
            f"most {_SAME_GRID_WITHIN_MM} mm. Write them with the affine of the series."
        )
