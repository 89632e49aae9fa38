"""What a ledger refuses: trainings that do not fit it, go back, or pass a patient's total."""

import math
from collections.abc import Sequence

from medsynth.errors import PrivacyError
from medsynth.privacy.accounting import Mechanism
from medsynth.privacy.budget import BudgetHistory, DeclaredMechanism
from medsynth.privacy.exposure import Exposure, check_persons, largest_total
from medsynth.privacy.fingerprints import PatientMarks
from medsynth.privacy.ledger_file import LedgerContent, TrainingAccount

_ROUNDING = 1e-9


def exposure_of(account: TrainingAccount, mechanisms: Sequence[Mechanism]) -> Exposure:
    """Give what updates of a training mean for its patients' totals."""
    return Exposure(account.patients, tuple(mechanisms), account.delta)


def account_of(content: LedgerContent, training_id: str, counter: int) -> TrainingAccount:
    """Give a training's account in a ledger that is not older than what is known of it.

    Args:
        content: of the ledger.
        training_id: the training's name there.
        counter: of the ledger when that training was last charged.

    Raises:
        PrivacyError: there is none, or the ledger is older.
    """
    account = content.account(training_id)
    if account is None:
        raise unknown_training()
    if content.counter < counter:
        raise PrivacyError(
            f"The ledger has been written {content.counter} times; when this training was last "
            f"charged, it had been {counter} times. Expected a ledger that only grows. "
            "Bring back the newer ledger."
        )
    return account


def check_same_training(
    account: TrainingAccount, history: BudgetHistory, patients: Sequence[PatientMarks]
) -> None:
    """Hold a checkpoint against what the ledger knows of its training.

    Raises:
        PrivacyError: the patients, the mechanisms or delta differ.
    """
    if sorted(one.marks for one in account.patients) != sorted(one.marks for one in patients):
        raise PrivacyError(
            "The ledger knows this training with other patients. Expected the same patients "
            "with the same slices. Bring back the prepared cohort, or start a new training."
        )
    wanted = {one.name: one for one in history.budget.declared}
    known = (*account.planned, *account.charged)
    is_same = account.delta == history.budget.delta and all(
        one.name in wanted and _is_as_declared(one, wanted[one.name]) for one in known
    )
    if not is_same:
        raise PrivacyError(
            "The ledger knows this training with another noise, rate or delta. Expected those "
            "of its checkpoint. Bring back the ledger and the checkpoint that belong together."
        )


def newly_lost_steps(account: TrainingAccount, history: BudgetHistory) -> int:
    """Count the training steps that were charged and are not in the checkpoint.

    Raises:
        PrivacyError: the checkpoint holds more than was charged.
    """
    lost = 0
    for one in history.budget.declared:
        missing = _steps(account.charged, one.name) - _steps(history.charged, one.name)
        if missing < 0:
            raise PrivacyError(
                f"The ledger was charged {-missing} updates of the {one.name} fewer than the "
                "checkpoint holds. Expected it to be charged first. Bring back the newer ledger."
            )
        lost = max(lost, math.ceil(missing / one.updates_per_step))
    return lost


def check_charge(account: TrainingAccount, history: BudgetHistory) -> None:
    """Hold a charge against what was charged and planned.

    Raises:
        PrivacyError: the training has ended, goes on elsewhere, goes back, or passes its plan.
    """
    if account.has_ended:
        raise PrivacyError(
            "This training has ended in the ledger. Expected a training that was begun or "
            "resumed. Resume it first."
        )
    if account.written != history.counter:
        raise PrivacyError(
            "Another process has gone on with this training since it was last charged. Expected "
            "one at a time. End this one, and resume from the last checkpoint."
        )
    for name in sorted({one.name for one in (*account.charged, *history.charged)}):
        charged = _steps(account.charged, name)
        steps, planned = _steps(history.charged, name), _steps(account.planned, name)
        if not charged <= steps <= planned:
            raise PrivacyError(
                f"The {name} are to be charged {steps} updates. Expected from {charged}, charged "
                f"already, to {planned}, planned. Resume the training from its last checkpoint."
            )


def check_total(content: LedgerContent, training_id: str, total_epsilon: float | None) -> None:
    """Refuse what would let a patient of one training spend too much over all trainings.

    Raises:
        PrivacyError: a total would be passed, or a patient would count twice.
    """
    places = [one.training_id for one in content.trainings]
    exposures = [exposure_of(one, one.planned) for one in content.trainings]
    if total_epsilon is None:
        check_persons(exposures)
        return
    total = largest_total(exposures, of=places.index(training_id))
    if total.spent.epsilon <= total_epsilon:
        return
    others = [places[place] for place in total.trainings if places[place] != training_id]
    open_ones = [one.training_id for one in content.trainings if not one.has_ended]
    waiting = [name for name in others if name in open_ones]
    hint = f" Those not ended: {', '.join(waiting)}." if waiting else ""
    raise PrivacyError(
        f"With this training a patient would have spent epsilon {total.spent.epsilon:.3f} at "
        f"delta {total.delta:.2g}, earlier trainings ({len(others)}) counted.{hint} Expected "
        f"at most {total_epsilon:g} in total. Plan fewer steps or more noise."
    )


def unknown_training() -> PrivacyError:
    """Give the error of a training that a ledger does not know."""
    return PrivacyError(
        "The ledger does not know this training. Expected the ledger it was begun with. Bring "
        "that ledger back, or start a new training."
    )


def _is_as_declared(one: Mechanism, declared: DeclaredMechanism) -> bool:
    return math.isclose(
        one.noise_multiplier, declared.noise_multiplier, rel_tol=_ROUNDING
    ) and math.isclose(one.sample_rate, declared.sample_rate, rel_tol=_ROUNDING)


def _steps(mechanisms: Sequence[Mechanism], name: str) -> int:
    return sum(one.steps for one in mechanisms if one.name == name)
