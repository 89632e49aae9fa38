from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.linkage_controls import (
    Controls,
    change_contrast,
    judge_controls,
    measure_rigid_controls,
    spread_out,
)
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparer, Comparison
from tests.privacy_audit.conftest import Body, WriteSet


def _comparison(similarity: NDArray[np.float64], first_patient: int = 0) -> Comparison:
    rows, columns = similarity.shape
    return Comparison(
        probes=tuple(
            AuditImage(f"s{row}", f"p{row + first_patient:03d}", (Path("none"),))
            for row in range(rows)
        ),
        fingerprints=tuple("" for _ in range(rows)),
        patients=tuple(f"p{column:03d}" for column in range(columns)),
        similarity=similarity,
    )


def _noise(rows: int, columns: int) -> Comparison:
    return _comparison(np.random.default_rng(1).random((rows, columns)), first_patient=columns)


def test_copies_most_alike_to_their_patients_are_found() -> None:
    controls = judge_controls(_comparison(np.eye(10, 50)), _noise(40, 50), seed=0)
    assert (controls.planted, controls.planted_first, controls.planted_found) == (10, 10, True)
    assert controls.unrelated_at_chance
    assert controls.chance == 1 / 50


def test_an_attack_that_misses_copies_does_not_work() -> None:
    planted = _comparison(-np.eye(10, 50))
    controls = judge_controls(planted, _noise(40, 50), seed=0)
    assert not controls.planted_found
    assert "the attack does not work here" in controls.explanation


def test_the_own_patient_of_an_unrelated_image_is_no_candidate() -> None:
    # Each is most alike to its own patient, who must not count: 49 others are left.
    controls = judge_controls(_comparison(np.eye(10, 50)), _comparison(np.eye(40, 50)), seed=0)
    assert controls.chance == 1 / 49


def test_images_without_a_source_that_match_too_often_are_seen() -> None:
    # 5 of 40 by a chance of 1/1000: the lower bound, 0.042, is far above it.
    controls = Controls(planted=10, planted_first=10, unrelated=40, unrelated_first=5, chance=0.001)
    assert not controls.unrelated_at_chance
    assert "the attack sees what is not there" in controls.explanation


def test_another_contrast_keeps_the_shape_and_changes_the_order_of_values(body: Body) -> None:
    values = body(1)
    changed = change_contrast(Pixels(values, 3.0), [0, 1])
    assert changed.values.shape == values.shape
    assert changed.slice_gap_mm == 3.0
    assert np.array_equal(changed.values, change_contrast(Pixels(values, 3.0), [0, 1]).values)
    assert np.abs(changed.values - values).max() > 20


def test_chosen_images_are_spread_from_first_to_last() -> None:
    images = [AuditImage(f"s{n}", f"p{n}", (Path("none"),)) for n in range(7)]
    assert [image.name for image in spread_out(images, 3)] == ["s0", "s3", "s6"]
    assert len(spread_out(images, 20)) == 7


def test_rigid_attack_links_copies_and_nobody_else(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    train = write_set(tmp_path / "train", {f"t{n}": body(n) for n in range(12)})
    holdout = write_set(tmp_path / "holdout", {f"h{n}": body(100 + n) for n in range(12)})
    comparer = Comparer(workers=1)
    galleries = [comparer.prepare(train.images), comparer.prepare(holdout.images)]
    controls = measure_rigid_controls(comparer, galleries, holdout.images, holdout.images, seed=0)
    assert controls.planted_first == controls.planted == 10
    assert controls.unrelated == 12
    assert controls.unrelated_at_chance
    # 24 patients, less the image's own.
    assert controls.chance == pytest.approx(1 / 23)
