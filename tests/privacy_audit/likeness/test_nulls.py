from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.image_sets import ImageSet
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.likeness.nulls import measure_null

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


def _patients(body: Body, seeds: range) -> dict[str, NDArray[np.float32]]:
    return {f"p{seed:02d}": body(seed) for seed in seeds}


def test_synthetic_holdout_is_preferred_to_real_holdout(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    comparer = Comparer(1)
    train = comparer.prepare(write_set(tmp_path / "train", _patients(body, range(3))).images)
    holdout = write_set(tmp_path / "holdout", _patients(body, range(10, 14)))
    made = write_set(tmp_path / "null", _patients(body, range(10, 12)))
    first = measure_null(comparer, train, null=made, holdout=holdout)
    assert (first.kind, first.size, first.can_clear) == ("translated_holdout", 2, True)
    second = measure_null(comparer, train, null=None, holdout=holdout)
    assert (second.kind, second.size, second.can_clear) == ("holdout", 4, True)


def test_training_patient_left_out_is_not_held_against_itself(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    comparer = Comparer(1)
    train = comparer.prepare(write_set(tmp_path / "train", _patients(body, range(6))).images)
    null = measure_null(comparer, train, null=None, holdout=None)
    assert (null.kind, null.size, null.can_clear) == ("train_left_out", 6, False)
    assert null.highest < 0.5


def test_four_training_patients_alone_are_no_null(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    comparer = Comparer(1)
    train = comparer.prepare(write_set(tmp_path / "train", _patients(body, range(4))).images)
    null = measure_null(comparer, train, null=None, holdout=None)
    assert (null.kind, null.size) == ("none", 0)


def test_images_of_one_null_patient_count_once(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    comparer = Comparer(1)
    train = comparer.prepare(write_set(tmp_path / "train", {"t": body(1)}).images)
    for name, seed in (("a", 1), ("b", 2)):
        write_set(tmp_path / "null" / "one_patient", {name: body(seed)})
    null = measure_null(comparer, train, null=write_set(tmp_path / "null", {}), holdout=None)
    # Of the patient's two images, the one that equals the training image counts.
    assert null.similarity.tolist() == [pytest.approx(1.0, abs=1e-4)]
