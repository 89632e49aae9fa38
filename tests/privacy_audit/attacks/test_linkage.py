from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.linkage import check_linkage
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparison
from privacy_audit.self_tests.self_test import SelfTest


def _comparison(similarity: NDArray[np.float64]) -> Comparison:
    rows, columns = similarity.shape
    names = [f"s{row:03d}" for row in range(rows)]
    return Comparison(
        probes=tuple(AuditImage(name, name, (Path(name),)) for name in names),
        fingerprints=tuple(names),
        patients=tuple(f"p{column:03d}" for column in range(columns)),
        similarity=similarity,
    )


def _same_number(similarity: NDArray[np.float64]) -> dict[str, str]:
    """Image s007 was made from patient p007."""
    return {f"s{row:03d}": f"p{row:03d}" for row in range(similarity.shape[0])}


def test_images_most_alike_to_their_sources_are_linked(passed_self_test: SelfTest) -> None:
    similarity = 0.3 + 0.6 * np.eye(8, 40)
    check, flags = check_linkage(
        _comparison(similarity), _same_number(similarity), passed_self_test, mode="unlinked", seed=0
    )
    assert check.verdict == "fail"
    assert check.statistic == 1.0
    # 8 of 8: the lower bound is the eighth root of 0.025, far above 3 / 40.
    assert check.ci == pytest.approx((0.630583, 1.0), abs=1e-6)
    assert check.threshold == pytest.approx(3 / 40)
    assert check.details["area_under_curve"] == 1.0
    assert [flag.p_value for flag in flags] == [1 / 40] * 8
    assert "8 of 8 released volumes can be matched to their source" in check.explanation
    assert "expected" not in check.explanation


def test_linkage_of_translated_scans_is_called_expected(passed_self_test: SelfTest) -> None:
    similarity = 0.3 + 0.6 * np.eye(8, 40)
    check, _ = check_linkage(
        _comparison(similarity),
        _same_number(similarity),
        passed_self_test,
        mode="translated",
        seed=0,
    )
    assert check.verdict == "fail"
    assert "This is expected in this mode" in check.explanation


def test_many_unrelated_images_pass(passed_self_test: SelfTest) -> None:
    # 100 images, 200 patients, likeness is chance: rank 1 happens about 0.5 times.
    similarity = np.random.default_rng(3).random((100, 200))
    check, _ = check_linkage(
        _comparison(similarity), _same_number(similarity), passed_self_test, mode="unlinked", seed=0
    )
    assert check.verdict == "pass"
    assert check.ci is not None
    assert check.ci[0] <= 1 / 200 <= check.ci[1]


def test_few_unrelated_images_are_inconclusive(passed_self_test: SelfTest) -> None:
    # 0 of 8: the upper bound is 0.37, above every bound for passing.
    similarity = 0.5 - 0.1 * np.eye(8, 40)
    check, flags = check_linkage(
        _comparison(similarity), _same_number(similarity), passed_self_test, mode="unlinked", seed=0
    )
    assert (check.verdict, flags) == ("inconclusive", [])


def test_rank_and_area_are_counted_among_the_other_patients(passed_self_test: SelfTest) -> None:
    # Source p000 at 0.5; others 0.9 (higher), 0.5 (level), 0.1 and 0.2 (lower).
    similarity = np.array([[0.5, 0.9, 0.5, 0.1, 0.2]])
    check, _ = check_linkage(
        _comparison(similarity), {"s000": "p000"}, passed_self_test, mode="unlinked", seed=0
    )
    assert check.statistic == 0.0
    assert check.details["rank_5"] == 1.0
    # One patient above and one level, of four: 1.5 of 4 are lost.
    assert check.details["area_under_curve"] == pytest.approx(0.625)


def test_a_patient_is_linked_when_one_of_its_images_is(passed_self_test: SelfTest) -> None:
    similarity = np.array([[0.1, 0.9, 0.2], [0.9, 0.1, 0.2]])
    check, _ = check_linkage(
        _comparison(similarity),
        {"s000": "p000", "s001": "p000"},
        passed_self_test,
        mode="unlinked",
        seed=0,
    )
    assert (check.statistic, check.n) == (1.0, 1)
    assert "1 of 2 released volumes" in check.explanation


def test_without_a_source_map_nothing_is_measured(passed_self_test: SelfTest) -> None:
    check, flags = check_linkage(
        _comparison(np.eye(2)), None, passed_self_test, mode="unlinked", seed=0
    )
    assert (check.verdict, check.statistic, flags) == ("inconclusive", None, [])


def test_source_without_a_real_image_is_refused(passed_self_test: SelfTest) -> None:
    with pytest.raises(AuditError, match="1 source patients have no real images"):
        check_linkage(
            _comparison(np.eye(1, 3)), {"s000": "p9"}, passed_self_test, mode="unlinked", seed=0
        )
