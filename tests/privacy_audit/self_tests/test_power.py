import numpy as np

from privacy_audit.likeness.nulls import Null
from privacy_audit.self_tests.power import measure_smallest_leak
from privacy_audit.self_tests.self_test import PlantedKind, SelfTest

NULL = Null("holdout", np.linspace(0.1, 0.5, 99))
UNTESTED = SelfTest("inconclusive", {}, 0.9, 0, 0, "")


def test_by_chance_alone_twenty_of_a_hundred_are_needed() -> None:
    leak = measure_smallest_leak(100, 0.01, NULL, UNTESTED)
    # 0.01 <= k * 0.05 / 100 from k = 20 on.
    assert leak.copies == 20
    assert leak.sentence.startswith("20 copies among 100 patients")


def test_no_number_of_copies_is_seen_by_too_small_a_null() -> None:
    # 0.25 <= k * 0.05 / 10 from k = 50 on, and there are ten patients.
    leak = measure_smallest_leak(10, 0.25, Null("holdout", np.array([0.1, 0.2, 0.3])), UNTESTED)
    assert leak.copies is None
    assert leak.sentence.startswith("No number of copies")


def test_no_copy_is_seen_without_a_null() -> None:
    assert measure_smallest_leak(10, 0.001, Null("none", np.empty(0)), UNTESTED).copies is None


def test_one_copy_is_seen_where_the_planted_ones_were() -> None:
    passed = SelfTest("pass", {"crop": PlantedKind(10, 10, 0.8)}, 0.7, 99, 0, "")
    leak = measure_smallest_leak(100, 0.01, NULL, passed)
    assert (leak.copies, leak.similarity) == (1, 0.7)
    assert "at least 0.70" in leak.sentence
    assert "More are needed" not in leak.sentence


def test_kinds_found_half_the_time_need_five_copies() -> None:
    kinds = {
        "crop": PlantedKind(10, 10, 0.8),
        "patch": PlantedKind(10, 5, 0.2),
        "elastic": PlantedKind(10, 0, 0.1),
    }
    leak = measure_smallest_leak(100, 0.01, NULL, SelfTest("pass", kinds, 0.7, 99, 0, ""))
    # 0.5 ** 4 = 0.0625 and 0.5 ** 5 = 0.031 of all samples show none.
    assert leak.copies_by_kind == {"crop": 1, "patch": 5, "elastic": None}
    assert "patch (5 copies), elastic (none was found)" in leak.sentence
