import pytest

from medsynth.errors import TrainingError
from medsynth.training.schedule import Budget, learning_rate_factor


def test_progress_counts_steps_or_seconds() -> None:
    assert Budget(steps=200, seconds=None).progress(step=50, seconds=1e9) == 0.25
    assert Budget(steps=None, seconds=60.0).progress(step=10**9, seconds=15.0) == 0.25
    assert Budget(steps=10, seconds=None).progress(step=30, seconds=0.0) == 1.0


@pytest.mark.parametrize(("steps", "seconds"), [(None, None), (5, 5.0)])
def test_budget_needs_exactly_one_measure(steps: int | None, seconds: float | None) -> None:
    with pytest.raises(TrainingError):
        Budget(steps, seconds)


def test_learning_rate_never_rises_after_the_warm_up_and_ends_at_zero() -> None:
    factors = [learning_rate_factor(share / 100) for share in range(2, 101)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] == 1.0
    assert factors[-1] == 0.0
    assert learning_rate_factor(0.0) == pytest.approx(0.1)
