"""Organ names and label values."""

from pathlib import Path

import numpy as np
import pytest

from medsynth.errors import ImageError
from medsynth.evaluation.organs import organ_table, read_organ_table


def test_values_of_one_name_are_one_organ() -> None:
    table = organ_table({2: "kidney", 1: "liver", 3: "kidney"})
    assert table.names == ("liver", "kidney")
    assert table.values == ((1,), (2, 3))


def test_mask_holds_every_value_of_the_organ_and_no_lesion() -> None:
    table = organ_table({1: "liver", 2: "kidney", 3: "kidney", 9: "lesion"})
    labels = np.array([[[0, 1, 2, 3, 9]]], dtype=np.uint8)
    assert table.mask(labels, "kidney").tolist() == [[[False, False, True, True, False]]]


def test_unnamed_label_values_become_background_class() -> None:
    lookup = organ_table({0: "background", 4: "liver", 7: "spleen"}).class_lookup()
    assert lookup[[0, 4, 7, 5]].tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("text", ['{"300": "liver"}', '{"a": "liver"}', '{"1": 5}', "[]"])
def test_label_list_with_a_wrong_entry_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ImageError, match="label values from 0 to 255"):
        read_organ_table(path)


def test_label_list_is_read_with_its_names(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"1": "liver", "2": "spleen"}', "utf-8")
    assert read_organ_table(path).names == ("liver", "spleen")
