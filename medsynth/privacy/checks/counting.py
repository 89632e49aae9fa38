"""Whether every change of the weights is an update that is counted as it was made."""

import math
from collections.abc import Iterator

from medsynth.errors import RecordError
from medsynth.privacy.checks.made_patients import flat_patients
from medsynth.privacy.checks.observed_updates import (
    Observation,
    ObservedUpdate,
    free_names,
    observed,
    parameter_names,
)
from medsynth.privacy.checks.result import CheckResult, Claim, MakeTrainer, judged_by_faults
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, silence
from medsynth.privacy.entropy import SystemEntropy
from medsynth.privacy.private_trainer import PrivateTrainer

_PATIENTS_HU = (0, 40)
_TRAINING_STEPS = 2
_EVERYBODY = (0, 1)


def check_counting(make_trainer: MakeTrainer, claim: Claim) -> CheckResult:
    """Train, and hold what the optimisers did against what is recorded, saved and claimed.

    Updates of what the trainer says it learns freely belong to no mechanism and are not counted;
    whether they are free is seen by the check of free updates.

    It finds networks that learn outside of a mechanism, updates that are not recorded or
    not claimed, records of other noise or another rate, records that are lost in saving,
    and losses that leave the step.

    Args:
        make_trainer: of the training that is checked.
        claim: what is said of it.
    """
    entropy = ScriptedEntropy([_EVERYBODY], SystemEntropy().normal)
    trainer = make_trainer(flat_patients(_PATIENTS_HU), entropy)
    seen = observed(trainer, training_steps=_TRAINING_STEPS, learning_rate_factor=1.0)
    faults = [*_faults_of_watching(trainer, seen), *_faults_of_saving(make_trainer, trainer)]
    noised = frozenset().union(*parameter_names(trainer).values())
    if entropy.normal_values < sum(_size(update, noised) for update in seen.updates):
        faults.append("Fewer values of noise were drawn than parameters were changed.")
    for name, updates in updates_a_step(trainer, seen).items():
        faults += _faults_of_record(name, trainer, claim, round(updates * _TRAINING_STEPS))
        faults += _faults_of_claim(name, claim, updates)
    return judged_by_faults(
        "counting",
        faults,
        n=len(seen.updates),
        explanation="Steps of the optimisers were held against the record and the claim.",
    )


def updates_a_step(trainer: PrivateTrainer, seen: Observation) -> dict[str, float]:
    """Give how many updates each mechanism's parameters had in a training step.

    Args:
        trainer: that was observed.
        seen: what it did from its first step on.
    """
    return {
        name: len(seen.updates_of(parameters)) / trainer.step
        for name, parameters in parameter_names(trainer).items()
    }


def _faults_of_watching(trainer: PrivateTrainer, seen: Observation) -> Iterator[str]:
    if seen.something_returned:
        yield "A training step gave something back."
    if seen.changed_between:
        networks = sorted({name.split(".")[0] for name in seen.changed_between})
        yield f"Weights changed outside of an update: {', '.join(networks)}."
    owned = [frozenset(parameters) for parameters in parameter_names(trainer).values()]
    free = free_names(trainer)
    if any(free & names for names in owned):
        yield "Parameters that patients move are said to be learnt without them."
    for update in seen.updates:
        if update.gradients and not any(
            update.gradients.keys() <= names for names in (*owned, free)
        ):
            yield "An update moved parameters that belong to no mechanism, or to several."


def _faults_of_saving(make_trainer: MakeTrainer, trainer: PrivateTrainer) -> Iterator[str]:
    restored = make_trainer(flat_patients(_PATIENTS_HU), ScriptedEntropy((), silence))
    try:
        restored.restore(trainer.state())
    except RecordError:
        yield "What is saved does not account for the updates of its weights."
        return
    for name, mechanism in restored.mechanisms.items():
        if mechanism.applied != trainer.mechanisms[name].applied:
            yield f"The record of the {name} is another one after saving."


def _faults_of_record(
    name: str, trainer: PrivateTrainer, claim: Claim, updates: int
) -> Iterator[str]:
    applied = trainer.mechanisms[name].applied
    if applied.steps != updates:
        yield f"The {name} made {updates} updates and recorded {applied.steps}."
    claimed = claim.named(name)
    for made in applied.updates:
        if not any(
            math.isclose(made.noise_multiplier, one.noise_multiplier, rel_tol=1e-6)
            and math.isclose(made.sample_rate, one.sample_rate, rel_tol=1e-6)
            for one in claimed
        ):
            yield f"The {name} recorded a noise or a rate that is not claimed."


def _faults_of_claim(name: str, claim: Claim, updates: float) -> Iterator[str]:
    claimed = sum(one.steps for one in claim.named(name))
    made = round(updates * claim.training_steps)
    if claimed < made:
        yield f"The {name} make {made} updates in all and {claimed} are claimed."


def _size(update: ObservedUpdate, names: frozenset[str]) -> int:
    return sum(gradient.numel() for name, gradient in update.gradients.items() if name in names)
