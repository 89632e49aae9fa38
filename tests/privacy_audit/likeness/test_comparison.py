from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.image_sets import ImageSet
from privacy_audit.likeness.comparison import NEAREST_KEPT, Comparer, Comparison, merge_columns

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


@pytest.fixture
def train(tmp_path: Path, body: Body, write_set: WriteSet) -> ImageSet:
    return write_set(tmp_path / "train", {f"t{seed:02d}": body(seed) for seed in range(12)})


def test_nearest_are_the_highest_of_the_whole_table(
    tmp_path: Path, train: ImageSet, body: Body, write_set: WriteSet
) -> None:
    comparer = Comparer(1)
    references = comparer.prepare(train.images)
    probes = write_set(tmp_path / "probes", {"a": body(3, invert=True), "b": body(50)})
    table = comparer.compare(probes.images, references)
    nearest = comparer.find_nearest(probes.images, references)
    assert nearest.columns.shape == (2, NEAREST_KEPT)
    assert np.array_equal(nearest.columns, table.nearest().columns)
    assert np.array_equal(nearest.similarity[:, 0], table.similarity.max(axis=1))
    assert references.patients[nearest.columns[0, 0]] == "t03"


def test_number_of_workers_changes_nothing(train: ImageSet) -> None:
    tables = []
    for workers in (1, 3):
        comparer = Comparer(workers)
        tables.append(comparer.compare(train.images, comparer.prepare(train.images)))
    assert np.array_equal(tables[0].similarity, tables[1].similarity)


def test_patient_is_as_alike_as_its_most_alike_image(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    write_set(tmp_path / "train" / "first", {"a": body(1), "b": body(2)})
    write_set(tmp_path / "train" / "second", {"c": body(3)})
    train = write_set(tmp_path / "train", {})
    comparer = Comparer(1)
    references = comparer.prepare(train.images)
    row = comparer.compare(train.images, references).similarity
    assert references.patients == ("first", "second")
    assert row[:2, 0] == pytest.approx([1.0, 1.0], abs=1e-3)
    assert (row[:2, 1] < 0.6).all()


def test_merged_tables_keep_the_higher_of_a_patient_in_both() -> None:
    first = Comparison((), (), ("p", "q"), np.empty((0, 2)))
    assert merge_columns(first, first).patients == ("p", "q")
    images = ("a",)
    one = Comparison(images, images, ("p", "q"), np.array([[0.1, 0.9]]))  # type: ignore[arg-type]
    two = Comparison(images, images, ("o", "p"), np.array([[0.3, 0.5]]))  # type: ignore[arg-type]
    merged = merge_columns(one, two)
    assert merged.patients == ("o", "p", "q")
    assert merged.similarity.tolist() == [[0.3, 0.5, 0.9]]
