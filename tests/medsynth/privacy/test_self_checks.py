"""A trainer that does what it claims is refuted by no check, and the checks know their tools."""

import dataclasses
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy import special

from medsynth.privacy.accounting import spent
from medsynth.privacy.checks.drawn_updates import check_draws, check_memory
from medsynth.privacy.checks.made_patients import flat_patients
from medsynth.privacy.checks.noise import check_noise, check_noise_source
from medsynth.privacy.checks.observed_updates import observed, parameter_names
from medsynth.privacy.checks.privacy_loss import ShiftedUpdates, least_epsilon
from medsynth.privacy.checks.result import CheckResult, Claim, MakeTrainer, judged_by_chance
from medsynth.privacy.checks.sampling import check_sampling
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, flood, silence
from medsynth.privacy.checks.sensitivity import check_sensitivity
from medsynth.privacy.checks.tests_of_chance import (
    p_of_agreement,
    p_of_count,
    p_of_shape,
    p_of_spread,
    share_bounds,
    spread_bounds,
)
from medsynth.privacy.entropy import Entropy, SystemEntropy
from medsynth.privacy.patients import PrivatePatient, draw_slices, poisson_sample
from medsynth.privacy.private_trainer import PrivateTrainer
from medsynth.privacy.self_checks import verify_privacy
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
)
from tests.medsynth.privacy.private_trainers import (
    COMPUTE,
    DELTA,
    SETTINGS,
    TRAINING_STEPS,
    fresh_networks,
    honest_claim,
    make_honest,
)

CLAIM = honest_claim()


@pytest.fixture(scope="module")
def honest_results() -> list[CheckResult]:
    return verify_privacy(make_honest, CLAIM)


def _make_in_passes_of_two(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
    settings = dataclasses.replace(SETTINGS, chunk=2, trained="norms_and_last", start="public")
    return PrivateTrainer(fresh_networks(), patients, settings, COMPUTE, entropy)


def test_no_check_refutes_a_trainer_that_does_what_it_claims(
    honest_results: list[CheckResult],
) -> None:
    assert [one.explanation for one in honest_results if one.verdict == "refuted"] == []


def test_each_check_has_a_name_of_its_own(honest_results: list[CheckResult]) -> None:
    assert [one.name for one in honest_results] == [
        "noise",
        "noise_source",
        "sensitivity",
        "sampling",
        "draws",
        "memory",
        "influence",
        "free_updates",
        "counting",
        "gradient_canaries",
    ]


def test_no_result_promises_more_than_it_found(honest_results: list[CheckResult]) -> None:
    said = " ".join(one.explanation.lower() for one in honest_results)
    assert [word for word in ("verified", "safe", "anonymous", "proven") if word in said] == []


def test_an_honest_patient_reaches_the_clipping_norm(honest_results: list[CheckResult]) -> None:
    (sensitivity,) = [one for one in honest_results if one.name == "sensitivity"]
    # Were it less, the check could not see whether there is any clipping.
    assert sensitivity.statistic == pytest.approx(1.0, abs=1e-3)


def test_the_canaries_come_near_the_claim_and_stay_below_it(
    honest_results: list[CheckResult],
) -> None:
    (canaries,) = [one for one in honest_results if one.name == "gradient_canaries"]
    assert 0.7 * CLAIM.epsilon < canaries.statistic < CLAIM.epsilon


def test_the_bound_of_the_verdict_is_more_careful_than_the_interval(
    honest_results: list[CheckResult],
) -> None:
    (canaries,) = [one for one in honest_results if one.name == "gradient_canaries"]
    assert canaries.interval is not None
    assert canaries.statistic < canaries.interval[0] < canaries.interval[1]


@pytest.mark.parametrize(
    "check", [check_noise_source, check_sensitivity, check_draws, check_memory]
)
def test_no_check_refutes_passes_of_several_patients_and_few_parameters(
    check: Callable[[MakeTrainer], CheckResult],
) -> None:
    assert check(_make_in_passes_of_two).verdict == "not_refuted"


def test_noise_of_few_parameters_is_not_refuted() -> None:
    assert check_noise(_make_in_passes_of_two, CLAIM).verdict == "not_refuted"


def _make_of_one_parameter(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
    settings = dataclasses.replace(SETTINGS, trained="calibration", discriminator_steps=0)
    networks = build_cycle_networks(
        GeneratorDesign("unshuffle", 4, 1, calibrated=True),
        DiscriminatorDesign("unshuffle", 4),
        seed=0,
    )
    return PrivateTrainer(networks, patients, settings, COMPUTE, entropy)


def test_no_check_refutes_a_trainer_of_one_parameter() -> None:
    mechanisms = CLAIM.named("generators")
    claim = Claim(spent(mechanisms, DELTA).epsilon, DELTA, TRAINING_STEPS, mechanisms)
    found = verify_privacy(_make_of_one_parameter, claim)
    assert [one.explanation for one in found if one.verdict == "refuted"] == []


@pytest.mark.parametrize("rate", [0.002, 0.03, 0.5, 0.97, 1.0])
def test_sampling_at_any_rate_is_not_refuted(rate: float) -> None:
    settings = dataclasses.replace(SETTINGS, sample_rate=rate)

    def make(patients: Sequence[PrivatePatient], entropy: Entropy) -> PrivateTrainer:
        return PrivateTrainer(fresh_networks(), patients, settings, COMPUTE, entropy)

    mechanisms = tuple(dataclasses.replace(m, sample_rate=rate) for m in CLAIM.mechanisms)
    claim = dataclasses.replace(CLAIM, mechanisms=mechanisms)
    assert check_sampling(make, claim).verdict == "not_refuted"


def test_the_checks_leave_the_states_of_random_generators_as_they_were() -> None:
    of_numpy = repr(np.random.get_state())  # noqa: NPY002
    states = torch.random.get_rng_state(), random.getstate()
    check_noise_source(make_honest)
    assert torch.equal(torch.random.get_rng_state(), states[0])
    assert repr(np.random.get_state()) == of_numpy  # noqa: NPY002
    assert random.getstate() == states[1]


def test_flat_patients_bring_the_same_whatever_is_drawn() -> None:
    (patient,) = flat_patients([40])
    first, second = (
        draw_slices(patient, slices=2, patch=16, entropy=SystemEntropy()) for _ in range(2)
    )
    assert first.contrast is not None
    assert second.contrast is not None
    assert torch.equal(first.contrast, second.contrast)


def test_a_script_draws_those_it_names_and_then_nobody() -> None:
    entropy = ScriptedEntropy([(0, 2), (1,)], silence)
    drawn = [poisson_sample(3, rate, entropy) for rate in (0.01, 1.0, 1.0)]
    assert drawn == [[0, 2], [1], []]


def test_a_flood_leaves_nothing_of_a_patient_in_float32() -> None:
    noise = flood(0)(1000)
    patient = 0.5
    assert np.array_equal((noise + patient).astype(np.float32), noise.astype(np.float32))


def test_changes_without_an_optimiser_are_seen() -> None:
    class Meddling(PrivateTrainer):
        def train_step(self, *, learning_rate_factor: float) -> None:
            super().train_step(learning_rate_factor=learning_rate_factor)
            with torch.no_grad():
                next(self.networks.to_contrast.parameters()).add_(1.0)

    trainer = Meddling(
        fresh_networks(), flat_patients([0]), SETTINGS, COMPUTE, ScriptedEntropy((), silence)
    )
    seen = observed(trainer, training_steps=1, learning_rate_factor=0.0)
    assert {name.split(".")[0] for name in seen.changed_between} == {"to_contrast"}


def test_observed_gradients_are_those_of_each_mechanisms_parameters() -> None:
    trainer = make_honest(flat_patients([0]), ScriptedEntropy((), SystemEntropy().normal))
    seen = observed(trainer, training_steps=1, learning_rate_factor=0.0)
    names = parameter_names(trainer)
    assert [set(update.gradients) for update in seen.updates] == [
        set(names["discriminators"]),
        set(names["discriminators"]),
        set(names["generators"]),
    ]


@pytest.mark.parametrize(
    ("history", "delta", "of_dp_accounting"),
    [
        # Sigma, rate, steps; the third number is what Google's PLD accountant gives.
        ([(1.0, 0.01, 1000)], 1e-5, 1.8289),
        ([(2.0, 0.1, 500)], 1e-3, 3.9804),
        ([(0.6, 0.05, 200)], 1e-3, 10.5949),
        ([(1.5, 1.0, 20)], 1e-5, 16.5420),
        ([(1.0, 0.01, 1000), (1.5, 0.02, 500)], 1e-5, 2.3041),
    ],
)
def test_the_least_epsilon_lies_just_below_what_an_accountant_gives(
    history: list[tuple[float, float, int]], delta: float, of_dp_accounting: float
) -> None:
    updates = [ShiftedUpdates(1.0 / noise, rate, steps) for noise, rate, steps in history]
    assert of_dp_accounting - 0.03 < least_epsilon(updates, delta) < of_dp_accounting


def test_the_least_epsilon_of_one_gaussian_is_its_closed_form() -> None:
    # Four updates shifted by 0.5 are one shifted by 1. At epsilon 1, delta is
    # Phi(1/2 - 1) - e Phi(-1/2 - 1) = 0.308538 - 2.718282 * 0.066807 = 0.126937.
    delta = float(special.ndtr(-0.5) - math.e * special.ndtr(-1.5))
    assert delta == pytest.approx(0.126937, abs=1e-6)
    assert least_epsilon([ShiftedUpdates(0.5, 1.0, 4)], delta) == pytest.approx(1.0, abs=0.011)


def test_the_least_epsilon_without_noise_has_no_end() -> None:
    assert least_epsilon([ShiftedUpdates(math.inf, 0.1, 1)], 1e-3) == math.inf


def test_the_least_epsilon_of_a_clear_shift_stays_below_the_closed_form() -> None:
    # A single update of everybody shifted by 7: epsilon solves
    # Phi(7/2 - e/7) - exp(e) Phi(-7/2 - e/7) = 1e-3, where e is about 44.7.
    found = least_epsilon([ShiftedUpdates(7.0, 1.0, 1)], 1e-3)
    at_found = float(
        special.ndtr(3.5 - found / 7.0)
        - math.exp(found + float(special.log_ndtr(-3.5 - found / 7.0)))
    )
    assert found > 20.0
    assert at_found > 1e-3


def test_nothing_is_told_of_a_patient_who_is_never_drawn() -> None:
    assert least_epsilon([ShiftedUpdates(1.0, 0.0, 100)], 1e-3) == 0.0


def test_p_values_of_right_noise_are_not_small() -> None:
    values = np.random.default_rng(0).standard_normal(20_000)
    assert p_of_spread(float(values @ values), values.size) > 0.01
    assert p_of_shape(values) > 0.01
    assert p_of_agreement(float(values[:10_000] @ values[10_000:]), 10_000) > 0.01


def test_p_value_of_a_count_is_exact() -> None:
    # No success in 10 at chance 0.5: 2 * 2^-10.
    assert p_of_count(0, 10, 0.5) == pytest.approx(2.0 / 1024.0)


def test_agreement_of_single_values_has_heavy_tails() -> None:
    generator = np.random.default_rng(1)
    products = np.abs(generator.standard_normal(200_000) * generator.standard_normal(200_000))
    for distance in (1.0, 3.0, 5.0):
        assert p_of_agreement(distance, 1) >= (products > distance).mean()


def test_bounds_of_a_share_and_a_spread_hold_what_they_should() -> None:
    # Clopper and Pearson: 0 of 10 has the upper bound 1 - 0.025^(1/10) = 0.3085.
    assert list(share_bounds(0, 10, 0.025)) == pytest.approx([0.0, 0.3085], abs=1e-4)
    # Chi-square with 10 degrees of freedom: quantiles 3.247 and 20.483.
    low, high = spread_bounds(10.0, 10, 0.025)
    assert low == pytest.approx(math.sqrt(10.0 / 20.483), abs=1e-4)
    assert high == pytest.approx(math.sqrt(10.0 / 3.247), abs=1e-4)


def test_chance_is_judged_with_the_number_of_tests_in_mind() -> None:
    alone = judged_by_chance("noise", [5e-7], n=1, interval=None, explanation="")
    among_others = judged_by_chance("noise", [5e-7, 0.5, 0.5], n=1, interval=None, explanation="")
    assert (alone.verdict, among_others.verdict) == ("refuted", "not_refuted")
