"""Whether every update carries the noise that is claimed, and whether it is chance."""

import dataclasses
import math
import random
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from medsynth.privacy.checks.made_patients import flat_patients
from medsynth.privacy.checks.observed_updates import (
    ObservedUpdate,
    observed_of_patients,
    parameter_names,
)
from medsynth.privacy.checks.result import (
    FALSE_ALARM,
    CheckResult,
    Claim,
    MakeTrainer,
    judged_by_chance,
    judged_by_faults,
)
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, silence
from medsynth.privacy.checks.tests_of_chance import (
    p_of_agreement,
    p_of_score,
    p_of_shape,
    p_of_spread,
    spread_bounds,
)
from medsynth.privacy.entropy import SystemEntropy
from medsynth.privacy.private_trainer import PrivateTrainer

# Mechanisms of few parameters have few values of noise an update, and make more updates.
_VALUES = 100_000
_FEWEST_STEPS, _MOST_STEPS = 4, 400
_PATIENTS_HU = (0, 40, 80)
# Sorting more would tell no more about the shape.
_VALUES_FOR_SHAPE = 200_000
_SEEDED_STEPS = 3
_MOST_UPDATES_A_STEP = 64
# Values of noise, one array a parameter.
Layers = Mapping[str, NDArray[np.float64]]


def check_noise(make_trainer: MakeTrainer, claim: Claim) -> CheckResult:
    """Look at updates for which nobody was drawn: they must be noise alone, all of it.

    So must be updates for which patients were drawn, less what they are without noise.

    It finds noise that is too weak or too strong in any of the updates or of the layers, a
    parameter that is left without, another distribution, and noise that repeats. With the
    default networks, a spread that is wrong by 1 % is found; in a layer of few parameters
    only one that is wrong by far.

    Args:
        make_trainer: of the training that is checked.
        claim: what is said of it.
    """
    p_values: list[float] = []
    spreads: list[tuple[float, float]] = []
    count = 0
    beside_patients = _noise_beside_patients(make_trainer, claim)
    for name in beside_patients:
        rows = _noise_of(make_trainer, claim, name)
        p_values += _p_values(rows)
        p_values += _p_values(beside_patients[name])
        values = _joined(rows)
        count += values.size
        spreads.append(spread_bounds(float(values @ values), max(1, values.size), 0.025))
    return judged_by_chance(
        "noise",
        p_values,
        n=count,
        interval=min(spreads),
        explanation=(
            "Updates for which nobody was drawn were compared with the noise that is claimed; "
            "the interval is that of the weaker mechanism's standard deviation over the claimed."
        ),
    )


def check_noise_source(make_trainer: MakeTrainer) -> CheckResult:
    """See whether noise and draws come from the entropy that is handed in, and from nowhere else.

    It finds chance that a seed can repeat: of PyTorch, of NumPy, of Python, or one of the
    training's own. It does not judge the operating system's entropy itself.

    Args:
        make_trainer: of the training that is checked.
    """
    _, seen = observed_of_patients(
        make_trainer, flat_patients(_PATIENTS_HU), ScriptedEntropy((), silence), training_steps=1
    )
    faults = []
    if any(bool(g.any()) for update in seen.updates for g in update.gradients.values()):
        faults.append("Noise was added although the entropy gave none.")
    one, other = _chance_after_seeding(make_trainer), _chance_after_seeding(make_trainer)
    if not (one.noise.any() and other.noise.any()):
        faults.append("Updates without patients carried no noise.")
    elif np.isclose(one.noise, other.noise, rtol=1e-6, atol=0.0).mean() > 0.5:
        faults.append("After equal seeds, noise agrees.")
    if one.drawn is not None and one.drawn == other.drawn:
        faults.append("After equal seeds, the same patients are drawn.")
    return judged_by_faults(
        "noise_source",
        faults,
        n=one.noise.size,
        explanation="Noise was asked for with an entropy that gives none, and after equal seeds.",
    )


def noise_scale(clipping_norm: float, claim: Claim, name: str) -> float:
    """Give the standard deviation of the noise on a sum, as claimed; infinite without a claim.

    Args:
        clipping_norm: of the mechanism.
        claim: of the training.
        name: of the mechanism.
    """
    claimed = claim.named(name)
    if not claimed:
        return math.inf
    return clipping_norm * min(one.noise_multiplier for one in claimed)


@dataclasses.dataclass(frozen=True)
class _Chance:
    """Noise of some training steps, and for each mechanism who was drawn, unless all always are."""

    noise: NDArray[np.float64]
    drawn: tuple[tuple[str, ...], ...] | None


def _quiet_trainer(make_trainer: MakeTrainer) -> PrivateTrainer:
    return make_trainer(flat_patients(_PATIENTS_HU), ScriptedEntropy((), silence))


def _noise_of(make_trainer: MakeTrainer, claim: Claim, name: str) -> list[Layers]:
    """Give the noise of updates for which nobody was drawn."""
    parameters = _quiet_trainer(make_trainer).mechanisms[name].parameters
    size = sum(parameter.numel() for parameter in parameters)
    steps = min(max(_FEWEST_STEPS, math.ceil(_VALUES / size)), _MOST_STEPS)
    entropy = ScriptedEntropy((), SystemEntropy().normal)
    return _updates_of(make_trainer, claim, (name,), entropy, steps)[name]


def _noise_beside_patients(make_trainer: MakeTrainer, claim: Claim) -> dict[str, list[Layers]]:
    """Give the noise of one step's updates of patients: those with noise less those without."""
    everybody = [tuple(range(len(_PATIENTS_HU)))] * _MOST_UPDATES_A_STEP
    names = tuple(_quiet_trainer(make_trainer).mechanisms)
    noisy, quiet = (
        _updates_of(make_trainer, claim, names, ScriptedEntropy(everybody, noise), 1)
        for noise in (SystemEntropy().normal, silence)
    )
    less: dict[str, list[Layers]] = {}
    for name in names:
        pairs = zip(noisy[name], quiet[name], strict=False)
        less[name] = [{layer: one[layer] - other[layer] for layer in one} for one, other in pairs]
    return less


def _updates_of(
    make_trainer: MakeTrainer,
    claim: Claim,
    names: tuple[str, ...],
    entropy: ScriptedEntropy,
    steps: int,
) -> dict[str, list[Layers]]:
    """Give each update of some mechanisms, in standard deviations of the noise claimed of each."""
    parameters = parameter_names(_quiet_trainer(make_trainer))
    trainer, seen = observed_of_patients(
        make_trainer,
        flat_patients(_PATIENTS_HU),
        entropy,
        training_steps=steps,
        only=[parameter for name in names for parameter in parameters[name]],
    )
    found: dict[str, list[Layers]] = {}
    for name in names:
        settings = trainer.mechanisms[name].settings
        scale = settings.expected_patients / noise_scale(settings.clipping_norm, claim, name)
        found[name] = [
            {one: scale * _gradient(update, one) for one in parameters[name]}
            for update in seen.updates_of(parameters[name])
        ]
    return found


def _gradient(update: ObservedUpdate, name: str) -> NDArray[np.float64]:
    found = update.gradients.get(name)
    return np.zeros(1) if found is None else found.numpy().ravel()


def _p_values(rows: Sequence[Layers]) -> list[float]:
    """Give p-values of updates' noise; 0 where a parameter had none."""
    if not rows or not all(layer.all() for row in rows for layer in row.values()):
        return [0.0]
    updates = [_joined([row]) for row in rows]
    values = np.concatenate(updates)
    p_values = [p_of_spread(float(drawn @ drawn), drawn.size) for drawn in (values, *updates)]
    for name in rows[0]:
        layer = np.concatenate([row[name] for row in rows])
        p_values.append(p_of_spread(float(layer @ layer), layer.size))
    p_values.append(p_of_score(float(values.sum()) / math.sqrt(values.size)))
    p_values.append(p_of_shape(values[:_VALUES_FOR_SHAPE]))
    p_values.append(_p_of_repetition(np.stack(updates)))
    return p_values


def _p_of_repetition(updates: NDArray[np.float64]) -> float:
    """Bound how likely any two updates' noise, (updates, values), agree so much."""
    products = np.abs(updates @ updates.T)[np.triu_indices(len(updates), 1)]
    if products.size == 0:
        return 1.0
    return min(1.0, products.size * p_of_agreement(float(products.max()), updates.shape[1]))


def _joined(rows: Sequence[Layers]) -> NDArray[np.float64]:
    return np.concatenate([values for row in rows for values in row.values()] or [np.zeros(0)])


def _chance_after_seeding(make_trainer: MakeTrainer) -> _Chance:
    """Give the chance of a training that begins with every seed at 0; the states are put back."""
    # A training may be seeded by these old global states, so the check must set them.
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            np.random.seed(0)  # noqa: NPY002
            random.seed(0)
            return _chance(make_trainer)
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)


def _chance(make_trainer: MakeTrainer) -> _Chance:
    patients = flat_patients(_PATIENTS_HU)
    entropy = ScriptedEntropy((), SystemEntropy().normal)
    noisy, seen = observed_of_patients(
        make_trainer, patients, entropy, training_steps=_SEEDED_STEPS
    )
    parts = [g.numpy().ravel() for update in seen.updates for g in update.gradients.values()]
    noise = np.concatenate(parts or [np.zeros(0)])
    rates = [mechanism.settings.sample_rate for mechanism in noisy.mechanisms.values()]
    spare = min(rate * (1.0 - rate) for rate in rates)
    if spare <= 0.0:
        return _Chance(noise, None)
    # So many that independent draws agree less often than a check may raise a false alarm.
    many = flat_patients([0] * math.ceil(-math.log(FALSE_ALARM) / (2.0 * spare)))
    drawing = make_trainer(patients, SystemEntropy())
    return _Chance(
        noise,
        tuple(
            tuple(one.patient for one in mechanism.draw(many))
            for mechanism in drawing.mechanisms.values()
        ),
    )
