"""Organ names and the label values that mark them."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import ImageError
from medsynth.records.json_lines import read_json

LARGEST_LABEL = 255


@dataclasses.dataclass(frozen=True)
class OrganTable:
    """Which label values mark which organ.

    A lesion is an organ of its own here: what is labelled as lesion does not
    count as liver or kidney.

    Attributes:
        names: distinct organ names, in the order of their lowest label value.
        values: for each name, the label values that mark it; several when two
            label values have one name, such as a left and a right kidney.
    """

    names: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]

    def mask(self, labels: NDArray[np.uint8], name: str) -> NDArray[np.bool_]:
        """Mark the voxels of one organ; a new array of the same shape."""
        return np.isin(labels, self.values[self.names.index(name)])

    def class_lookup(self) -> NDArray[np.uint8]:
        """Give the array that turns a label value into a class: 0 background, 1 the first name.

        Returns:
            (256,), uint8. Label values without a name become background.
        """
        lookup = np.zeros(LARGEST_LABEL + 1, dtype=np.uint8)
        for index, values in enumerate(self.values):
            lookup[list(values)] = index + 1
        return lookup


def organ_table(name_by_value: Mapping[int, str]) -> OrganTable:
    """Group label values by organ name; value 0 is background and is left out."""
    values_by_name: dict[str, list[int]] = {}
    for value in sorted(name_by_value):
        if value != 0:
            values_by_name.setdefault(name_by_value[value], []).append(value)
    return OrganTable(
        names=tuple(values_by_name),
        values=tuple(tuple(values) for values in values_by_name.values()),
    )


def read_organ_table(labels_json: Path) -> OrganTable:
    """Read the table from a `labels.json` of the form `{"1": "liver", ...}`.

    Raises:
        RecordError: the file is missing or is not JSON.
        ImageError: an entry is not a label value from 0 to 255 with a name.
    """
    content = read_json(labels_json)
    if not isinstance(content, dict) or not all(
        key.isdecimal() and int(key) <= LARGEST_LABEL and isinstance(name, str)
        for key, name in content.items()
    ):
        raise ImageError(
            f"File {labels_json.name} has an entry that is no label. Expected label values from "
            '0 to 255 with an organ name each, such as {"1": "liver"}. Mend the file.'
        )
    return organ_table({int(key): name for key, name in content.items()})
