"""Whether anything of a patient gets past the noise into what is saved."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from medsynth.privacy.checks.made_patients import flat_patients
from medsynth.privacy.checks.result import CheckResult, MakeTrainer, judged_by_faults
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, flood

_HERE_HU = (-250, 30, 60)
_THERE_HU = (900, 200, -100)
_TRAINING_STEPS = 2
_EVERYBODY = (0, 1, 2)
_UPDATES_AT_MOST = 64
# In shares of a tensor's largest value. What the noise drowns is below 1e-7 of it.
_TOLERANCE = 1e-5


def check_influence(make_trainer: MakeTrainer) -> CheckResult:
    """Train on two cohorts that are nothing alike, with equal noise that drowns them.

    All that is saved must then be equal: weights, averages, optimisers, records. It finds
    whatever of the patients goes around the noise: networks that learn without it, weights
    saved before it, pools, statistics, losses kept. What is not in `state` is not seen here.

    Args:
        make_trainer: of the training that is checked.
    """
    states = [_leaves_after_training(make_trainer, values) for values in (_HERE_HU, _THERE_HU)]
    here, there = states
    faults = []
    if here.keys() != there.keys():
        faults.append("What is saved has other parts for other patients.")
    differing = sorted(
        {_part(name) for name in here.keys() & there.keys() if _differ(here[name], there[name])}
    )
    if differing:
        faults.append(f"What is saved differs with the patients in: {', '.join(differing)}.")
    return judged_by_faults(
        "influence",
        faults,
        n=len(here),
        explanation="All that is saved was compared between two cohorts that the noise drowned.",
    )


def _leaves_after_training(
    make_trainer: MakeTrainer, values_hu: tuple[int, ...]
) -> dict[tuple[str, ...], Tensor]:
    entropy = ScriptedEntropy([_EVERYBODY] * _UPDATES_AT_MOST, flood(0))
    trainer = make_trainer(flat_patients(values_hu), entropy)
    for _ in range(_TRAINING_STEPS):
        trainer.train_step(learning_rate_factor=1.0)
    leaves = dict(_leaves(trainer.state(), ("state",)))
    for name, network in (*trainer.networks.named(), *trainer.averaged.items()):
        leaves.update(_leaves(network.state_dict(), ("networks", name)))
    return leaves


def _leaves(value: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """Give each number or tensor that is kept, with where it is."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part, (*place, str(name)))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _leaves(part, (*place, str(number)))
    elif isinstance(value, Tensor):
        yield place, value.detach().double().cpu()
    elif isinstance(value, bool | int | float):
        yield place, torch.tensor(float(value), dtype=torch.float64)
    elif value is not None:
        # A word or an object: it is compared by what it says of itself.
        yield (*place, repr(value)), torch.zeros(())


def _differ(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return True
    if one.numel() == 0:
        return False
    # Written so that what is no number differs.
    return not float((one - other).abs().max()) <= _TOLERANCE * float(other.abs().max())


def _part(place: tuple[str, ...]) -> str:
    return ".".join(place[1:3])
