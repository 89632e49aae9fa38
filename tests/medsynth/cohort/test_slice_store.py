from pathlib import Path

import numpy as np
import pytest

from medsynth.cohort.slice_store import (
    INDEX_NAME,
    StoredSeries,
    load_labels,
    load_slices,
    load_truth,
    read_index,
    store_array,
    write_index,
)
from medsynth.errors import RecordError


def _stored(series: str) -> StoredSeries:
    return StoredSeries(series, "p1", "contrast", ("train",), 3, True, False)


def test_arrays_come_back_mapped_and_unchanged(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.int16).reshape(3, 2, 2)
    store_array(tmp_path, "slices", "s1", values)
    store_array(tmp_path, "truth", "s1", values + 1)
    store_array(tmp_path, "labels", "s1", values.astype(np.uint8))
    assert isinstance(load_slices(tmp_path, "s1"), np.memmap)
    assert np.array_equal(load_slices(tmp_path, "s1"), values)
    assert np.array_equal(load_truth(tmp_path, "s1"), values + 1)
    assert load_labels(tmp_path, "s1").dtype == np.uint8


def test_index_comes_back_sorted(tmp_path: Path) -> None:
    write_index(tmp_path, [_stored("s2"), _stored("s1")])
    assert read_index(tmp_path) == (_stored("s1"), _stored("s2"))


def test_missing_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no readable slices"):
        load_slices(tmp_path, "s1")
    (tmp_path / "slices").mkdir()
    (tmp_path / "slices" / "s1.npy").write_bytes(b"no array")
    with pytest.raises(RecordError, match="no readable slices"):
        load_slices(tmp_path, "s1")
    (tmp_path / INDEX_NAME).write_text('{"series": "s1"}\n')
    with pytest.raises(RecordError, match="another form"):
        read_index(tmp_path)
