"""A training's privacy budget: what was declared, what was done, and what was lost.

The history is saved in the same file as the weights. Epsilon is counted from what was done,
never from less than what was declared, and it never goes down.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from medsynth.errors import PrivacyError, RecordError
from medsynth.privacy.accounting import Mechanism, Spent, merged, spent
from medsynth.privacy.mechanism import AppliedUpdates

PATIENT_UNIT = "patient"
# Noise over clipping norm is measured as a quotient, so its last digits may differ.
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class DeclaredMechanism:
    """What a mechanism is to do in every training step.

    Attributes:
        name: whose updates.
        noise_multiplier: standard deviation of the noise over the clipping norm.
        sample_rate: chance of each patient to take part in an update.
        updates_per_step: updates in one training step, each with a draw of its own.
    """

    name: str
    noise_multiplier: float
    sample_rate: float
    updates_per_step: int

    def after(self, steps: int) -> Mechanism:
        """Give all updates of that many training steps."""
        updates = steps * self.updates_per_step
        return Mechanism(self.name, self.noise_multiplier, self.sample_rate, updates)


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a training declares before it starts.

    Attributes:
        declared: its mechanisms, each with a name of its own.
        delta: chance that epsilon does not hold.
        patients: number of training patients, N.
        unit: whom the budget protects.
    """

    declared: tuple[DeclaredMechanism, ...]
    delta: float
    patients: int
    unit: str = PATIENT_UNIT

    def after(self, steps: int) -> tuple[Mechanism, ...]:
        """Give all updates of that many training steps."""
        return merged([mechanism.after(steps) for mechanism in self.declared])


@dataclasses.dataclass(frozen=True)
class BudgetHistory:
    """A training's budget and what of it is used.

    Attributes:
        budget: as declared.
        step: training steps that lead to the weights it is saved with.
        applied: the updates of these steps, as measured where they were made.
        lost_steps: training steps that were charged and whose weights were then lost. They
            may have reached a disk, so they count.
        training_id: the training's name in the cohort's ledger; empty before it has one.
        counter: the ledger's counter when it last charged this training.
    """

    budget: Budget
    step: int = 0
    applied: tuple[Mechanism, ...] = ()
    lost_steps: int = 0
    training_id: str = ""
    counter: int = 0

    @property
    def charged(self) -> tuple[Mechanism, ...]:
        """Give all updates that count: with no more noise than declared, at no lower rate."""
        declared = {mechanism.name: mechanism for mechanism in self.budget.declared}
        done = [_at_least_as_declared(one, declared.get(one.name)) for one in self.applied]
        unseen = [
            dataclasses.replace(one, steps=max(0, one.steps - _steps_of(one.name, self.applied)))
            for one in self.budget.after(self.step)
        ]
        return merged([*done, *unseen, *self.budget.after(self.lost_steps)])

    def spent(self) -> Spent:
        """Give the epsilon of all updates that count, at the declared delta."""
        return spent(self.charged, self.budget.delta)


def applied_mechanisms(applied: Iterable[AppliedUpdates]) -> tuple[Mechanism, ...]:
    """List what private mechanisms did, as `compare` and `advanced` take it.

    Args:
        applied: of each mechanism of a trainer.
    """
    return merged(
        [
            Mechanism(one.name, update.noise_multiplier, update.sample_rate, update.steps)
            for one in applied
            for update in one.updates
        ]
    )


def advanced(history: BudgetHistory, *, step: int, applied: Sequence[Mechanism]) -> BudgetHistory:
    """Move a history on to where its training has come.

    Args:
        history: as it was.
        step: training steps made, lost ones not counted.
        applied: all updates of these steps.

    Returns:
        The new history.

    Raises:
        PrivacyError: what was done contradicts the budget, or the training went back.
    """
    if step < history.step:
        raise PrivacyError(
            f"The training is at step {step}; its budget was charged until step {history.step}. "
            "Expected a training that goes on. Resume it from its last checkpoint."
        )
    compare(history.budget, step, applied)
    return dataclasses.replace(history, step=step, applied=merged(applied))


def compare(budget: Budget, step: int, applied: Sequence[Mechanism]) -> None:
    """Hold what was done against what was declared.

    Args:
        budget: as declared.
        step: training steps made.
        applied: all updates of these steps, as measured where they were made.

    Raises:
        PrivacyError: a mechanism is not declared, had other noise or another rate, or was
            applied another number of times. The message names the first contradiction.
    """
    declared = {mechanism.name: mechanism for mechanism in budget.declared}
    for one in applied:
        wanted = declared.get(one.name)
        if wanted is None:
            raise _contradiction(f"the {one.name} were updated", "no such mechanism")
        if not _is_close(one.noise_multiplier, wanted.noise_multiplier):
            found = f"the {one.name} got noise {one.noise_multiplier:g}"
            raise _contradiction(found, f"noise {wanted.noise_multiplier:g}")
        if not _is_close(one.sample_rate, wanted.sample_rate):
            found = f"the {one.name} drew patients at rate {one.sample_rate:g}"
            raise _contradiction(found, f"rate {wanted.sample_rate:g}")
    for name, wanted in declared.items():
        made, meant = _steps_of(name, applied), wanted.after(step).steps
        if made != meant:
            found = f"the {name} had {made} updates in {step} steps"
            raise _contradiction(found, f"{meant} updates")


def check_unchanged(history: BudgetHistory, budget: Budget) -> None:
    """Hold the settings a training goes on with against those it was begun with.

    Args:
        history: from the training's checkpoint.
        budget: as the settings declare it now.

    Raises:
        PrivacyError: they differ. The message names what.
    """
    begun = history.budget
    pairs: list[tuple[str, object, object]] = [
        ("delta", begun.delta, budget.delta),
        ("number of patients", begun.patients, budget.patients),
        ("unit", begun.unit, budget.unit),
        ("mechanisms", _names(begun), _names(budget)),
    ]
    for one, other in zip(begun.declared, budget.declared, strict=False):
        pairs += [
            (f"noise of the {one.name}", one.noise_multiplier, other.noise_multiplier),
            (f"sample rate of the {one.name}", one.sample_rate, other.sample_rate),
            (f"updates of the {one.name}", one.updates_per_step, other.updates_per_step),
        ]
    for what, before, now in pairs:
        if before != now:
            raise PrivacyError(
                f"The {what} of this training was {before} when it began and is {now} now. "
                "Expected a budget that stays. Put the setting back, or start a new training."
            )


def budget_to_plain(history: BudgetHistory) -> dict[str, Any]:
    """Give a history as plain values, for the file that holds the weights."""
    return dataclasses.asdict(history)


def budget_from_plain(plain: Mapping[str, Any]) -> BudgetHistory:
    """Read what `budget_to_plain` gave.

    Raises:
        RecordError: something is missing or of the wrong kind.
    """
    try:
        budget = plain["budget"]
        return BudgetHistory(
            budget=Budget(
                declared=tuple(_declared_from_plain(one) for one in budget["declared"]),
                delta=float(budget["delta"]),
                patients=int(budget["patients"]),
                unit=str(budget["unit"]),
            ),
            step=int(plain["step"]),
            applied=tuple(mechanism_from_plain(one) for one in plain["applied"]),
            lost_steps=int(plain["lost_steps"]),
            training_id=str(plain["training_id"]),
            counter=int(plain["counter"]),
        )
    except (KeyError, TypeError, ValueError):
        raise RecordError(
            "The checkpoint's privacy budget cannot be read. Expected the history of a private "
            "training. Without it the training cannot go on; start a new one."
        ) from None


def mechanism_from_plain(plain: Mapping[str, Any]) -> Mechanism:
    """Read one mechanism from plain values.

    Raises:
        KeyError, TypeError, ValueError: it is none; the caller knows where it came from.
    """
    return Mechanism(
        name=str(plain["name"]),
        noise_multiplier=float(plain["noise_multiplier"]),
        sample_rate=float(plain["sample_rate"]),
        steps=int(plain["steps"]),
    )


def _names(budget: Budget) -> str:
    return ", ".join(mechanism.name for mechanism in budget.declared) or "none"


def _declared_from_plain(plain: Mapping[str, Any]) -> DeclaredMechanism:
    return DeclaredMechanism(
        name=str(plain["name"]),
        noise_multiplier=float(plain["noise_multiplier"]),
        sample_rate=float(plain["sample_rate"]),
        updates_per_step=int(plain["updates_per_step"]),
    )


def _at_least_as_declared(done: Mechanism, declared: DeclaredMechanism | None) -> Mechanism:
    if declared is None:
        return done
    noise, rate = done.noise_multiplier, done.sample_rate
    if _is_close(noise, declared.noise_multiplier):
        noise = declared.noise_multiplier
    if _is_close(rate, declared.sample_rate):
        rate = declared.sample_rate
    return Mechanism(
        name=done.name,
        noise_multiplier=min(noise, declared.noise_multiplier),
        sample_rate=max(rate, declared.sample_rate),
        steps=done.steps,
    )


def _steps_of(name: str, mechanisms: Sequence[Mechanism]) -> int:
    return sum(one.steps for one in mechanisms if one.name == name)


def _is_close(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= _ROUNDING * abs(wanted)


def _contradiction(found: str, expected: str) -> PrivacyError:
    return PrivacyError(
        f"The training contradicts its privacy budget: {found}. Expected {expected}, as "
        "declared. Throw this training away; its epsilon cannot be claimed."
    )
