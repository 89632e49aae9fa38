import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.membership_blind import BlindBaseline
from privacy_audit.attacks.membership_density import describe_shapes
from privacy_audit.attacks.membership_released import (
    RealPatients,
    ReleasedImages,
    check_membership_released,
    compare_released,
    nearest,
    share_within,
    sources_by_patient,
    sources_of,
)
from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.verdict import CheckResult

ALIKE = BlindBaseline(area=0.5, interval=(0.4, 0.6), p_value=0.5, members=10, others=10)
MEMBERS = tuple(f"m{number:02}" for number in range(20))
OTHERS = tuple(f"o{number:02}" for number in range(60))
REAL = RealPatients(MEMBERS, OTHERS)


def _unrelated(images: int, seed: int) -> NDArray[np.float64]:
    """Similarity of images that were made from nobody: low, and the same for everybody."""
    return np.random.default_rng(seed).normal(0.3, 0.05, (images, len(REAL.everybody)))


def _released(
    similarity: NDArray[np.float64], sources: tuple[str | None, ...] | None = None
) -> ReleasedImages:
    patients = REAL.everybody[: similarity.shape[1]]
    return ReleasedImages(similarity, patients, sources or (None,) * len(similarity))


def _null(similarity: NDArray[np.float64]) -> ReleasedImages:
    """Null images, each made from another of the others."""
    return _released(similarity, tuple(OTHERS[row] for row in range(len(similarity))))


def _image(name: str, patient: str) -> AuditImage:
    return AuditImage(name, patient, (Path(name),))


def test_a_generator_that_repeats_its_training_patients_fails() -> None:
    similarity = _unrelated(40, 0)
    similarity[np.arange(20), np.arange(20)] = 0.8
    check = check_membership_released(REAL, _released(similarity), None, blind=ALIKE, seed=0)
    assert check.verdict == "fail"
    assert check.statistic == 1.0


def test_a_generator_that_knows_nobody_does_not_fail() -> None:
    check = check_membership_released(
        REAL, _released(_unrelated(40, 0)), _null(_unrelated(40, 1)), blind=ALIKE, seed=0
    )
    assert check.verdict == "inconclusive"


def test_calibration_by_null_images_finds_what_common_anatomies_hide() -> None:
    # Some patients look like everybody: their similarity says nothing, its excess does.
    common = np.random.default_rng(3).normal(0.0, 0.2, len(MEMBERS) + len(OTHERS))
    released, null = _unrelated(40, 0) + common, _unrelated(40, 1) + common
    released[np.arange(20), np.arange(20)] += 0.35
    check = check_membership_released(REAL, _released(released), _null(null), blind=ALIKE, seed=0)
    assert check.verdict == "fail"
    assert check.details["best_attack"] == "calibrated_nearest"
    alone = check_membership_released(REAL, _released(released), None, blind=ALIKE, seed=0)
    assert alone.details["area_nearest"] < check.statistic  # type: ignore[operator]


def test_translations_of_members_own_scans_are_linkage_and_left_out() -> None:
    similarity = _unrelated(40, 0)
    similarity[np.arange(20), np.arange(20)] = 0.9
    released = _released(similarity, tuple(MEMBERS[row % 20] for row in range(40)))
    check = check_membership_released(REAL, released, None, blind=ALIKE, seed=0)
    assert check.verdict == "inconclusive"
    assert check.details["area_nearest"] == pytest.approx(0.5, abs=0.15)


def test_null_images_of_others_own_scans_are_left_out() -> None:
    similarity = _unrelated(60, 1)
    similarity[np.arange(60), 20 + np.arange(60)] = 0.9
    null = _released(similarity, OTHERS)
    assert nearest(null, OTHERS).max() < 0.6
    # Had they been counted, others would seem less known than members by 0.4.
    check = check_membership_released(REAL, _released(_unrelated(60, 0)), null, blind=ALIKE, seed=0)
    assert check.verdict == "inconclusive"


def test_nearest_is_the_highest_usable_similarity() -> None:
    images = _released(np.array([[0.9, 0.2], [0.4, 0.6], [0.1, 0.7]]), ("m00", None, "o00"))
    assert nearest(images, ("m00", "m01")).tolist() == [0.4, 0.7]


def test_share_within_counts_usable_images_alone() -> None:
    images = _released(np.array([[0.9, 0.2], [0.4, 0.6], [0.1, 0.7]]), ("m00", None, None))
    # Of two usable images, 0.4 is in the ball; of three, 0.6 and 0.7.
    assert share_within(images, ("m00", "m01"), 0.4).tolist() == pytest.approx([0.5, 2 / 3])


def test_patients_with_nothing_but_their_own_outputs_are_inconclusive() -> None:
    images = _released(_unrelated(3, 0), ("m00", "m00", "m00"))
    check = check_membership_released(REAL, images, None, blind=ALIKE, seed=0)
    assert (check.verdict, check.statistic) == ("inconclusive", None)
    assert "Too few synthetic images" in check.explanation


def test_different_scanners_make_the_check_invalid() -> None:
    shifted = BlindBaseline(area=0.9, interval=(0.8, 0.95), p_value=0.001, members=20, others=60)
    check = check_membership_released(
        REAL, _released(_unrelated(40, 0)), None, blind=shifted, seed=0
    )
    assert check.verdict == "invalid"


def test_patient_in_both_roles_is_refused() -> None:
    with pytest.raises(AuditError, match="both trained on and not"):
        RealPatients(("a", "b"), ("b", "c"))


def test_patient_that_was_not_compared_is_refused() -> None:
    unknown = RealPatients(("m00", "zz"), ("o00", "o01"))
    with pytest.raises(AuditError, match="not compared with the synthetic images"):
        check_membership_released(unknown, _released(_unrelated(4, 0)), None, blind=ALIKE, seed=0)


def test_sources_of_another_number_are_refused() -> None:
    with pytest.raises(AuditError, match="Expected one source an image"):
        _released(_unrelated(3, 0), (None,))


def test_source_map_names_sources_and_null_images_are_their_patients() -> None:
    images = [_image("a.npy", "p"), _image("b.npy", "q")]
    assert sources_of(images, {"b.npy": "m00"}) == (None, "m00")
    assert sources_of(images, None) == (None, None)
    assert sources_by_patient(images) == ("p", "q")


def test_real_images_are_looked_up_among_synthetic_ones(
    body: Callable[..., NDArray[np.float32]],
    write_set: Callable[..., ImageSet],
    tmp_path: Path,
) -> None:
    real = write_set(tmp_path / "real", {f"p{seed}": body(seed) for seed in range(4)})
    made = {"a": body(2, invert=True), "b": body(0, invert=True), "c": body(9, invert=True)}
    synthetic = write_set(tmp_path / "made", made)
    # All filed under one patient, as a release of one folder may be.
    filed = [dataclasses.replace(image, patient="release") for image in synthetic.images]
    found = compare_released(Comparer(1), real.images, filed, (None, None, "p3"))
    assert found.patients == ("p0", "p1", "p2", "p3")
    assert found.similarity.shape == (3, 4)
    assert found.similarity.argmax(axis=1)[:2].tolist() == [2, 0]
    assert nearest(found, ("p0", "p2")).min() > nearest(found, ("p1", "p3")).max() + 0.2


def _attack(
    sets: Mapping[str, ImageSet], source_of: Mapping[str, str] | None = None
) -> CheckResult:
    """Compare the images of all roles and attack."""
    pictures = (*sets["members"].images, *sets["others"].images)
    sources = {
        "synthetic": sources_of(sets["synthetic"].images, source_of),
        "null": sources_by_patient(sets["null"].images),
    }
    compared = {
        role: dataclasses.replace(
            compare_released(Comparer(1), pictures, sets[role].images, sources[role]),
            shapes=describe_shapes(sets[role].images),
        )
        for role in ("synthetic", "null")
    }
    real = RealPatients(
        sets["members"].patients, sets["others"].patients, describe_shapes(pictures)
    )
    return check_membership_released(
        real, compared["synthetic"], compared["null"], blind=ALIKE, seed=0
    )


def test_synthetic_copies_of_training_patients_fail_from_images_alone(
    body: Callable[..., NDArray[np.float32]],
    write_set: Callable[..., ImageSet],
    tmp_path: Path,
) -> None:
    scans = {
        "members": {f"m{seed}": body(seed) for seed in range(8)},
        "others": {f"o{seed}": body(100 + seed) for seed in range(14)},
        "synthetic": {f"s{seed}": body(seed, invert=True) for seed in range(8)},
        "null": {f"o{seed}": body(100 + seed, invert=True) for seed in range(14)},
    }
    sets = {role: write_set(tmp_path / role, made) for role, made in scans.items()}
    assert _attack(sets).verdict == "fail"
    # The same images, said to be the members' own translations, tell of no membership.
    sources = {f"s{seed}.npy": f"m{seed}" for seed in range(8)}
    assert _attack(sets, sources).verdict == "inconclusive"


def test_null_images_of_strangers_are_left_out() -> None:
    null = _released(_unrelated(40, 1), ("stranger",) * 40)
    check = check_membership_released(REAL, _released(_unrelated(40, 0)), null, blind=ALIKE, seed=0)
    assert "area_nearest" in check.details
    assert "area_calibrated_nearest" not in check.details
