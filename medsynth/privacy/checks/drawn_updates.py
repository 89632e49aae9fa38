"""Whether each update is made of its own draw, and of nothing that was there before."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from medsynth.privacy.checks.made_patients import flat_patients
from medsynth.privacy.checks.observed_updates import observed_of_patients, parameter_names
from medsynth.privacy.checks.result import CheckResult, MakeTrainer, judged_by_faults
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, silence
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import PrivateTrainer

_NOBODY: tuple[int, ...] = ()
_ONE = (0,)
_OTHER = (1,)
_BOTH = (0, 1)
# Nobody, one, and three who are equal: their sum must be three times the one's.
_EQUALS = (_NOBODY, _ONE, (0, 1, 2))
_EQUALS_HU = (40, 40, 40)
_STRANGERS_HU = (-200, 300)
_ROUNDS_OF_STRANGERS = 4
_SLIGHT_DISTURBANCE = 0.02
# A share of the clipping norm: rounding in bfloat16 stays below it, another patient does not.
_TOLERANCE = 0.05
_LONGEST = 1.0 + 1e-4


def check_draws(make_trainer: MakeTrainer) -> CheckResult:
    """Write down who is drawn for each update and see whether it is made of these patients.

    Without noise and with weights that stay, an update for nobody must be 0, and one for
    three equal patients three times that for one. It finds batches that updates share,
    draws that are not asked of the entropy or not of patients, such as of series, and sums
    divided by the number who took part.

    Args:
        make_trainer: of the training that is checked.
    """
    patients = flat_patients(_EQUALS_HU)
    updates_a_step = _updates_a_step(make_trainer, patients)
    script = [_EQUALS[(step + update) % 3] for step in range(3) for update in range(updates_a_step)]
    entropy = ScriptedEntropy(iter(script), silence)
    trainer, mechanisms, sums = _updates(make_trainer, patients, entropy, 3)
    faults = ["The updates are not those of the mechanisms."] * (len(sums) != len(script))
    if entropy.sample_sizes != {len(patients)}:
        faults.append("Others were drawn than each patient once.")
    for name in trainer.mechanisms:
        made = [
            (len(drawn), total)
            for drawn, of, total in zip(script, mechanisms, sums, strict=False)
            if of == name
        ]
        faults += _faults_of_multiples(name, made)
    return judged_by_faults(
        "draws",
        faults,
        n=len(sums),
        explanation="Un-noised updates were compared with who was drawn for each.",
    )


def check_memory(make_trainer: MakeTrainer) -> CheckResult:
    """Draw two unlike patients in turn, then together, then nobody.

    Without noise and with weights that stay, each must add the same every time, both
    together the sum of each, and nobody nothing. It finds pools of past slices, and layers
    that mix patients or remember them. A pool that has not given anything back in four
    rounds is not found here, but by the influence on what is saved.

    Args:
        make_trainer: of the training that is checked.
    """
    patients = flat_patients(_STRANGERS_HU)
    updates_a_step = _updates_a_step(make_trainer, patients)
    rounds = [*[_ONE, _OTHER] * _ROUNDS_OF_STRANGERS, _BOTH, _NOBODY]
    script = [drawn for drawn in rounds for _ in range(updates_a_step)]
    entropy = ScriptedEntropy(iter(script), silence)
    trainer, mechanisms, sums = _updates(make_trainer, patients, entropy, len(rounds))
    faults: list[str] = []
    for name in trainer.mechanisms:
        made: dict[tuple[int, ...], list[Tensor]] = {drawn: [] for drawn in rounds}
        for drawn, of, total in zip(script, mechanisms, sums, strict=False):
            if of == name:
                made[drawn].append(total)
        faults += _faults_of_memory(name, made)
    return judged_by_faults(
        "memory",
        faults,
        n=len(sums),
        explanation="Un-noised updates of the same patient were compared at different times.",
    )


def _updates_a_step(make_trainer: MakeTrainer, patients: Sequence[PrivatePatient]) -> int:
    return len(_updates(make_trainer, patients, ScriptedEntropy((), silence), 1)[2])


def _updates(
    make_trainer: MakeTrainer,
    patients: Sequence[PrivatePatient],
    entropy: ScriptedEntropy,
    training_steps: int,
) -> tuple[PrivateTrainer, list[str], list[Tensor]]:
    """Give a trainer, the mechanism of each update, and its sum in clipping norms; weights stay."""
    trainer, seen = observed_of_patients(
        make_trainer,
        patients,
        entropy,
        training_steps=training_steps,
        disturbance=_SLIGHT_DISTURBANCE,
    )
    parameters = parameter_names(trainer)
    names, sums = [], []
    for update in seen.updates:
        for name, mechanism in trainer.mechanisms.items():
            if set(parameters[name]) & update.gradients.keys():
                scale = mechanism.settings.expected_patients / mechanism.settings.clipping_norm
                names.append(name)
                sums.append(scale * update.of(parameters[name]))
    return trainer, names, sums


def _faults_of_multiples(name: str, made: Sequence[tuple[int, Tensor]]) -> Iterator[str]:
    alone = [total for count, total in made if count == 1]
    for count, total in made:
        if count == 0 and bool(total.any()):
            yield f"An update of the {name} for which nobody was drawn was not 0."
        elif not alone or _distance(total, count * alone[0]) > _TOLERANCE * max(count, 1):
            yield f"An update of the {name} was not made of the patients drawn for it."
        elif float(total.norm()) > count * _LONGEST:
            yield f"An update of the {name} was longer than clipping allows."


def _faults_of_memory(name: str, made: dict[tuple[int, ...], list[Tensor]]) -> Iterator[str]:
    if any(not totals for totals in made.values()):
        yield f"The {name} were not updated each time."
        return
    for drawn in (_ONE, _OTHER):
        if any(_distance(total, made[drawn][0]) > _TOLERANCE for total in made[drawn]):
            yield f"A patient added to the {name} what others had left."
    if any(
        _distance(total, made[_ONE][0] + made[_OTHER][0]) > 2.0 * _TOLERANCE
        for total in made[_BOTH]
    ):
        yield f"Two patients together added to the {name} another sum than each alone."
    if any(bool(total.any()) for total in made[_NOBODY]):
        yield f"The {name} changed without patients after some had been drawn."


def _distance(one: Tensor, other: Tensor) -> float:
    if one.shape != other.shape:
        return float("inf")
    distance = float(torch.linalg.vector_norm(one - other))
    return float("inf") if math.isnan(distance) else distance
