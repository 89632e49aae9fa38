import numpy as np
import pytest

from privacy_audit.attacks.attribute_rates import (
    Outcome,
    exchange_rate,
    fewest_right,
    risk_above,
    sources_needed,
    wilson_interval,
)


def _outcome(
    rate: float, patients: int, reference_interval: tuple[float, float] = (0.2, 0.6)
) -> Outcome:
    interval = wilson_interval(rate, patients, 1)
    return Outcome("sex", patients, rate, interval, 0.5, (0.4, 0.6), 0.5, reference_interval)


def test_interval_is_wilsons() -> None:
    # Published for 8 of 10: 0.490 to 0.943.
    assert wilson_interval(0.8, 10, 1) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(0.0, 0, 1) == (0.0, 1.0)


def test_interval_of_several_tests_is_wider() -> None:
    low, high = wilson_interval(0.5, 100, 1)
    lower, higher = wilson_interval(0.5, 100, 4)
    # z = 1.960 and 2.498; without the small correction 0.5 -+ 0.098 and 0.125.
    assert (low, high) == pytest.approx((0.404, 0.596), abs=1e-3)
    assert (lower, higher) == pytest.approx((0.379, 0.621), abs=1e-3)


def test_exchanged_sources_are_right_by_the_shares() -> None:
    # Said 3/4 and 1/4, so 1/4 and 3/4: 3/16 + 3/16.
    said, so = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1])
    assert exchange_rate(said, so, 2) == pytest.approx(6 / 16)


def test_risk_is_the_share_of_what_chance_misses() -> None:
    assert risk_above(0.9, 0.6) == pytest.approx(0.75)
    assert risk_above(0.6, 0.6) == 0.0
    assert risk_above(1.0, 1.0) == 0.0


def test_all_right_is_the_whole_risk_and_fails() -> None:
    outcome = _outcome(1.0, 50)
    assert (outcome.risk, outcome.interval[1], outcome.verdict) == (1.0, 1.0, "fail")


def test_chance_passes_from_the_number_of_sources_that_is_named() -> None:
    # z^2 * 0.5 / (0.5 * 0.15^2) = 3.8415 / 0.0225 = 170.7.
    needed = sources_needed(_outcome(0.5, 50), 1)
    assert needed == 171
    assert _outcome(0.5, needed - 10).verdict == "inconclusive"
    assert _outcome(0.5, needed + 1).verdict == "pass"


def test_weak_attacker_of_few_reference_patients_clears_nothing() -> None:
    assert _outcome(0.5, 400, (-0.2, 0.3)).verdict == "inconclusive"
    assert _outcome(0.5, 400, (-0.1, 0.1)).verdict == "pass"


def test_fewest_right_is_the_first_that_fails() -> None:
    fewest = fewest_right(_outcome(0.5, 100), 1)
    assert fewest == 68
    assert _outcome(0.68, 100).verdict == "fail"
    assert _outcome(0.67, 100).verdict != "fail"
    assert fewest_right(_outcome(0.5, 3), 1) is None
