"""What a private training will cost and how noisy it will be, before it starts."""

import dataclasses
import math
from typing import Literal

from scipy.special import log_ndtr, ndtr

from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.budget import Budget

# Above it, the noise on a mean gradient drowns what patients have in common.
MOST_NOISE_PER_PATIENT = 0.05
_MOST_TELLING_EPSILON = 10.0


@dataclasses.dataclass(frozen=True)
class Forecast:
    """A private training, foreseen.

    Attributes:
        epsilon: after all steps, by the accountant named.
        rdp_epsilon: the looser Rényi bound.
        accountant: whose bound epsilon is.
        reason: why it is not the tighter one's; empty where it is.
        delta: chance that epsilon does not hold.
        patients: number of training patients, N.
        steps: training steps.
        mechanisms: all updates.
        noise_multiplier: of the noisiest mechanism, in clipping norms.
        sample_rate: of the same mechanism.
        expected_batch: patients in an update of it, on average.
        noise_per_patient: its noise over its expected batch, in clipping norms.
        whole_cohort_noise_per_patient: the same at this epsilon, if every update took all
            patients: the least that this cohort allows. 0 where epsilon is infinite.
        enough_patients: a cohort whose noise per patient would be `MOST_NOISE_PER_PATIENT`, at
            the same noise and sample rate.
    """

    epsilon: float
    rdp_epsilon: float
    accountant: Literal["prv", "rdp"]
    reason: str
    delta: float
    patients: int
    steps: int
    mechanisms: tuple[Mechanism, ...]
    noise_multiplier: float
    sample_rate: float
    expected_batch: float
    noise_per_patient: float
    whole_cohort_noise_per_patient: float
    enough_patients: int


def forecast(budget: Budget, *, steps: int, lost_steps: int = 0) -> Forecast:
    """Foresee a training's epsilon and noise.

    Args:
        budget: as declared; with at least one mechanism that samples somebody.
        steps: training steps planned.
        lost_steps: steps that count, too, and lead to no weights.

    Raises:
        ConfigurationError: delta, a noise or a rate is out of range.
    """
    mechanisms = budget.after(steps + lost_steps)
    cost = spent(mechanisms, budget.delta)
    noisiest = max(budget.declared, key=lambda one: one.noise_multiplier / one.sample_rate)
    expected_batch = noisiest.sample_rate * budget.patients
    updates = sum(one.steps for one in mechanisms)
    least_noise = _noise_without_sampling(cost.epsilon, budget.delta, updates)
    return Forecast(
        epsilon=cost.epsilon,
        rdp_epsilon=cost.rdp_epsilon,
        accountant=cost.accountant,
        reason=cost.reason,
        delta=budget.delta,
        patients=budget.patients,
        steps=steps,
        mechanisms=mechanisms,
        noise_multiplier=noisiest.noise_multiplier,
        sample_rate=noisiest.sample_rate,
        expected_batch=expected_batch,
        noise_per_patient=noisiest.noise_multiplier / expected_batch,
        whole_cohort_noise_per_patient=least_noise / budget.patients,
        enough_patients=math.ceil(
            noisiest.noise_multiplier / (MOST_NOISE_PER_PATIENT * noisiest.sample_rate)
        ),
    )


def forecast_lines(foreseen: Forecast) -> tuple[str, ...]:
    """Put a forecast into sentences for the console."""
    updates = ", ".join(f"{one.steps} of the {one.name}" for one in foreseen.mechanisms) or "none"
    return (
        f"Epsilon {foreseen.epsilon:.2f} at delta {foreseen.delta:.2g} for each of "
        f"{foreseen.patients} patients after {foreseen.steps} steps "
        f"({foreseen.accountant.upper()} accountant; Rényi bound {foreseen.rdp_epsilon:.2f}).",
        f"Updates: {updates}. About {foreseen.expected_batch:.3g} patients take part in each.",
        f"Noise: {foreseen.noise_multiplier:.3g} clipping norms an update, "
        f"{foreseen.noise_per_patient:.2g} a patient.",
    )


def forecast_warnings(foreseen: Forecast) -> tuple[str, ...]:
    """Say plainly what speaks against starting a training.

    Returns:
        Sentences; none where nothing does.
    """
    warnings = []
    if foreseen.reason:
        warnings.append(f"{foreseen.reason} Epsilon is the looser Rényi bound.")
    if foreseen.epsilon > _MOST_TELLING_EPSILON:
        warnings.append(
            f"Epsilon {foreseen.epsilon:.3g} is above {_MOST_TELLING_EPSILON:g}: as a promise to "
            "a patient it says little. Plan more noise or fewer steps."
        )
    least = foreseen.whole_cohort_noise_per_patient
    if least > MOST_NOISE_PER_PATIENT:
        warnings.append(
            f"{foreseen.patients} patients are too few to learn from at this epsilon: even if all "
            f"took part in every update, the noise would be {least:.2g} clipping norms a patient; "
            f"{MOST_NOISE_PER_PATIENT:g} is the most that leaves something to learn. Expect "
            "noise. Use the public start as it is, or take more patients or fewer steps."
        )
    elif foreseen.noise_per_patient > MOST_NOISE_PER_PATIENT:
        warnings.append(
            f"The noise of {foreseen.noise_per_patient:.2g} clipping norms a patient is above "
            f"{MOST_NOISE_PER_PATIENT:g}: expect to learn little. At this sample rate it takes "
            f"about {foreseen.enough_patients} patients; or sample more of them for each update, "
            "with the noise that keeps epsilon."
        )
    return tuple(warnings)


def _noise_without_sampling(epsilon: float, delta: float, updates: int) -> float:
    """Give the noise multiplier of so many updates of everybody, for an epsilon.

    Source: Balle and Wang 2018, arXiv 1805.06530, theorem 8, at sensitivity over noise mu.
    """
    if not math.isfinite(epsilon) or updates == 0:
        return 0.0
    low, high = 1e-6, 1e3
    while high / low > 1 + 1e-9:
        mu = math.sqrt(low * high)
        if _delta_of(mu, epsilon) <= delta:
            low = mu
        else:
            high = mu
    return math.sqrt(updates) / low


def _delta_of(mu: float, epsilon: float) -> float:
    shift = epsilon / mu
    return float(ndtr(mu / 2 - shift) - math.exp(epsilon + float(log_ndtr(-mu / 2 - shift))))
