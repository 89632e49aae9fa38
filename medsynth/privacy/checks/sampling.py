"""Whether patients are drawn as the accounting assumes: each by chance, independently."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.privacy.checks.made_patients import flat_patients
from medsynth.privacy.checks.result import CheckResult, Claim, MakeTrainer, judged_by_chance
from medsynth.privacy.checks.tests_of_chance import p_of_count, p_of_score, share_bounds
from medsynth.privacy.entropy import SystemEntropy
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import PrivateTrainer

_PATIENTS = 40
# So many are drawn at a time, at least, on average.
_BATCH = 4.0
_FEWEST_DRAWS, _MOST_DRAWS = 1500, 6000
_CHANCES = 2_000_000
_FEW_AGREEMENTS = 100.0
# Scores made of rare events have heavier tails than a normal value.
_SLACK = 1.4


def check_sampling(make_trainer: MakeTrainer, claim: Claim) -> CheckResult:
    """Draw many times and compare with independent draws at the claimed rate.

    It finds a rate that is not the claimed one, batches of fixed size, shuffling, patients
    who take turns, and mechanisms that draw together. At a rate of 0.1 it finds one that is
    wrong by 4 %; at smaller ones, one that is wrong by more.

    Args:
        make_trainer: of the training that is checked.
        claim: what is said of it.
    """
    rates = [one.sample_rate for one in claim.mechanisms if one.sample_rate > 0.0]
    patients = cohort_for_rate(min(rates, default=1.0))
    trainer = make_trainer(patients, SystemEntropy())
    taking_part = {name: who_takes_part(trainer, name, patients) for name in trainer.mechanisms}
    p_values: list[float] = []
    shares: list[tuple[float, float]] = []
    for name, drawn in taking_part.items():
        claimed = {one.sample_rate for one in claim.named(name)}
        if len(claimed) != 1:
            p_values.append(0.0)
            continue
        (rate,) = claimed
        p_values += _p_values(drawn, rate)
        low, high = share_bounds(int(drawn.sum()), drawn.size, 0.025)
        shares.append((low / rate, high / rate))
        p_values += [
            _p_of_product(drawn, other, rate)
            for name_of_other, other in taking_part.items()
            if name_of_other != name and 0.0 < rate < 1.0
        ]
    return judged_by_chance(
        "sampling",
        p_values,
        n=sum(drawn.size for drawn in taking_part.values()),
        interval=max(shares, default=None),
        explanation=(
            f"{draws_from(patients)} draws from {len(patients)} patients were compared with "
            "independent ones; the interval is that of the rate over the claimed, of the mechanism "
            "that drew more."
        ),
    )


def cohort_for_rate(rate: float) -> tuple[PrivatePatient, ...]:
    """Make so many patients that at least four are drawn on average.

    Args:
        rate: chance of each to be drawn, above 0.
    """
    return flat_patients([0] * max(_PATIENTS, math.ceil(_BATCH / rate)))


def draws_from(patients: Sequence[PrivatePatient]) -> int:
    """Give how often to draw from patients: the more often, the fewer they are."""
    return min(max(_FEWEST_DRAWS, _CHANCES // len(patients)), _MOST_DRAWS)


def who_takes_part(
    trainer: PrivateTrainer, name: str, patients: Sequence[PrivatePatient]
) -> NDArray[np.float64]:
    """Draw many times with one mechanism.

    Args:
        trainer: one that is thrown away.
        name: of the mechanism.
        patients: each of another name.

    Returns:
        (draws, patients), how often each was drawn: 0 or 1 where all is right.
    """
    places = {patient.patient: place for place, patient in enumerate(patients)}
    drawn = np.zeros((draws_from(patients), len(patients)))
    for row in drawn:
        for patient in trainer.mechanisms[name].draw(patients):
            row[places[patient.patient]] += 1.0
    return drawn


def _p_values(drawn: NDArray[np.float64], rate: float) -> list[float]:
    if drawn.max() > 1.0:
        return [0.0]
    draws, patients = drawn.shape
    p_values = [p_of_count(int(drawn.sum()), drawn.size, rate)]
    p_values += [p_of_count(int(count), draws, rate) for count in drawn.sum(axis=0)]
    if not 0.0 < rate < 1.0:
        return p_values
    p_values.append(_p_of_sizes(drawn.sum(axis=1), patients, rate))
    p_values += [_p_of_product(drawn[lag:], drawn[:-lag], rate) for lag in _lags(draws, rate)]
    return p_values


def _lags(draws: int, rate: float) -> list[int]:
    """Give distances at which whoever takes turns comes again, or is sure not to."""
    turns = round(1.0 / rate)
    return sorted({lag for lag in (1, 2, turns - 1, turns, turns + 1) if 1 <= lag < draws})


def _p_of_sizes(sizes: NDArray[np.float64], patients: int, rate: float) -> float:
    """Give how likely the sizes of Poisson samples vary so much, or so little.

    Source: own derivation; the mean squared deviation from the expected size has variance
    (mu4 - variance^2) / n, with the fourth moment mu4 of the binomial distribution.
    """
    variance = patients * rate * (1.0 - rate)
    fourth = variance * (1.0 + 3.0 * (patients - 2) * rate * (1.0 - rate))
    deviations = (sizes - patients * rate) ** 2
    score = (deviations.mean() - variance) * math.sqrt(sizes.size / (fourth - variance**2))
    return p_of_score(float(score) / _SLACK)


def _p_of_product(one: NDArray[np.float64], other: NDArray[np.float64], rate: float) -> float:
    """Give how likely two independent tables of draws agree so much, or so little."""
    if rate > 0.5:
        one, other, rate = 1.0 - one, 1.0 - other, 1.0 - rate
    if one.size * rate**2 < _FEW_AGREEMENTS:
        return p_of_count(int((one * other).sum()), one.size, rate**2)
    products = (one - rate) * (other - rate)
    spread = rate * (1.0 - rate) * math.sqrt(products.size)
    return p_of_score(float(products.sum()) / spread / _SLACK)
