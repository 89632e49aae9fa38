from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Comparer, Nearest
from privacy_audit.likeness.nearer import compare_sides, count_nearer

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


def _nearest(similarity: list[float], patient: str) -> Nearest:
    images = tuple(
        AuditImage(f"s{row}", f"s{row}", (Path(f"s{row}"),)) for row in range(len(similarity))
    )
    return Nearest(
        probes=images,
        fingerprints=tuple(image.name for image in images),
        patients=(patient,),
        columns=np.zeros((len(images), 1), dtype=np.int64),
        similarity=np.array(similarity)[:, np.newaxis],
    )


def test_seven_of_seven_nearer_to_train_are_suspicious_and_six_of_seven_are_not() -> None:
    holdout = _nearest([0.4] * 7, "h")
    all_nearer = count_nearer(_nearest([0.5] * 7, "t"), holdout, None, 3)
    # A half to the power of seven is 0.0078; with eight of 128 outcomes, 0.0625.
    assert all_nearer.p_value == pytest.approx(1 / 128)
    assert all_nearer.is_suspicious
    but_one = count_nearer(_nearest([0.5] * 6 + [0.1], "t"), holdout, None, 3)
    assert but_one.p_value == pytest.approx(8 / 128)
    assert not but_one.is_suspicious


def test_equally_near_patients_count_for_neither_side() -> None:
    result = count_nearer(_nearest([0.4, 0.5], "t"), _nearest([0.4, 0.4], "h"), None, 1)
    assert (result.patients, result.nearer) == (1, 1)


def test_nobody_nearer_to_train_is_no_evidence() -> None:
    result = count_nearer(_nearest([0.1] * 9, "t"), _nearest([0.4] * 9, "h"), None, 1)
    assert result.p_value == 1.0


def test_own_source_does_not_make_a_patient_nearer_to_train() -> None:
    source_of = {f"s{row}": "t" for row in range(7)}
    result = count_nearer(_nearest([0.9] * 7, "t"), _nearest([0.4] * 7, "h"), source_of, 1)
    assert result.nearer == 0


def test_sides_are_equally_large_and_copies_of_train_are_nearer_to_it(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    train = write_set(tmp_path / "train", {f"t{seed}": body(seed) for seed in range(8)})
    holdout = write_set(tmp_path / "holdout", {f"h{seed}": body(20 + seed) for seed in range(10)})
    copies = write_set(tmp_path / "copies", {f"s{seed}": body(seed)[:, ::-1] for seed in range(8)})
    result = compare_sides(Comparer(1), copies, train, holdout, source_of=None, seed=0)
    assert result.each_side == 8
    assert (result.patients, result.nearer) == (8, 8)
    assert result.is_suspicious
