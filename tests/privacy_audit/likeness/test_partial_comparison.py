from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.image_sets import ImageSet
from privacy_audit.likeness.partial_comparison import PartialComparer, measure_partial_null

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


def test_number_of_workers_changes_nothing(tmp_path: Path, body: Body, write_set: WriteSet) -> None:
    train = write_set(tmp_path / "train", {f"t{seed}": body(seed) for seed in range(4)})
    probes = write_set(tmp_path / "probes", {f"p{seed}": body(seed) for seed in (2, 9)})
    one, three = (
        comparer.find_nearest(probes.images, comparer.prepare(train.images))
        for comparer in (PartialComparer(1), PartialComparer(3))
    )
    assert np.array_equal(one.similarity, three.similarity)
    assert np.array_equal(one.columns, three.columns)


def test_nearest_patient_comes_first(tmp_path: Path, body: Body, write_set: WriteSet) -> None:
    train = write_set(tmp_path / "train", {f"t{seed}": body(seed) for seed in range(4)})
    probes = write_set(tmp_path / "probes", {"copy": body(2)})
    comparer = PartialComparer(1)
    nearest = comparer.find_nearest(probes.images, comparer.prepare(train.images))
    assert nearest.patients[nearest.columns[0, 0]] == "t2"
    assert nearest.similarity[0, 0] > 0.9 > nearest.similarity[0, 1]


def test_slice_of_a_volume_is_found_in_it(tmp_path: Path, body: Body, write_set: WriteSet) -> None:
    volumes = {f"t{seed}": body(seed, slices=6) for seed in range(3)}
    train = write_set(tmp_path / "train", volumes)
    probe = write_set(tmp_path / "probes", {"slice": volumes["t1"][3, 14:60, 10:60]})
    comparer = PartialComparer(1)
    nearest = comparer.find_nearest(probe.images, comparer.prepare(train.images))
    assert nearest.patients[nearest.columns[0, 0]] == "t1"


def test_training_patients_against_each_other_leave_themselves_out(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    train = write_set(tmp_path / "train", {f"t{seed}": body(seed) for seed in range(5)})
    comparer = PartialComparer(1)
    null = measure_partial_null(comparer, comparer.prepare(train.images), null=None, holdout=None)
    assert (null.kind, null.size) == ("train_left_out", 5)
    assert null.highest < 0.9


def test_four_training_patients_are_no_null(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    train = write_set(tmp_path / "train", {f"t{seed}": body(seed) for seed in range(4)})
    comparer = PartialComparer(1)
    null = measure_partial_null(comparer, comparer.prepare(train.images), null=None, holdout=None)
    assert (null.kind, null.size) == ("none", 0)
