from pathlib import Path

import numpy as np
import pytest

from privacy_audit.attacks.linkage_controls import change_contrast
from privacy_audit.attacks.linkage_learned import (
    FEWEST_PAIRS,
    LearnedInputs,
    check_linkage_learned,
)
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import ImageSet
from tests.privacy_audit.conftest import Body, WriteSet

PATIENTS = 50
RELEASED = 12


@pytest.fixture
def real(tmp_path: Path, body: Body, write_set: WriteSet) -> ImageSet:
    """Patients 0 to 29 were translated or trained on; 30 to 49 are the holdout."""
    return write_set(tmp_path / "real", {f"p{n:02d}": body(n) for n in range(PATIENTS)})


def _translate(body: Body, number: int) -> np.ndarray:
    return change_contrast(Pixels(body(number), None), [1, number]).values


def _null(folder: Path, body: Body, write_set: WriteSet, offset: int = 0) -> ImageSet:
    holdout = range(PATIENTS - FEWEST_PAIRS, PATIENTS)
    return write_set(folder, {f"p{n:02d}": _translate(body, n + offset) for n in holdout})


def test_translations_are_linked_by_what_held_out_pairs_teach(
    tmp_path: Path, body: Body, write_set: WriteSet, real: ImageSet
) -> None:
    released = write_set(
        tmp_path / "made", {f"s{n:02d}": _translate(body, n) for n in range(RELEASED)}
    )
    null = _null(tmp_path / "null", body, write_set)
    check, flags = check_linkage_learned(
        LearnedInputs(real.images, null.images),
        released.images,
        {f"s{n:02d}.npy": f"p{n:02d}" for n in range(RELEASED)},
        mode="unlinked",
        seed=0,
    )
    assert check.verdict == "fail"
    assert check.statistic is not None
    assert check.statistic >= 0.9
    assert len(flags) >= 0.9 * RELEASED
    assert check.details["pairs"] == FEWEST_PAIRS
    assert check.details["control_planted_first"] == FEWEST_PAIRS
    assert check.details["held_out_rank_1"] == 1.0


def test_where_nothing_is_left_nothing_is_linked(
    tmp_path: Path, body: Body, write_set: WriteSet, real: ImageSet
) -> None:
    released = write_set(tmp_path / "made", {f"s{n:02d}": body(700 + n) for n in range(RELEASED)})
    null = _null(tmp_path / "null", body, write_set, offset=800)
    check, _ = check_linkage_learned(
        LearnedInputs(real.images, null.images),
        released.images,
        {f"s{n:02d}.npy": f"p{n:02d}" for n in range(RELEASED)},
        mode="unlinked",
        seed=0,
    )
    assert check.verdict == "inconclusive"
    assert check.ci is not None
    assert check.ci[0] <= 1 / PATIENTS <= check.ci[1]
    # What learns from undeformed copies could have learnt from these.
    assert check.details["control_planted_first"] == FEWEST_PAIRS


def test_too_few_pairs_are_inconclusive(
    tmp_path: Path, body: Body, write_set: WriteSet, real: ImageSet
) -> None:
    null = _null(tmp_path / "null", body, write_set)
    check, flags = check_linkage_learned(
        LearnedInputs(real.images, null.images[1:]),
        real.images[:1],
        {real.images[0].name: "p00"},
        mode="unlinked",
        seed=0,
    )
    assert (check.verdict, check.statistic, flags) == ("inconclusive", None, [])
    assert f"There are {FEWEST_PAIRS - 1} held-out patients" in check.explanation
