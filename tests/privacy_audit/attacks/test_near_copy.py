from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.near_copy import check_exact_copies, check_near_copies
from privacy_audit.comparison import Comparison, References
from privacy_audit.image_sets import AuditImage
from privacy_audit.nulls import Null
from privacy_audit.self_test import SelfTest
from privacy_audit.similarity import Gallery


def _image(name: str) -> AuditImage:
    return AuditImage(f"{name}.npy", name, (Path(f"{name}.npy"),))


def _comparison(similarity: NDArray[np.float64], prints: tuple[str, ...] = ()) -> Comparison:
    rows, columns = similarity.shape
    return Comparison(
        probes=tuple(_image(f"s{row}") for row in range(rows)),
        fingerprints=prints or tuple(f"made{row}" for row in range(rows)),
        patients=tuple(f"t{column}" for column in range(columns)),
        similarity=similarity,
    )


def test_equal_pixels_fail_and_name_the_real_patient() -> None:
    real = References((_image("t0"), _image("t1")), ("t0", "t1"), ("x", "y"), Gallery(2, ()))
    check, flags = check_exact_copies(_comparison(np.zeros((2, 2)), ("y", "z")), (real,))
    assert check.verdict == "fail"
    assert check.statistic == 0.5
    assert [(flag.synthetic, flag.patient) for flag in flags] == [("s0.npy", "t1")]


def test_no_equal_pixels_pass() -> None:
    real = References((_image("t0"),), ("t0",), ("x",), Gallery(1, ()))
    check, flags = check_exact_copies(_comparison(np.zeros((2, 1))), (real,))
    assert (check.verdict, check.statistic, flags) == ("pass", 0.0, [])


def test_one_copy_is_called_at_the_floor_of_its_p_value(
    null_of_19: Null, passed_self_test: SelfTest
) -> None:
    check, flags = check_near_copies(
        _comparison(np.array([[0.1, 0.6]])), null_of_19, passed_self_test, None
    )
    # 0.6 is above all 19: p = 1 / 20 = 0.05, and one patient is tested at 0.05.
    assert check.verdict == "fail"
    assert [(flag.patient, flag.p_value) for flag in flags] == [("t1", 0.05)]


def test_patients_no_more_alike_than_the_null_pass(
    null_of_19: Null, passed_self_test: SelfTest
) -> None:
    check, flags = check_near_copies(
        _comparison(np.array([[0.4, 0.35]])), null_of_19, passed_self_test, None
    )
    assert (check.verdict, flags) == ("pass", [])
    assert check.details["resolution"] == pytest.approx(0.05)


def test_two_patients_need_a_null_of_39(null_of_19: Null, passed_self_test: SelfTest) -> None:
    check, _ = check_near_copies(
        _comparison(np.array([[0.4], [0.3]])), null_of_19, passed_self_test, None
    )
    assert check.verdict == "inconclusive"
    assert check.details["null_n_needed"] == 39
    assert "at least 39 patients" in check.explanation


def test_small_null_does_not_hide_what_equals_the_planted_copies(
    passed_self_test: SelfTest,
) -> None:
    null = Null("holdout", np.array([0.3, 0.4]))
    # Two null patients allow p = 1/3 at best; the planted copies' level is 0.9.
    check, flags = check_near_copies(
        _comparison(np.array([[0.95], [0.5]])), null, passed_self_test, None
    )
    assert check.verdict == "fail"
    assert [flag.synthetic for flag in flags] == ["s0.npy"]


def test_own_source_is_left_out(null_of_19: Null, passed_self_test: SelfTest) -> None:
    similarity = np.array([[0.99, 0.35]])
    check, flags = check_near_copies(
        _comparison(similarity), null_of_19, passed_self_test, {"s0.npy": "t0"}
    )
    assert (check.verdict, flags) == ("pass", [])
    assert check.details["highest_similarity"] == 0.35


def test_images_of_one_source_count_as_one_patient(
    null_of_19: Null, passed_self_test: SelfTest
) -> None:
    same = {"s0.npy": "t0", "s1.npy": "t0"}
    check, flags = check_near_copies(
        _comparison(np.array([[0.9, 0.3], [0.9, 0.7]])), null_of_19, passed_self_test, same
    )
    assert check.n == 1
    assert [flag.synthetic for flag in flags] == ["s1.npy"]


def test_left_out_training_patients_cannot_clear(passed_self_test: SelfTest) -> None:
    null = Null("train_left_out", np.linspace(0.3, 0.5, 100))
    check, _ = check_near_copies(_comparison(np.array([[0.3]])), null, passed_self_test, None)
    assert check.verdict == "inconclusive"


def test_failed_self_test_makes_the_check_invalid(null_of_19: Null) -> None:
    broken = SelfTest("invalid", {}, 0.1, 10, 0, "")
    check, _ = check_near_copies(_comparison(np.array([[0.2]])), null_of_19, broken, None)
    assert check.verdict == "invalid"
