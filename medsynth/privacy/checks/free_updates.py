"""Whether what is said to be learnt without patients is learnt without them."""

from collections.abc import Iterator, Sequence

import torch

from medsynth.privacy.checks.made_patients import disturb, flat_patients
from medsynth.privacy.checks.observed_updates import ObservedUpdate, free_names, observed
from medsynth.privacy.checks.result import CheckResult, MakeTrainer, judged_by_faults
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, silence

_HERE_HU = (-250, 30, 60)
_THERE_HU = (900, 200, -100)
_EVERYBODY = (0, 1, 2)
_TRAINING_STEPS = 2
_MOST_UPDATES = 64
_SLIGHT_DISTURBANCE = 0.02


def check_free_updates(make_trainer: MakeTrainer) -> CheckResult:
    """Train on two cohorts that are nothing alike, and compare updates to the last bit.

    Without noise and with nobody drawn, every update must be equal: those of patients, which
    may hold a part from public scans, as well as the free ones. With everybody drawn and weights
    that stay, the free ones must still be equal. It finds private slices in a free update, in
    another network's loss, and in the part of a private update that is not noised.

    Args:
        make_trainer: of the training that is checked.
    """
    faults: list[str] = []
    compared = 0
    for drawn, factor in (((), 1.0), (_EVERYBODY, 0.0)):
        here, there = (
            _updates(make_trainer, values, drawn, learning_rate_factor=factor)
            for values in (_HERE_HU, _THERE_HU)
        )
        compared += len(here)
        faults += _faults(here, there, when="drawn" if drawn else "not drawn")
    return judged_by_faults(
        "free_updates",
        faults,
        n=compared,
        explanation="Updates without patients were compared bit by bit between two cohorts.",
    )


def _updates(
    make_trainer: MakeTrainer,
    values_hu: tuple[int, ...],
    drawn: tuple[int, ...],
    *,
    learning_rate_factor: float,
) -> list[ObservedUpdate]:
    """Give all updates where nobody is drawn, and else the free ones."""
    trainer = make_trainer(
        flat_patients(values_hu), ScriptedEntropy([drawn] * _MOST_UPDATES, silence)
    )
    # Fresh networks begin with layers of zeros, behind which nothing would be seen.
    disturb(trainer, _SLIGHT_DISTURBANCE)
    free = free_names(trainer)
    seen = observed(
        trainer, training_steps=_TRAINING_STEPS, learning_rate_factor=learning_rate_factor
    )
    return [one for one in seen.updates if not drawn or one.gradients.keys() <= free]


def _faults(
    here: Sequence[ObservedUpdate], there: Sequence[ObservedUpdate], *, when: str
) -> Iterator[str]:
    if len(here) != len(there):
        yield f"Patients who were {when} changed the number of updates."
        return
    differing = {
        name.split(".")[0]
        for one, other in zip(here, there, strict=True)
        for name in one.gradients.keys() | other.gradients.keys()
        if not _is_equal(one, other, name)
    }
    if differing:
        yield f"Patients who were {when} changed updates of: {', '.join(sorted(differing))}."


def _is_equal(one: ObservedUpdate, other: ObservedUpdate, name: str) -> bool:
    if name not in one.gradients or name not in other.gradients:
        return False
    return torch.equal(one.gradients[name], other.gradients[name])
