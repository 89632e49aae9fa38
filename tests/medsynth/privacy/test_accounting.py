import math

import numpy as np
import pytest
from dp_accounting.pld import privacy_loss_distribution
from opacus.accountants import PRVAccountant
from opacus.accountants.analysis.prv import DiscretePRV

from medsynth.errors import ConfigurationError
from medsynth.privacy.accounting import (
    Mechanism,
    default_delta,
    merged,
    noise_for_epsilon,
    spent,
)

History = tuple[tuple[float, float, int], ...]

# The histories of the literature's scale and their Rényi bounds, from Opacus 1.6.
KNOWN: tuple[tuple[History, float, float], ...] = (
    (((1.0, 0.01, 1000),), 1e-5, 2.1014),
    (((1.1, 0.01, 10000),), 1e-5, 5.6320),
    (((2.0, 0.1, 500),), 1e-3, 4.5086),
    (((4.0, 0.25, 1000),), 1e-3, 8.4939),
    (((0.6, 0.05, 200),), 1e-3, 12.6713),
    (((1.5, 1.0, 20),), 1e-5, 17.6647),
    (((1.0, 0.01, 1000), (1.5, 0.02, 500)), 1e-5, 2.5616),
)


def _drawn_histories() -> list[tuple[History, float]]:
    """Trainings of one to three mechanisms that a hospital might run."""
    generator = np.random.default_rng(11)
    histories = []
    for _ in range(8):
        history = tuple(
            (
                float(10 ** generator.uniform(0.0, 1.0)),
                float(10 ** generator.uniform(-2.0, -0.3)),
                int(10 ** generator.uniform(1.0, 3.0)),
            )
            for _ in range(int(generator.integers(1, 4)))
        )
        histories.append((history, float(10 ** generator.uniform(-5, -2.5))))
    return histories


def _mechanisms(history: History) -> list[Mechanism]:
    return [Mechanism(f"m{place}", *one) for place, one in enumerate(history)]


def _peer_epsilon(history: History, delta: float) -> float:
    composed = None
    for noise, rate, steps in history:
        one = privacy_loss_distribution.from_gaussian_mechanism(
            noise, sampling_prob=rate, value_discretization_interval=1e-4
        ).self_compose(steps)
        composed = one if composed is None else composed.compose(one)
    assert composed is not None
    return float(composed.get_epsilon_for_delta(delta))


@pytest.mark.parametrize(
    ("history", "delta"), [(one[0], one[1]) for one in KNOWN] + _drawn_histories()
)
def test_epsilon_is_at_most_a_little_above_that_of_another_accountant(
    history: History, delta: float
) -> None:
    found = spent(_mechanisms(history), delta)
    assert found.accountant == "prv"
    assert -0.005 <= found.epsilon - _peer_epsilon(history, delta) <= 0.02


@pytest.mark.parametrize(("history", "delta", "expected"), KNOWN)
def test_renyi_bound_stands_beside_it(history: History, delta: float, expected: float) -> None:
    assert spent(_mechanisms(history), delta).rdp_epsilon == pytest.approx(expected, abs=1e-4)


def test_many_small_orders_do_not_loosen_the_renyi_bound_of_much_noise() -> None:
    # Without sampling the Gaussian's Rényi divergence is alpha mu^2 / 2 at every order, so the
    # best order can be found by hand: mu = sqrt(100) / 2000 = 0.005 at delta 1e-3.
    found = spent([Mechanism("m", 2000.0, 1.0, 100)], 1e-3)
    orders = np.arange(2.0, 513.0)
    by_hand = (
        orders * 0.005**2 / 2
        - (math.log(1e-3) + np.log(orders)) / (orders - 1)
        + np.log((orders - 1) / orders)
    )
    assert found.rdp_epsilon == pytest.approx(max(0.0, float(by_hand.min())), abs=1e-3)


def test_nothing_done_costs_nothing() -> None:
    assert spent([], 1e-3).epsilon == 0.0
    assert spent([Mechanism("m", 1.0, 0.1, 0)], 1e-3).epsilon == 0.0
    assert spent([Mechanism("m", 1.0, 0.0, 10)], 1e-3).epsilon == 0.0


def test_one_update_without_noise_costs_everything() -> None:
    found = spent([Mechanism("m", 5.0, 0.1, 10), Mechanism("n", 0.0, 0.1, 1)], 1e-3)
    assert math.isinf(found.epsilon)
    assert "without noise" in found.reason


def test_steps_in_two_pieces_cost_as_much_as_in_one() -> None:
    whole = spent([Mechanism("m", 2.0, 0.1, 300)], 1e-3)
    pieces = spent([Mechanism("m", 2.0, 0.1, 100), Mechanism("n", 2.0, 0.1, 200)], 1e-3)
    assert pieces.epsilon == whole.epsilon


def test_order_of_mechanisms_does_not_matter() -> None:
    one, other = Mechanism("m", 2.0, 0.1, 100), Mechanism("n", 1.5, 0.05, 50)
    assert spent([one, other], 1e-3) == spent([other, one], 1e-3)


@pytest.mark.parametrize(
    "worse",
    [
        Mechanism("m", 1.9, 0.1, 200),
        Mechanism("m", 2.0, 0.11, 200),
        Mechanism("m", 2.0, 0.1, 220),
    ],
)
def test_less_noise_more_sampling_and_more_steps_cost_more(worse: Mechanism) -> None:
    assert spent([worse], 1e-3).epsilon > spent([Mechanism("m", 2.0, 0.1, 200)], 1e-3).epsilon


def _break_accountant(monkeypatch: pytest.MonkeyPatch, answer: float) -> None:
    def broken(*_: object) -> tuple[float, float, float]:
        if math.isinf(answer):
            raise RuntimeError("Discrete mean differs significantly from continuous mean.")
        return answer, answer, answer

    monkeypatch.setattr(DiscretePRV, "compute_epsilon", broken)


# As it fails: by stopping, with what is no number, and with far too little.
@pytest.mark.parametrize("answer", [math.inf, math.nan, 0.3])
def test_failed_accountant_gives_way_to_the_looser_bound_and_says_so(
    monkeypatch: pytest.MonkeyPatch, answer: float
) -> None:
    _break_accountant(monkeypatch, answer)
    found = spent([Mechanism("m", 2.0, 0.1, 500)], 1e-3)
    assert (found.accountant, found.epsilon) == ("rdp", found.rdp_epsilon)
    assert "failed" in found.reason


def test_own_grid_gives_what_opacus_gives_on_its_grid() -> None:
    accountant = PRVAccountant()
    accountant.history = [(1.0, 0.01, 1000), (1.5, 0.02, 500)]
    found = spent(_mechanisms(tuple(accountant.history)), 1e-5)
    assert found.epsilon == pytest.approx(accountant.get_epsilon(1e-5), abs=1e-6)


def test_too_large_a_loss_is_not_tried_with_the_tighter_accountant() -> None:
    found = spent([Mechanism("m", 0.1, 0.5, 500)], 1e-3)
    assert found.accountant == "rdp"
    assert found.epsilon > 300
    assert found.reason


def test_smaller_renyi_bound_is_not_taken_for_the_one_that_was_asked() -> None:
    # So little is spent that the tighter accountant's own error of 0.01 is most of its bound.
    found = spent([Mechanism("m", 1000.0, 0.5, 1000)], 1e-3)
    assert found.accountant == "prv"
    assert found.epsilon > found.rdp_epsilon


@pytest.mark.parametrize("target", [1.0, 8.0])
def test_searched_noise_keeps_within_the_target_and_is_nearly_the_least(target: float) -> None:
    steps = {"discriminators": 200, "generators": 100}
    noise = noise_for_epsilon(target, 5e-4, sample_rate=0.16, steps_by_name=steps)

    def epsilon(factor: float) -> float:
        done = [Mechanism(name, noise * factor, 0.16, n) for name, n in steps.items()]
        return spent(done, 5e-4).epsilon

    assert epsilon(1.0) <= target < epsilon(0.998)


def test_search_without_steps_does_not_hang() -> None:
    assert noise_for_epsilon(1.0, 1e-3, sample_rate=0.1, steps_by_name={"m": 0}) > 0


@pytest.mark.parametrize("target", [0.0, -1.0, 0.001])
def test_epsilon_that_no_noise_reaches_is_refused(target: float) -> None:
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        noise_for_epsilon(target, 1e-3, sample_rate=0.5, steps_by_name={"m": 1000})


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, math.nan])
def test_delta_outside_of_chances_is_refused(delta: float) -> None:
    with pytest.raises(ConfigurationError, match="Delta"):
        spent([Mechanism("m", 1.0, 0.1, 1)], delta)


@pytest.mark.parametrize(
    "wrong",
    [
        Mechanism("m", -1.0, 0.1, 1),
        Mechanism("m", math.nan, 0.1, 1),
        Mechanism("m", 1.0, 1.1, 1),
        Mechanism("m", 1.0, 0.1, -1),
    ],
)
def test_mechanism_out_of_range_is_refused(wrong: Mechanism) -> None:
    with pytest.raises(ConfigurationError, match="noise"):
        spent([wrong], 1e-3)


def test_default_delta_is_a_tenth_of_a_patient() -> None:
    assert default_delta(200) == pytest.approx(5e-4)


def test_merged_adds_the_steps_of_equal_kinds_alone() -> None:
    found = merged(
        [
            Mechanism("m", 1.0, 0.1, 3),
            Mechanism("n", 1.0, 0.1, 5),
            Mechanism("m", 1.0, 0.1, 4),
            Mechanism("m", 2.0, 0.1, 1),
            Mechanism("m", 3.0, 0.1, 0),
        ]
    )
    assert found == (
        Mechanism("m", 1.0, 0.1, 7),
        Mechanism("m", 2.0, 0.1, 1),
        Mechanism("n", 1.0, 0.1, 5),
    )
