import math

import numpy as np
import pytest

from medsynth.errors import AuditError
from privacy_audit.attacks.membership import (
    AttackScores,
    bounds_for_epsilon,
    epsilon_bound,
    epsilon_ceiling,
    judge_membership,
    smallest_area_seen,
)
from privacy_audit.attacks.membership_blind import BlindBaseline

ALIKE = BlindBaseline(area=0.5, interval=(0.4, 0.6), p_value=0.5, members=10, others=10)


def _scores(
    members: int, others: int, *, shift: float, attacks: int = 3, seed: int = 0
) -> AttackScores:
    """Normal scores, those of members shifted, in as many attacks that say nearly the same."""
    generator = np.random.default_rng(seed)
    is_member = np.arange(members + others) < members
    common = generator.normal(size=members + others) + shift * is_member
    noise = 0.3 * generator.normal(size=(members + others, attacks))
    names = tuple(f"attack_{index}" for index in range(attacks))
    return AttackScores(names, common[:, np.newaxis] + noise, is_member)


def test_scores_that_know_the_members_fail() -> None:
    check = judge_membership("membership_model", _scores(20, 60, shift=2.0), ALIKE, seed=0)
    assert check.verdict == "fail"
    assert check.statistic is not None
    assert check.statistic > 0.85
    assert check.ci is not None
    assert check.ci[0] > 0.60


def test_scores_that_know_nothing_pass_with_two_hundred_a_side() -> None:
    check = judge_membership("membership_model", _scores(200, 200, shift=0.0), ALIKE, seed=0)
    assert check.verdict == "pass"
    assert check.ci is not None
    assert check.ci[1] < 0.60


def test_scores_that_know_nothing_of_twenty_patients_are_inconclusive() -> None:
    check = judge_membership("membership_model", _scores(20, 20, shift=0.0), ALIKE, seed=0)
    assert check.verdict == "inconclusive"
    assert "about 150 of each" in check.explanation


def test_one_patient_a_side_is_inconclusive() -> None:
    check = judge_membership("membership_model", _scores(1, 9, shift=0.0), ALIKE, seed=0)
    assert (check.verdict, check.statistic) == ("inconclusive", None)


@pytest.mark.parametrize(("members", "others"), [(8, 8), (8, 40), (40, 300)])
def test_dealt_out_members_fail_in_at_most_five_of_a_hundred_seeds(
    members: int, others: int
) -> None:
    attacks = _scores(members, others, shift=2.0, attacks=8)
    failures = 0
    for seed in range(100):
        dealt = np.random.default_rng(seed).permutation(attacks.is_member)
        scores = AttackScores(attacks.names, attacks.scores, dealt)
        check = judge_membership("membership_model", scores, ALIKE, seed=seed)
        failures += check.verdict == "fail"
    assert failures <= 5


def test_negative_control_is_the_share_of_dealt_out_members_above_the_limit() -> None:
    check = judge_membership("membership_model", _scores(20, 60, shift=2.0), ALIKE, seed=0)
    control = check.details["negative_control"]
    assert isinstance(control, float)
    assert 0.0 <= control <= 0.05


def test_members_who_differ_without_the_model_are_invalid() -> None:
    shifted = BlindBaseline(area=0.9, interval=(0.8, 0.95), p_value=0.001, members=20, others=60)
    check = judge_membership("membership_model", _scores(20, 60, shift=2.0), shifted, seed=0)
    assert check.verdict == "invalid"
    assert check.explanation.startswith("Members and others differ without the model")


def test_few_members_known_for_certain_fail_by_their_share_alone() -> None:
    # 12 of 150 above all 400 others, the rest like them: the area stays about 0.54.
    generator = np.random.default_rng(1)
    scores = generator.normal(size=550)
    scores[:12] = 10.0 + np.arange(12)
    attacks = AttackScores(("one",), scores[:, np.newaxis], np.arange(550) < 150)
    check = judge_membership("membership_model", attacks, ALIKE, seed=0)
    assert check.ci is not None
    assert check.ci[0] < 0.60
    assert check.verdict == "fail"
    assert check.details["share_at_1_resolved"] == "yes"


def test_rates_beyond_the_number_of_others_are_marked_inconclusive() -> None:
    check = judge_membership("membership_model", _scores(20, 60, shift=1.0), ALIKE, seed=0)
    # Three over the rate: 30 others for 10 %, 300 for 1 %, 3000 for 0.1 %.
    assert check.details["share_at_10_resolved"] == "yes"
    assert check.details["share_at_1_resolved"] == "inconclusive"
    assert check.details["share_at_0.1_resolved"] == "inconclusive"


def test_smallest_leak_is_named_and_would_have_failed() -> None:
    seen = smallest_area_seen(30, 60, 1)
    assert seen is not None
    known = math.ceil((2 * seen - 1) * 30)
    # That many members above all others, the rest at even distances among them.
    others = np.arange(60.0)
    rest = (np.arange(30 - known) + 0.5) * 60 / (30 - known) - 0.5
    scores = np.concatenate([np.full(known, 99.0) + np.arange(known), rest, others])
    attacks = AttackScores(("one",), scores[:, np.newaxis], np.arange(90) < 30)
    check = judge_membership("membership_model", attacks, ALIKE, seed=0)
    assert check.verdict == "fail"
    assert f"{known} of 30 members" in check.smallest_leak


def test_three_patients_a_side_could_show_no_leak_and_say_so() -> None:
    check = judge_membership("membership_model", _scores(3, 3, shift=9.0), ALIKE, seed=0)
    assert check.verdict == "inconclusive"
    assert check.smallest_leak.startswith("No leak would have been seen")


def test_same_seed_gives_the_same_result() -> None:
    attacks = _scores(15, 25, shift=0.5)
    first = judge_membership("membership_model", attacks, ALIKE, seed=3)
    assert judge_membership("membership_model", attacks, ALIKE, seed=3) == first


def test_epsilon_of_a_perfect_attack_is_that_of_its_bounds_and_at_most_the_ceiling() -> None:
    scores = np.concatenate([np.ones(50) + np.arange(50), -np.arange(200.0)])
    attacks = AttackScores(("one",), scores[:, np.newaxis], np.arange(250) < 50)
    bound = epsilon_bound(*bounds_for_epsilon(attacks), 0.0)
    # One attack, four thresholds, two directions, two bounds: tail 0.05 / 16.
    tail = 0.05 / 16
    found, falsely = tail ** (1 / 50), 1 - tail ** (1 / 200)
    assert bound == pytest.approx(math.log(found / falsely))
    assert epsilon_ceiling(50, 200, 1) == pytest.approx(bound)


def test_delta_lowers_the_bound_of_epsilon() -> None:
    assert epsilon_bound([0.5], [0.05], 0.0) == pytest.approx(math.log(10))
    assert epsilon_bound([0.5], [0.05], 0.1) == pytest.approx(math.log(8))
    assert epsilon_bound([0.04], [0.05], 0.0) == 0.0


def test_epsilon_of_scores_that_know_nothing_is_at_most_rarely_above_zero() -> None:
    above = [
        epsilon_bound(*bounds_for_epsilon(_scores(40, 40, shift=0.0, seed=seed)), 0.0) > 0.0
        for seed in range(60)
    ]
    assert sum(above) <= 3


def test_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(AuditError, match="Attack one gives a score that is no number"):
        AttackScores(("one",), np.array([[1.0], [np.nan]]), np.array([True, False]))
