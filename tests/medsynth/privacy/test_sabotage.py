"""Each way of breaking the promise is found by the check that is named for it."""

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.checks.canaries import check_canaries
from medsynth.privacy.checks.counting import check_counting
from medsynth.privacy.checks.drawn_updates import check_draws, check_memory
from medsynth.privacy.checks.influence import check_influence
from medsynth.privacy.checks.noise import check_noise, check_noise_source
from medsynth.privacy.checks.result import CheckResult, Claim, MakeTrainer
from medsynth.privacy.checks.sampling import check_sampling
from medsynth.privacy.checks.sensitivity import check_sensitivity
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.mechanism import PrivateMechanism
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import PrivateTrainer
from tests.medsynth.privacy import sabotage, sabotaged_mechanisms
from tests.medsynth.privacy.private_trainers import DELTA, TRAINING_STEPS, honest_claim, make_honest

CLAIM = honest_claim()


def _makes(trainer: type[PrivateTrainer]) -> MakeTrainer:
    def make(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
        return sabotage.build(trainer, patients, entropy)

    return make


def _makes_with(mechanism: type[PrivateMechanism]) -> MakeTrainer:
    class Sabotaged(sabotage.SabotagedTrainer):
        pass

    Sabotaged.mechanism = mechanism
    return _makes(Sabotaged)


def _assert_refuted(result: CheckResult, name: str) -> None:
    assert (result.name, result.verdict) == (name, "refuted"), result.explanation


@pytest.mark.parametrize(
    "mechanism",
    [
        sabotaged_mechanisms.HalvedNoise,
        sabotaged_mechanisms.WeakerNoise,
        sabotaged_mechanisms.NoNoise,
        sabotaged_mechanisms.OneLayerWithoutNoise,
        sabotaged_mechanisms.SameNoiseAgain,
        sabotaged_mechanisms.UniformNoise,
        sabotaged_mechanisms.LessNoiseBesidePatients,
        sabotaged_mechanisms.NoiseInTurns,
    ],
)
def test_wrong_noise_is_refuted(mechanism: type[PrivateMechanism]) -> None:
    _assert_refuted(check_noise(_makes_with(mechanism), CLAIM), "noise")


@pytest.mark.parametrize(
    "mechanism", [sabotaged_mechanisms.NoiseOfTheRunsSeed, sabotaged_mechanisms.NoiseOfItsOwnSeed]
)
def test_noise_of_a_seed_is_refuted(mechanism: type[PrivateMechanism]) -> None:
    _assert_refuted(check_noise_source(_makes_with(mechanism)), "noise_source")


@pytest.mark.parametrize(
    "mechanism",
    [
        sabotaged_mechanisms.NoClipping,
        sabotaged_mechanisms.ClippingOfSlices,
        sabotaged_mechanisms.ClippingOfPhases,
        sabotaged_mechanisms.ClippingOfLayers,
        sabotaged_mechanisms.ClippingOfSums,
        sabotaged_mechanisms.StoppedByNoNumbers,
    ],
)
def test_wrong_clipping_is_refuted(mechanism: type[PrivateMechanism]) -> None:
    _assert_refuted(check_sensitivity(_makes_with(mechanism)), "sensitivity")


@pytest.mark.parametrize(
    "mechanism",
    [
        sabotaged_mechanisms.Shuffling,
        sabotaged_mechanisms.FixedBatches,
        sabotaged_mechanisms.HigherRate,
    ],
)
def test_wrong_sampling_is_refuted(mechanism: type[PrivateMechanism]) -> None:
    _assert_refuted(check_sampling(_makes_with(mechanism), CLAIM), "sampling")


def test_a_draw_shared_by_two_mechanisms_is_refuted() -> None:
    _assert_refuted(check_draws(_makes(sabotage.SharedDraw)), "draws")


def test_drawing_a_patient_once_for_each_phase_is_refuted() -> None:
    _assert_refuted(check_draws(_makes(sabotage.PhasesAsPatients)), "draws")


def test_skipping_the_update_of_an_empty_draw_is_refuted() -> None:
    _assert_refuted(check_noise(_makes(sabotage.EmptyDrawsSkipped), CLAIM), "noise")


@pytest.mark.parametrize(
    "mechanism", [sabotaged_mechanisms.DivisionByRealised, sabotaged_mechanisms.Shuffling]
)
def test_updates_not_made_of_their_draw_are_refuted(mechanism: type[PrivateMechanism]) -> None:
    _assert_refuted(check_draws(_makes_with(mechanism)), "draws")


@pytest.mark.parametrize("trainer", [sabotage.PooledDiscriminators, sabotage.RememberingLayers])
def test_memory_of_other_patients_is_refuted(trainer: type[PrivateTrainer]) -> None:
    _assert_refuted(check_memory(_makes(trainer)), "memory")


@pytest.mark.parametrize(
    "trainer",
    [
        sabotage.SavedPool,
        sabotage.UnNoisedWeightsSaved,
        sabotage.PrivateDiscriminatorsOnly,
        sabotage.BatchNormInDiscriminators,
    ],
)
def test_what_goes_around_the_noise_is_refuted(trainer: type[PrivateTrainer]) -> None:
    _assert_refuted(check_influence(_makes(trainer)), "influence")


@pytest.mark.parametrize(
    "trainer",
    [
        sabotage.DiscriminatorStepsCountedOnly,
        sabotage.GeneratorsOutsideOfMechanisms,
        sabotage.LossReturned,
    ],
)
def test_uncounted_changes_are_refuted(trainer: type[PrivateTrainer]) -> None:
    _assert_refuted(check_counting(_makes(trainer), CLAIM), "counting")


def test_a_record_that_is_not_saved_is_refuted() -> None:
    result = check_counting(_makes_with(sabotaged_mechanisms.RecordForgottenWhenSaved), CLAIM)
    _assert_refuted(result, "counting")


def test_private_discriminators_alone_are_refuted_by_the_noise() -> None:
    _assert_refuted(check_noise(_makes(sabotage.PrivateDiscriminatorsOnly), CLAIM), "noise")


def _claim_of_discriminators_alone() -> Claim:
    mechanisms = CLAIM.named("discriminators")
    return Claim(spent(mechanisms, DELTA).epsilon, DELTA, TRAINING_STEPS, mechanisms)


def _claim_of_one_update_a_step() -> Claim:
    mechanisms = tuple(dataclasses.replace(m, steps=TRAINING_STEPS) for m in CLAIM.mechanisms)
    return Claim(spent(mechanisms, DELTA).epsilon, DELTA, TRAINING_STEPS, mechanisms)


@pytest.mark.parametrize("claim", [_claim_of_discriminators_alone, _claim_of_one_update_a_step])
def test_a_claim_of_too_few_updates_is_refuted(claim: Callable[[], Claim]) -> None:
    _assert_refuted(check_counting(make_honest, claim()), "counting")


@pytest.mark.parametrize(
    "mechanism",
    [
        sabotaged_mechanisms.HalvedNoise,
        sabotaged_mechanisms.NoNoise,
        sabotaged_mechanisms.NoClipping,
    ],
)
def test_canaries_refute_the_epsilon_of(mechanism: type[PrivateMechanism]) -> None:
    _assert_refuted(check_canaries(_makes_with(mechanism), CLAIM), "gradient_canaries")


def test_canaries_refute_an_epsilon_that_was_added_up_wrongly() -> None:
    lower = dataclasses.replace(CLAIM, epsilon=0.7 * CLAIM.epsilon)
    _assert_refuted(check_canaries(make_honest, lower), "gradient_canaries")


def test_canaries_refute_a_noise_that_was_never_declared() -> None:
    louder = tuple(Mechanism(m.name, 2.0, m.sample_rate, m.steps) for m in CLAIM.mechanisms)
    claim = Claim(spent(louder, DELTA).epsilon, DELTA, TRAINING_STEPS, louder)
    _assert_refuted(check_canaries(make_honest, claim), "gradient_canaries")
