import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.membership_blind import (
    describe_patients,
    measure_blind_baseline,
    tell_apart,
)
from privacy_audit.images.image_sets import AuditImage, ImageSet, read_image_set

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]
Cohort = Callable[..., ImageSet]


@pytest.fixture
def cohort(body: Body, write_set: WriteSet, tmp_path: Path) -> Cohort:
    """Give a function that writes patients, their values shifted and noised like a scanner's."""

    def make(name: str, seeds: range, *, offset_hu: float = 0.0, noise_hu: float = 8.0) -> ImageSet:
        scans = {}
        for seed in seeds:
            scan = body(seed, size=48)
            noise = np.random.default_rng([seed, 7]).normal(0.0, noise_hu, scan.shape)
            scans[f"p{seed:03}"] = (scan + offset_hu + noise).astype(np.float32)
        return write_set(tmp_path / name, scans)

    return make


def test_patients_of_one_site_are_not_told_apart(cohort: Cohort) -> None:
    blind = measure_blind_baseline(
        cohort("members", range(20)), cohort("others", range(100, 140)), seed=0
    )
    assert not blind.differs
    assert blind.p_value > 0.05


def test_another_scanner_is_told_apart(cohort: Cohort) -> None:
    others = cohort("others", range(100, 140), offset_hu=6.0, noise_hu=11.0)
    blind = measure_blind_baseline(cohort("members", range(20)), others, seed=0)
    assert blind.differs
    assert blind.area > 0.9


def test_eight_members_of_another_scanner_are_told_apart(cohort: Cohort) -> None:
    others = cohort("others", range(100, 116), offset_hu=6.0, noise_hu=11.0)
    assert measure_blind_baseline(cohort("members", range(8)), others, seed=0).differs


def test_number_of_images_tells_patients_apart(body: Body, tmp_path: Path) -> None:
    sets = []
    for role, images, first in (("members", 2, 0), ("others", 1, 100)):
        for seed in range(first, first + 12):
            folder = tmp_path / role / f"p{seed:03}"
            folder.mkdir(parents=True)
            for number in range(images):
                np.save(folder / f"{number}.npy", body(1000 * seed + number, size=48))
        sets.append(read_image_set(tmp_path / role))
    assert measure_blind_baseline(*sets, seed=0).differs


def test_a_dealt_out_cohort_is_called_different_in_at_most_three_of_a_hundred(
    cohort: Cohort,
) -> None:
    features = describe_patients(cohort("all", range(40)))
    called = 0
    for seed in range(100):
        is_member = np.random.default_rng(seed).permutation(np.arange(40) < 14)
        called += tell_apart(features, is_member, seed=seed).differs
    assert called <= 3


def test_constant_features_tell_nobody_apart() -> None:
    blind = tell_apart(np.ones((10, 4)), np.arange(10) < 5, seed=0)
    assert (blind.area, blind.p_value, blind.differs) == (0.5, 1.0, False)


def _real_slices(word: str, count: int) -> list[AuditImage]:
    folder = Path(os.environ["MEDSYNTH_REAL_CT"]) / "siim_slices"
    paths = sorted(folder.glob(f"*{word}*.dcm"))[:count]
    return [AuditImage(path.name, path.stem, (path,)) for path in paths]


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_real_slices_dealt_out_at_random_are_not_told_apart() -> None:
    features = describe_patients(ImageSet(tuple(_real_slices("CONTRAST_1", 30))))
    called = [
        tell_apart(features, np.random.default_rng(seed).permutation(np.arange(30) < 12), seed=seed)
        for seed in range(50)
    ]
    assert sum(blind.differs for blind in called) <= 2


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_real_slices_of_two_phases_are_told_apart() -> None:
    with_agent, without = _real_slices("CONTRAST_1", 25), _real_slices("CONTRAST_0", 25)
    blind = measure_blind_baseline(ImageSet(tuple(with_agent)), ImageSet(tuple(without)), seed=0)
    assert blind.differs
