from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.linkage_controls import Controls
from privacy_audit.attacks.linkage_judgement import (
    Attacker,
    Standing,
    judge_linkage,
    linkage_not_measured,
)
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparison
from privacy_audit.verdict import APPLIES_TO, CheckResult

ATTACKER = Attacker("linkage_shape", "the shapes alone")
WORKS = Controls(planted=10, planted_first=10, unrelated=40, unrelated_first=0, chance=1 / 200)
MISSES = Controls(planted=10, planted_first=5, unrelated=40, unrelated_first=0, chance=1 / 200)
SEES_GHOSTS = Controls(
    planted=10, planted_first=10, unrelated=40, unrelated_first=9, chance=1 / 200
)
LINKED = 0.3 + 0.6 * np.eye(100, 200)
UNRELATED = np.random.default_rng(3).random((100, 200))


def _judge(
    similarity: NDArray[np.float64], standing: Standing, images_each: int = 1
) -> CheckResult:
    rows, columns = similarity.shape
    names = [f"s{row:03d}" for row in range(rows)]
    released = Comparison(
        probes=tuple(AuditImage(name, name, (Path("none"),)) for name in names),
        fingerprints=tuple(names),
        patients=tuple(f"p{column:03d}" for column in range(columns)),
        similarity=similarity,
    )
    source_of = {name: f"p{row // images_each:03d}" for row, name in enumerate(names)}
    return judge_linkage(ATTACKER, released, source_of, standing, mode="unlinked", seed=0)[0]


@pytest.mark.parametrize(
    ("similarity", "controls", "verdict"),
    [
        (LINKED, WORKS, "fail"),
        # A source that was found stays found, however weak the attack.
        (LINKED, MISSES, "fail"),
        (LINKED, SEES_GHOSTS, "invalid"),
        (UNRELATED, WORKS, "pass"),
        (UNRELATED, MISSES, "invalid"),
        (UNRELATED, SEES_GHOSTS, "invalid"),
    ],
)
def test_controls_decide_what_a_result_is_worth(
    similarity: NDArray[np.float64], controls: Controls, verdict: str
) -> None:
    assert _judge(similarity, Standing(is_invalid=False, controls=controls)).verdict == verdict


def test_a_failed_self_test_voids_the_result() -> None:
    assert _judge(UNRELATED, Standing(is_invalid=True)).verdict == "invalid"


def test_an_attacker_that_cannot_clear_is_inconclusive() -> None:
    standing = Standing(is_invalid=False, can_clear=False, controls=WORKS)
    assert _judge(UNRELATED, standing).verdict == "inconclusive"


def test_chance_grows_with_the_images_of_a_patient() -> None:
    check = _judge(UNRELATED, Standing(is_invalid=False), images_each=2)
    assert check.n == 50
    # One of two images is enough: 1 - (199 / 200)^2.
    assert check.details["chance"] == pytest.approx(1 - (199 / 200) ** 2)


def test_equal_likeness_to_everybody_links_nobody() -> None:
    check = _judge(np.ones((20, 200)), Standing(is_invalid=False))
    assert check.statistic == 0.0
    assert check.details["area_under_curve"] == 0.5


def test_precision_is_the_mean_of_one_by_rank() -> None:
    # Ranks 1 and 2: (1 + 1/2) / 2.
    check = _judge(np.array([[0.9, 0.1, 0.2], [0.9, 0.5, 0.2]]), Standing(is_invalid=False))
    assert check.details["mean_average_precision"] == 0.75


def test_controls_and_reach_are_told() -> None:
    check = _judge(LINKED, Standing(is_invalid=False, controls=WORKS, details={"pairs": 7}))
    assert check.details["control_planted_first"] == 10
    assert check.details["pairs"] == 7
    assert "Of 10 undeformed copies, 10 were matched" in check.explanation
    assert check.applies_to == APPLIES_TO["linkage_shape"]


def test_what_was_not_measured_says_why() -> None:
    check = linkage_not_measured(ATTACKER, "Give labels.", verdict="not_applicable")
    assert (check.verdict, check.statistic, check.n) == ("not_applicable", None, 0)
    assert check.explanation == "Linkage by the shapes alone was not measured. Give labels."
