from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.near_copy import check_exact_copies, check_near_copies
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparison, References
from privacy_audit.likeness.likeness import measure_likeness
from privacy_audit.likeness.nearer import NearerToTrain
from privacy_audit.likeness.nulls import Null
from privacy_audit.likeness.similarity import Gallery
from privacy_audit.self_tests.self_test import SelfTest


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
    real = References(
        (_image("t0"), _image("t1")), ("t0", "t1"), ("x", "y"), Gallery((), np.arange(2), None)
    )
    check, flags = check_exact_copies(_comparison(np.zeros((2, 2)), ("y", "z")), (real,))
    assert check.verdict == "fail"
    assert check.statistic == 0.5
    assert [(flag.synthetic, flag.patient) for flag in flags] == [("s0.npy", "t1")]


def test_no_equal_pixels_pass() -> None:
    real = References((_image("t0"),), ("t0",), ("x",), Gallery((), np.arange(1), None))
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


def test_patients_no_more_alike_than_the_null_pass(passed_self_test: SelfTest) -> None:
    # Five patients at 0.05 need p-values of 0.01: 99 null patients.
    null = Null("holdout", np.linspace(0.3, 0.5, 99))
    check, flags = check_near_copies(
        _comparison(np.full((5, 2), 0.4)), null, passed_self_test, None
    )
    assert (check.verdict, flags) == ("pass", [])
    assert check.details["resolution"] == pytest.approx(0.01)


def test_four_synthetic_patients_or_fewer_cannot_pass(
    null_of_19: Null, passed_self_test: SelfTest
) -> None:
    null = Null("holdout", np.linspace(0.3, 0.5, 99))
    for patients in (1, 4):
        check, flags = check_near_copies(
            _comparison(np.full((patients, 2), 0.4)), null, passed_self_test, None
        )
        assert (check.verdict, flags) == ("inconclusive", [])
        assert "say nothing of the next" in check.explanation


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
    assert flags == []
    assert check.details["highest_similarity"] == 0.35


def test_images_of_one_source_count_as_one_patient(
    null_of_19: Null, passed_self_test: SelfTest
) -> None:
    same = {"s0.npy": "t0", "s1.npy": "t0"}
    check, flags = check_near_copies(
        _comparison(np.array([[0.9, 0.3], [0.9, 0.95]])), null_of_19, passed_self_test, same
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


def _measured_null(similarity: NDArray[np.float64]) -> Null:
    """Give a null with leads from likeness to two patients, one row a null patient."""
    units = measure_likeness(_comparison(similarity).nearest(), None, by_source=False)
    return Null("holdout", np.array([unit.similarity.max() for unit in units]), units)


def test_deformed_copy_is_called_by_its_lead_though_others_are_as_alike() -> None:
    generator = np.random.default_rng(0)
    level = generator.uniform(0.3, 0.7, 99)
    # All bodies look alike, so the two nearest of a null patient are equally near.
    null = _measured_null(np.stack([level, level + generator.uniform(-0.02, 0.02, 99)], axis=1))
    failed = SelfTest("inconclusive", {}, 0.9, 0, 0, "")
    check, flags = check_near_copies(_comparison(np.array([[0.66, 0.2]])), null, failed, None)
    assert check.details["highest_similarity"] == 0.66
    assert null.highest > 0.66
    # Beyond all 99 by its lead; by similarity one null patient is as far out: 2 / 100.
    assert [(flag.patient, flag.p_value) for flag in flags] == [("t0", 0.02)]


def test_many_copies_do_not_take_the_most_alike_innocent_with_them() -> None:
    null = Null("holdout", np.linspace(0.3, 0.5, 199))
    copies, innocent = np.full((90, 1), 0.9), np.array([[0.497]])
    unknown = SelfTest("inconclusive", {}, 0.95, 0, 0, "")
    _, flags = check_near_copies(
        _comparison(np.concatenate([copies, innocent])), null, unknown, None
    )
    # The innocent's p-value is 4 / 200 = 0.02, which false discovery control alone allows.
    assert len(flags) == 90


def test_patient_with_more_images_than_the_null_needs_more_likeness() -> None:
    null = _measured_null(np.stack([np.linspace(0.3, 0.5, 99), np.linspace(0.1, 0.2, 99)], axis=1))
    unknown = SelfTest("inconclusive", {}, 0.95, 0, 0, "")
    rows = np.tile([[0.3, 0.2]], (6, 1))
    rows[0] = (0.8, 0.1)
    one_patient = {f"s{row}.npy": "other" for row in range(6)}
    check, flags = check_near_copies(_comparison(rows), null, unknown, one_patient)
    assert check.n == 1
    # 1 - 0.99 ** 6 = 0.0585, six times as easily reached as 0.01.
    assert flags == []
    _, flags = check_near_copies(_comparison(rows[:1]), null, unknown, None)
    assert [flag.p_value for flag in flags] == [0.01]


def test_fitted_tail_tells_ten_copies_among_a_hundred_and_ten_from_chance() -> None:
    generator = np.random.default_rng(4)
    null = Null("holdout", 1 - np.exp(-generator.exponential(0.3, 400)))
    clean = 1 - np.exp(-generator.exponential(0.3, 100))
    unknown = SelfTest("inconclusive", {}, 0.999, 0, 0, "")
    rows = np.concatenate([np.full(10, 1 - np.exp(-4.0)), clean])[:, np.newaxis]
    check, flags = check_near_copies(_comparison(rows), null, unknown, None)
    assert check.details["by_tail"] == 1
    assert {flag.synthetic for flag in flags} == {f"s{row}.npy" for row in range(10)}


def test_set_that_is_nearer_to_train_as_a_whole_fails(passed_self_test: SelfTest) -> None:
    null = Null("holdout", np.linspace(0.3, 0.5, 99))
    synthetic = _comparison(np.full((5, 2), 0.4))
    check, flags = check_near_copies(
        synthetic, null, passed_self_test, None, NearerToTrain(100, 70, 50, 0.00004)
    )
    assert (check.verdict, flags) == ("fail", [])
    assert check.details["nearer_to_train"] == 0.7
    check, _ = check_near_copies(
        synthetic, null, passed_self_test, None, NearerToTrain(100, 55, 50, 0.18)
    )
    assert check.verdict == "pass"


def test_set_equal_to_the_training_set_has_a_risk_of_one(passed_self_test: SelfTest) -> None:
    null = Null("holdout", np.linspace(0.3, 0.5, 99))
    check, flags = check_near_copies(
        _comparison(np.eye(6) * 0.8 + 0.2), null, passed_self_test, None
    )
    assert (check.verdict, check.statistic) == ("fail", 1.0)
    assert [flag.patient for flag in flags] == [f"t{column}" for column in range(6)]
