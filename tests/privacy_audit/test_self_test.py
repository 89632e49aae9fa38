from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privacy_audit.comparison import Comparer
from privacy_audit.image_sets import ImageSet
from privacy_audit.nulls import measure_null
from privacy_audit.self_test import SelfTest, run_self_test

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


def _run(train: ImageSet, holdout: ImageSet | None) -> SelfTest:
    comparer = Comparer(1)
    references = comparer.prepare(train.images)
    null = measure_null(comparer, references, null=None, holdout=holdout)
    return run_self_test(comparer, references, null, train=train, holdout=holdout, seed=1)


def test_planted_copies_of_different_patients_are_found(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    train = write_set(tmp_path / "train", {f"t{seed}": body(seed) for seed in range(10)})
    holdout = write_set(tmp_path / "holdout", {f"h{seed}": body(seed) for seed in range(50, 56)})
    result = _run(train, holdout)
    assert result.verdict == "pass"
    assert all(kind.planted == 10 for kind in result.kinds.values())
    assert (result.controls, result.controls_called) == (6, 0)


def test_audit_is_invalid_where_all_patients_look_alike(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    generator = np.random.default_rng(0)

    def same_patient_again() -> NDArray[np.float32]:
        return body(1) + generator.normal(0, 3, (1, 72, 72)).astype(np.float32)

    train = write_set(tmp_path / "train", {f"t{index}": same_patient_again() for index in range(8)})
    holdout = write_set(
        tmp_path / "holdout", {f"h{index}": same_patient_again() for index in range(8)}
    )
    result = _run(train, holdout)
    assert result.verdict == "invalid"
    assert "cannot be relied on" in result.explanation


def test_nothing_to_compare_with_is_inconclusive_and_says_what_is_needed(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    train = write_set(tmp_path / "train", {"t1": body(1), "t2": body(2)})
    result = _run(train, None)
    assert result.verdict == "inconclusive"
    assert "at least 5 training patients" in result.explanation


def test_four_volumes_are_copied(tmp_path: Path, body: Body, write_set: WriteSet) -> None:
    train = write_set(tmp_path / "train", {f"t{seed}": body(seed, slices=4) for seed in range(5)})
    result = _run(train, None)
    assert result.verdict == "pass"
    assert all(kind.planted == 4 for kind in result.kinds.values())
