"""Each way of breaking the promise of a public source is found by the check named for it."""

import dataclasses

import pytest

from medsynth.privacy.accounting import spent
from medsynth.privacy.checks.canaries import check_canaries
from medsynth.privacy.checks.counting import check_counting
from medsynth.privacy.checks.drawn_updates import check_draws, check_memory
from medsynth.privacy.checks.free_updates import check_free_updates
from medsynth.privacy.checks.influence import check_influence
from medsynth.privacy.checks.noise import check_noise, check_noise_source
from medsynth.privacy.checks.result import CheckResult, Claim
from medsynth.privacy.checks.sensitivity import check_sensitivity
from medsynth.privacy.public_source_trainer import PublicSourceTrainer
from medsynth.privacy.self_checks import verify_privacy
from tests.medsynth.privacy import public_sabotage
from tests.medsynth.privacy.private_trainers import DELTA, TRAINING_STEPS, make_honest
from tests.medsynth.privacy.public_trainers import makes_public, public_claim

CLAIM = public_claim()
HONEST = makes_public(PublicSourceTrainer)


def _assert_refuted(result: CheckResult, name: str) -> None:
    assert (result.name, result.verdict) == (name, "refuted"), result.explanation


def test_no_check_refutes_a_public_source_that_does_what_it_claims() -> None:
    found = verify_privacy(HONEST, CLAIM)
    assert [one.explanation for one in found if one.verdict == "refuted"] == []
    (canaries,) = [one for one in found if one.name == "gradient_canaries"]
    assert 0.7 * CLAIM.epsilon < canaries.statistic < CLAIM.epsilon


@pytest.mark.parametrize(
    "trainer",
    [
        public_sabotage.GeneratorsLearnFromTheDrawn,
        public_sabotage.FreeUpdateOnPrivateSlices,
        public_sabotage.ContrastDiscriminatorSeesPatients,
        public_sabotage.SyntheticTermOfAll,
    ],
)
def test_patients_in_what_is_called_free_are_refuted(trainer: type[PublicSourceTrainer]) -> None:
    _assert_refuted(check_free_updates(makes_public(trainer)), "free_updates")


@pytest.mark.parametrize(
    "trainer",
    [
        public_sabotage.GeneratorsLearnFromTheDrawn,
        public_sabotage.FreeUpdateOnPrivateSlices,
        public_sabotage.ContrastDiscriminatorSeesPatients,
    ],
)
def test_what_reaches_other_networks_is_seen_in_what_is_saved(
    trainer: type[PublicSourceTrainer],
) -> None:
    _assert_refuted(check_influence(makes_public(trainer)), "influence")


@pytest.mark.parametrize(
    "trainer", [public_sabotage.SyntheticTermOfTheDrawn, public_sabotage.PhasesAsPatients]
)
def test_updates_not_made_of_their_draw_are_refuted(trainer: type[PublicSourceTrainer]) -> None:
    _assert_refuted(check_draws(makes_public(trainer)), "draws")


def test_a_synthetic_term_of_those_drawn_before_is_refuted() -> None:
    made = makes_public(public_sabotage.SyntheticTermOfTheDrawn)
    _assert_refuted(check_memory(made), "memory")


@pytest.mark.parametrize(
    "trainer",
    [public_sabotage.RealTermWithoutNoise, public_sabotage.RealTermWithHalfTheNoise],
)
def test_a_real_term_of_less_noise_than_claimed_is_refuted(
    trainer: type[PublicSourceTrainer],
) -> None:
    _assert_refuted(check_noise(makes_public(trainer), CLAIM), "noise")


@pytest.mark.parametrize(
    "trainer", [public_sabotage.NoiseOfASeed, public_sabotage.EmptyDrawsSkipped]
)
def test_noise_that_repeats_or_is_left_out_is_refuted(trainer: type[PublicSourceTrainer]) -> None:
    _assert_refuted(check_noise_source(makes_public(trainer)), "noise_source")


def test_a_real_term_without_clipping_is_refuted() -> None:
    made = makes_public(public_sabotage.RealTermWithoutClipping)
    _assert_refuted(check_sensitivity(made), "sensitivity")


@pytest.mark.parametrize(
    "trainer", [public_sabotage.JudgeLearnsFreely, public_sabotage.JudgeIsSaidToBeFree]
)
def test_updates_of_the_patients_judge_that_are_called_free_are_refuted(
    trainer: type[PublicSourceTrainer],
) -> None:
    _assert_refuted(check_counting(makes_public(trainer), CLAIM), "counting")


def test_a_claim_of_one_update_a_step_is_refuted() -> None:
    mechanisms = tuple(dataclasses.replace(m, steps=TRAINING_STEPS) for m in CLAIM.mechanisms)
    claim = Claim(spent(mechanisms, DELTA).epsilon, DELTA, TRAINING_STEPS, mechanisms)
    _assert_refuted(check_counting(HONEST, claim), "counting")


def test_canaries_refute_an_epsilon_that_was_added_up_wrongly() -> None:
    lower = dataclasses.replace(CLAIM, epsilon=0.7 * CLAIM.epsilon)
    _assert_refuted(check_canaries(HONEST, lower), "gradient_canaries")


def test_a_trainer_without_public_scans_has_no_free_update_to_refute() -> None:
    assert check_free_updates(make_honest).verdict == "not_refuted"
