import dataclasses
import math

import pytest

from medsynth.privacy.accounting import noise_for_epsilon, spent
from medsynth.privacy.budget import Budget, DeclaredMechanism
from medsynth.privacy.forecast import forecast, forecast_lines, forecast_warnings


def _budget(noise: float, rate: float, patients: int) -> Budget:
    return Budget(
        (
            DeclaredMechanism("discriminators", noise, rate, 1),
            DeclaredMechanism("generators", noise, rate, 1),
        ),
        delta=1 / (10 * patients),
        patients=patients,
    )


def test_forecast_is_what_the_training_will_be_charged() -> None:
    budget = _budget(4.0, 0.16, 200)
    foreseen = forecast(budget, steps=100)
    assert foreseen.epsilon == spent(budget.after(100), budget.delta).epsilon
    assert [one.steps for one in foreseen.mechanisms] == [100, 100]


def test_lost_steps_are_foreseen_as_spent() -> None:
    budget = _budget(4.0, 0.16, 200)
    assert forecast(budget, steps=90, lost_steps=10).epsilon == forecast(budget, steps=100).epsilon


def test_noise_is_shared_by_the_expected_batch() -> None:
    foreseen = forecast(_budget(4.0, 0.16, 200), steps=10)
    assert foreseen.expected_batch == pytest.approx(32.0)
    assert foreseen.noise_per_patient == pytest.approx(0.125)
    # 4 / 0.05 = 80 patients in each update, 80 / 0.16 = 500 in the cohort.
    assert foreseen.enough_patients == 500


def test_noisiest_mechanism_is_the_one_shown() -> None:
    budget = _budget(4.0, 0.16, 200)
    louder = dataclasses.replace(budget.declared[1], noise_multiplier=8.0)
    foreseen = forecast(dataclasses.replace(budget, declared=(budget.declared[0], louder)), steps=1)
    assert foreseen.noise_multiplier == 8.0


def test_noise_with_the_whole_cohort_is_that_of_the_plain_gaussian() -> None:
    # Sampling everybody already, nothing can be gained: sigma = 20 in each of 2 x 200 updates.
    foreseen = forecast(_budget(20.0, 1.0, 400), steps=200)
    assert foreseen.noise_per_patient == pytest.approx(0.05)
    # The accountant's bound is up to 0.02 too high, which is 2 % of an epsilon near 1.
    assert foreseen.whole_cohort_noise_per_patient == pytest.approx(0.05, rel=0.02)


def test_noise_per_patient_at_epsilon_eight_is_near_what_the_renyi_bound_gives() -> None:
    # Known from the Rényi bound, which asks for up to 12 % more noise.
    steps = {"discriminators": 1000, "generators": 1000}
    noise = noise_for_epsilon(8.0, 1 / 2000, sample_rate=32 / 200, steps_by_name=steps)
    foreseen = forecast(_budget(noise, 32 / 200, 200), steps=1000)
    assert foreseen.epsilon == pytest.approx(8.0, abs=0.01)
    assert 0.85 * 0.12 < foreseen.noise_per_patient < 0.12


def test_small_cohort_is_warned_of_plainly() -> None:
    (warning,) = forecast_warnings(forecast(_budget(3.37, 0.16, 50), steps=1000))
    assert "50 patients are too few" in warning


def test_noise_that_a_larger_batch_would_mend_is_warned_of_with_a_way_out() -> None:
    (warning,) = forecast_warnings(forecast(_budget(0.9, 0.016, 1000), steps=300))
    assert "expect to learn little" in warning
    assert "too few" not in warning


def test_large_cohort_is_not_warned_of() -> None:
    assert forecast_warnings(forecast(_budget(2.0, 0.1, 2000), steps=200)) == ()


def test_epsilon_that_promises_little_is_warned_of() -> None:
    warnings = forecast_warnings(forecast(_budget(1.0, 0.2, 2000), steps=200))
    assert any("says little" in warning for warning in warnings)


def test_looser_bound_is_warned_of_with_the_reason() -> None:
    warnings = forecast_warnings(forecast(_budget(0.1, 0.5, 100), steps=100))
    assert any("too large" in warning and "Rényi" in warning for warning in warnings)


def test_training_without_noise_has_no_epsilon_to_share() -> None:
    foreseen = forecast(_budget(0.0, 0.5, 100), steps=10)
    assert math.isinf(foreseen.epsilon)
    assert foreseen.whole_cohort_noise_per_patient == 0.0


def test_lines_say_epsilon_delta_patients_and_noise() -> None:
    lines = " ".join(forecast_lines(forecast(_budget(4.0, 0.16, 200), steps=100)))
    for part in ("delta 0.0005", "200 patients", "100 of the generators", "4 clipping", "0.12 a"):
        assert part in lines
