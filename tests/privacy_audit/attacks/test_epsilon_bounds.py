import math

import pytest

from privacy_audit.attacks.epsilon_bounds import (
    NoisyUpdates,
    OneRunAudit,
    epsilon_of_updates,
    gaussian_epsilon,
    one_run_epsilon,
    one_run_p_value,
    separation_bound,
)


@pytest.mark.parametrize(
    ("guesses", "ceiling"),
    [(10, 1.05), (20, 1.82), (50, 2.78), (100, 3.49), (200, 4.19), (500, 5.11), (1000, 5.81)],
)
def test_one_run_with_all_guesses_right_reaches_the_known_ceiling(
    guesses: int, ceiling: float
) -> None:
    bound = one_run_epsilon(OneRunAudit(guesses, guesses, guesses), 0.0)
    assert round(bound, 2) == ceiling
    # By hand: the chance of a right guess, to the power of their number, is 5 %.
    share = 0.05 ** (1 / guesses)
    assert bound == pytest.approx(math.log(share / (1 - share)))


@pytest.mark.parametrize(("guesses", "bound"), [(50, 1.39), (100, 1.63), (1000, 2.02)])
def test_one_run_with_nine_tenths_right_is_known(guesses: int, bound: float) -> None:
    audit = OneRunAudit(guesses, guesses, guesses * 9 // 10)
    assert round(one_run_epsilon(audit, 0.0), 2) == bound


def test_delta_of_a_thousandth_takes_the_known_part_of_five_hundred_guesses() -> None:
    assert round(one_run_epsilon(OneRunAudit(500, 500, 500), 1e-3), 2) == 3.57


def test_half_of_the_guesses_right_refutes_nothing() -> None:
    assert one_run_epsilon(OneRunAudit(100, 100, 50), 0.0) == 0.0


def test_one_run_p_value_at_epsilon_zero_is_that_of_fair_coins() -> None:
    # Two of two right: 1/4. With delta, the rise per guess: one fewer 3/4 - 1/4, two fewer
    # (1 - 1/4) / 2, so alpha is 1/2 and 2 m delta alpha is 0.04.
    audit = OneRunAudit(4, 2, 2)
    assert one_run_p_value(audit, 0.0, 0.0) == pytest.approx(0.25)
    assert one_run_p_value(audit, 0.0, 0.01) == pytest.approx(0.25 + 2 * 4 * 0.01 * 0.5)


def test_gaussian_epsilon_of_twenty_full_batches_is_the_accountants() -> None:
    # Noise 1.5, rate 1, 20 steps at delta 1e-5: two accountants say 16.542 and 16.553.
    assert gaussian_epsilon(math.sqrt(20) / 1.5, 1e-5) == pytest.approx(16.542, abs=1e-3)


def test_no_separation_is_no_epsilon() -> None:
    assert gaussian_epsilon(0.0, 1e-5) == 0.0


def test_separation_of_a_thousand_clear_calls_is_bounded_by_both_errors() -> None:
    # 0 of 1000 wrong on either side: 1 - 0.025 ** (1 / 1000) = 0.003682, quantile 2.680.
    assert separation_bound(1000, 1000, 0, 1000, 0.025) == pytest.approx(2 * 2.680, abs=2e-3)


def test_calls_that_are_no_better_than_chance_show_no_separation() -> None:
    assert separation_bound(50, 100, 50, 100, 0.025) == 0.0
    assert separation_bound(0, 10, 10, 10, 0.025) == 0.0


@pytest.mark.parametrize(
    ("updates", "delta", "exact"),
    [
        ([(1.0, 0.01, 1000)], 1e-5, 1.8289),
        ([(1.1, 0.01, 10000)], 1e-5, 5.1963),
        ([(2.0, 0.1, 500)], 1e-3, 3.9804),
        ([(4.0, 0.25, 1000)], 1e-3, 7.6329),
        ([(0.6, 0.05, 200)], 1e-3, 10.5949),
        ([(1.5, 1.0, 20)], 1e-5, 16.5420),
        ([(1.0, 0.01, 1000), (1.5, 0.02, 500)], 1e-5, 2.3041),
    ],
)
def test_bound_of_plain_attacks_lies_below_the_exact_epsilon_and_not_far(
    updates: list[tuple[float, float, int]], delta: float, exact: float
) -> None:
    bound = epsilon_of_updates([NoisyUpdates(*one) for one in updates], delta)
    assert 0.5 * exact < bound <= exact


def test_equal_updates_of_two_mechanisms_are_added_up() -> None:
    halves = [NoisyUpdates(2.0, 0.1, 250), NoisyUpdates(2.0, 0.1, 250)]
    assert epsilon_of_updates(halves, 1e-3) == epsilon_of_updates(
        [NoisyUpdates(2.0, 0.1, 500)], 1e-3
    )
