from pathlib import Path

import numpy as np
import pytest

from privacy_audit.attacks.linkage_controls import change_contrast
from privacy_audit.attacks.linkage_deformable import (
    check_linkage_deformable,
    measure_deformable_controls,
    prepare_deformable,
)
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import ImageSet, read_image_set
from privacy_audit.likeness.deformable import warp_smoothly
from tests.privacy_audit.conftest import Body, WriteSet

PATIENTS = 20
RELEASED = 8


@pytest.fixture
def real(tmp_path: Path, body: Body, write_set: WriteSet) -> ImageSet:
    return write_set(tmp_path / "real", {f"p{n:02d}": body(n) for n in range(PATIENTS)})


def test_sources_of_warped_images_are_linked(
    tmp_path: Path, body: Body, write_set: WriteSet, real: ImageSet
) -> None:
    made = {}
    for number in range(RELEASED):
        pixels = change_contrast(Pixels(body(number), None), [1, number])
        made[f"s{number:02d}"] = warp_smoothly(pixels.values, 0.03, number)
    released = write_set(tmp_path / "made", made)
    attack = prepare_deformable(real.images)
    controls = measure_deformable_controls(attack, real.images[8:12], real.images[12:18], seed=0)
    source_of = {f"s{n:02d}.npy": f"p{n:02d}" for n in range(RELEASED)}
    check, flags = check_linkage_deformable(
        attack, released.images, source_of, controls, mode="unlinked", seed=0
    )
    assert check.verdict == "fail"
    assert check.statistic is not None
    assert check.statistic >= 0.75
    assert {flag.check for flag in flags} == {"linkage_deformable"}
    assert controls.planted_found
    assert controls.unrelated_at_chance
    assert "copies warped by 3% of the field of view" in check.smallest_leak


def test_unrelated_images_are_not_linked(
    tmp_path: Path, body: Body, write_set: WriteSet, real: ImageSet
) -> None:
    released = write_set(tmp_path / "made", {f"s{n:02d}": body(500 + n) for n in range(RELEASED)})
    attack = prepare_deformable(real.images)
    controls = measure_deformable_controls(attack, real.images[:4], real.images[:4], seed=0)
    source_of = {f"s{n:02d}.npy": f"p{n:02d}" for n in range(RELEASED)}
    check, _ = check_linkage_deformable(
        attack, released.images, source_of, controls, mode="unlinked", seed=0
    )
    assert check.ci is not None
    assert check.ci[0] <= 1 / PATIENTS <= check.ci[1]
    assert check.verdict == "inconclusive"


def test_workers_change_no_result(real: ImageSet) -> None:
    one, two = (
        prepare_deformable(real.images[:5], workers=workers).compare(real.images[:3]).similarity
        for workers in (1, 2)
    )
    assert np.array_equal(one, two)


def test_a_patient_is_as_alike_as_the_best_of_its_images(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    for folder, seed in (("a", 1), ("b", 2)):
        write_set(tmp_path / "real" / folder, {"x": body(seed), "y": body(seed + 10)})
    real = read_image_set(tmp_path / "real")
    attack = prepare_deformable(real.images)
    assert attack.gallery.patients == ("a", "b")
    assert attack.compare_pixels(Pixels(body(12), None)).argmax() == 1


def test_without_a_source_map_nothing_is_measured(real: ImageSet) -> None:
    attack = prepare_deformable(real.images[:3])
    controls = measure_deformable_controls(attack, real.images[:2], real.images[:2], seed=0)
    check, flags = check_linkage_deformable(
        attack, real.images[:1], None, controls, mode="unlinked", seed=0
    )
    assert (check.verdict, check.statistic, flags) == ("inconclusive", None, [])
