"""What a trainer really does to weights, seen at the optimisers and not told by the trainer."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from medsynth.privacy.checks.made_patients import disturb, flattened
from medsynth.privacy.checks.result import MakeTrainer
from medsynth.privacy.checks.scripted_entropy import ScriptedEntropy, silence
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import PrivateTrainer


@dataclasses.dataclass(frozen=True)
class ObservedUpdate:
    """One step of an optimiser.

    Attributes:
        gradients: parameter, named by network and place -> what the optimiser was given.
    """

    gradients: Mapping[str, Tensor]

    def of(self, parameters: Sequence[str]) -> Tensor:
        """Give the gradients of some parameters as one vector; 0 where there are none."""
        return flattened([self.gradients[name] for name in parameters if name in self.gradients])

    def less(self, other: "ObservedUpdate") -> "ObservedUpdate":
        """Give what is left of the gradients when another update's are taken off."""
        return ObservedUpdate(
            {
                name: gradient - other.gradients[name] if name in other.gradients else gradient
                for name, gradient in self.gradients.items()
            }
        )


@dataclasses.dataclass(frozen=True)
class Observation:
    """What was seen while a trainer trained.

    Attributes:
        updates: steps of optimisers, in order.
        changed_between: parameters that changed although no optimiser stepped.
        something_returned: whether `train_step` gave anything back.
    """

    updates: tuple[ObservedUpdate, ...]
    changed_between: frozenset[str]
    something_returned: bool

    def updates_of(self, parameters: Sequence[str]) -> list[ObservedUpdate]:
        """Give the updates of at least one of some parameters."""
        wanted = set(parameters)
        return [update for update in self.updates if wanted & update.gradients.keys()]


def observed(
    trainer: PrivateTrainer,
    *,
    training_steps: int,
    learning_rate_factor: float,
    only: Sequence[str] | None = None,
) -> Observation:
    """Train some steps and write down what happens to each parameter.

    Args:
        trainer: any; it is trained.
        training_steps: calls of `train_step`.
        learning_rate_factor: 0 leaves the weights as they are.
        only: names of the parameters whose gradients are wanted; None wants all.
    """
    watcher = _Watcher(trainer, only)
    returned = False
    with watcher.watching():
        for _ in range(training_steps):
            # Called through a name without a type: the promise to return nothing is checked.
            step: Any = trainer.train_step
            returned = step(learning_rate_factor=learning_rate_factor) is not None or returned
    watcher.look_for_changes()
    return Observation(tuple(watcher.updates), frozenset(watcher.changed), returned)


def observed_of_patients(
    make_trainer: MakeTrainer,
    patients: Sequence[PrivatePatient],
    entropy: Entropy,
    *,
    training_steps: int,
    disturbance: float = 0.0,
    only: Sequence[str] | None = None,
) -> tuple[PrivateTrainer, Observation]:
    """Watch updates at weights that stay, less what would be in them without patients and noise.

    In a trainer that learns nothing freely there is nothing to take off, and nothing is. Where
    something is, that it is nobody's must be seen elsewhere: by the check of free updates.

    Args:
        make_trainer: of the training that is checked.
        patients: made-up ones.
        entropy: draws them, and gives noise.
        training_steps: calls of `train_step`.
        disturbance: standard deviation by which the weights are moved first.
        only: names of the parameters whose gradients are wanted; None wants all.

    Returns:
        The trainer; what was seen of its mechanisms' updates, without the free ones.
    """

    def watched(chance: Entropy) -> tuple[PrivateTrainer, Observation]:
        trainer = make_trainer(patients, chance)
        disturb(trainer, disturbance)
        return trainer, observed(
            trainer, training_steps=training_steps, learning_rate_factor=0.0, only=only
        )

    trainer, seen = watched(entropy)
    if not trainer.free_parameters:
        return trainer, seen
    free = free_names(trainer)
    _, of_nobody = watched(ScriptedEntropy((), silence))
    updates, public = (
        [update for update in one.updates if not update.gradients.keys() <= free]
        for one in (seen, of_nobody)
    )
    # Where there are not as many, an update was left out for want of patients: let it be seen.
    if len(updates) == len(public):
        updates = [one.less(other) for one, other in zip(updates, public, strict=True)]
    return trainer, dataclasses.replace(seen, updates=tuple(updates))


def free_names(trainer: PrivateTrainer) -> frozenset[str]:
    """Give the names of the parameters that a trainer says it learns without patients."""
    names = {id(parameter): name for name, parameter in _named_parameters(trainer).items()}
    return frozenset(names[id(parameter)] for parameter in trainer.free_parameters)


def parameter_names(trainer: PrivateTrainer) -> dict[str, tuple[str, ...]]:
    """Give the names of each mechanism's parameters, in the mechanism's order."""
    names = {id(parameter): name for name, parameter in _named_parameters(trainer).items()}
    return {
        mechanism_name: tuple(names[id(parameter)] for parameter in mechanism.parameters)
        for mechanism_name, mechanism in trainer.mechanisms.items()
    }


class _Watcher:
    def __init__(self, trainer: PrivateTrainer, only: Sequence[str] | None) -> None:
        self.updates: list[ObservedUpdate] = []
        self.changed: set[str] = set()
        self._parameters = _named_parameters(trainer)
        self._names = {
            id(parameter): name
            for name, parameter in self._parameters.items()
            if only is None or name in only
        }
        self._seen = self._copied()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        before = register_optimizer_step_pre_hook(self._before)
        after = register_optimizer_step_post_hook(self._after)
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def look_for_changes(self) -> None:
        for name, parameter in self._parameters.items():
            if not torch.equal(parameter.detach(), self._seen[name]):
                self.changed.add(name)

    def _before(self, optimiser: Optimizer, _args: Any, _kwargs: Any) -> None:
        self.look_for_changes()
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        self.updates.append(
            ObservedUpdate(
                {
                    self._names[id(p)]: p.grad.detach().double().cpu()
                    for p in parameters
                    if p.grad is not None and id(p) in self._names
                }
            )
        )

    def _after(self, _optimiser: Optimizer, _args: Any, _kwargs: Any) -> None:
        self._seen = self._copied()

    def _copied(self) -> dict[str, Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self._parameters.items()}


def _named_parameters(trainer: PrivateTrainer) -> dict[str, torch.nn.Parameter]:
    return {
        f"{network_name}.{name}": parameter
        for network_name, network in trainer.networks.named()
        for name, parameter in network.named_parameters()
    }
