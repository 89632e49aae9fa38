"""The cohort's ledger: what all trainings on the same patients have cost them together.

One JSON file, kept apart from the trainings, under a secret key. A training is charged before
anything that holds its steps is written, so a killed one is charged too much rather than too
little. The ledger cannot see that it was put back together with all checkpoints that know of
it, nor that it was deleted and a new training begun: keep it where backups do not restore it.
"""

import contextlib
import dataclasses
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from medsynth.errors import PrivacyError, RecordError
from medsynth.privacy.accounting import Spent
from medsynth.privacy.budget import BudgetHistory
from medsynth.privacy.exposure import largest_total
from medsynth.privacy.fingerprints import PatientMarks, check_key
from medsynth.privacy.ledger_checks import (
    account_of,
    check_charge,
    check_same_training,
    check_total,
    exposure_of,
    newly_lost_steps,
    unknown_training,
)
from medsynth.privacy.ledger_file import (
    LedgerContent,
    TrainingAccount,
    read_ledger,
    write_ledger,
)
from medsynth.records.lock import workspace_lock

_ID_BYTES = 8
_LONGEST_WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class LedgerTotal:
    """What a cohort's trainings cost the patient who took part in most.

    Attributes:
        spent: all that was charged, composed for that patient.
        delta: at which; the least delta of that patient's trainings.
        patients: persons in the ledger.
        trainings: trainings in the ledger.
    """

    spent: Spent
    delta: float
    patients: int
    trainings: int


def open_ledger(path: Path, key: bytes) -> "Ledger":
    """Open a cohort's ledger, and hold it against its key.

    Args:
        path: the file; where it is missing, the first training makes it.
        key: secret bytes, the same for all trainings of the cohort.

    Raises:
        ConfigurationError: the key is too short to be a secret.
        PrivacyError: the ledger was altered, or is under another key.
    """
    check_key(key)
    ledger = Ledger(path, key)
    if path.is_file():
        read_ledger(path, key)
    return ledger


class Ledger:
    """Charges trainings to patients.

    Each method reads the file, changes it and writes it while no other process can.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        """Name the file; `open_ledger` is the way to get one that was checked.

        Args:
            path: the file.
            key: secret bytes.
        """
        self.path = path
        self._key = key

    def begin(
        self,
        history: BudgetHistory,
        patients: Sequence[PatientMarks],
        *,
        steps: int,
        total_epsilon: float | None,
    ) -> BudgetHistory:
        """Give a new training an id, and set aside what it plans to spend.

        Args:
            history: of a training that has made no step.
            patients: whom it trains on.
            steps: training steps it plans.
            total_epsilon: most that any patient may spend over all trainings; None for any.

        Returns:
            The history, with the id. Save it at once: steps charged to an id that no
            checkpoint knows stay charged.

        Raises:
            PrivacyError: a patient's total would be passed, the ledger was altered, the
                training has made steps already, or the budget is of another number of patients.
        """
        if history.step or history.training_id:
            raise PrivacyError(
                f"The training to begin is at step {history.step} and may be in a ledger. "
                "Expected a new one. Resume it instead."
            )
        if len(patients) != history.budget.patients:
            raise PrivacyError(
                f"The budget is of {history.budget.patients} patients and {len(patients)} are to "
                "train. Expected as many. Declare the budget of the patients who train."
            )
        with self._held():
            content = self._read() if self.path.is_file() else LedgerContent(0, ())
            account = TrainingAccount(
                training_id=secrets.token_hex(_ID_BYTES),
                delta=history.budget.delta,
                patients=tuple(patients),
                charged=(),
                planned=history.budget.after(steps),
                lost_steps=0,
                has_ended=False,
            )
            changed = content.with_account(account)
            check_total(changed, account.training_id, total_epsilon)
            self._write(changed)
        return dataclasses.replace(
            history, training_id=account.training_id, counter=changed.counter
        )

    def resume(
        self,
        history: BudgetHistory,
        patients: Sequence[PatientMarks],
        *,
        steps: int,
        total_epsilon: float | None,
    ) -> BudgetHistory:
        """Go on with a training, and charge it the steps whose weights were lost.

        Args:
            history: from the training's checkpoint.
            patients: whom it trains on.
            steps: training steps it plans, those made and lost ones counted.
            total_epsilon: most that any patient may spend over all trainings; None for any.

        Returns:
            The history, with the lost steps.

        Raises:
            PrivacyError: the ledger is missing, altered or older than the checkpoint, does not
                know the training or knows it with other patients or noise, or a patient's
                total would be passed.
        """
        with self._held():
            content = self._read()
            account = account_of(content, history.training_id, history.counter)
            check_same_training(account, history, patients)
            resumed = dataclasses.replace(
                history,
                lost_steps=history.lost_steps + newly_lost_steps(account, history),
                counter=content.counter + 1,
            )
            changed = content.with_account(
                dataclasses.replace(
                    account,
                    charged=resumed.charged,
                    planned=history.budget.after(max(steps, history.step + resumed.lost_steps)),
                    lost_steps=resumed.lost_steps,
                    has_ended=False,
                )
            )
            check_total(changed, account.training_id, total_epsilon)
            self._write(changed)
        return resumed

    def charge(self, history: BudgetHistory) -> BudgetHistory:
        """Charge a training's steps, before anything that holds them is written.

        Args:
            history: as it will be saved with the weights, the pictures or the metrics.

        Returns:
            The history to save, with the ledger's new counter.

        Raises:
            PrivacyError: the ledger is missing, altered or older than the training, the
                training has ended or does more than it planned, another process goes on with
                it, or its charge would go down.
        """
        with self._held():
            content = self._read()
            account = account_of(content, history.training_id, history.counter)
            charged = history.charged
            check_charge(account, history)
            changed = content.with_account(
                dataclasses.replace(account, charged=charged, lost_steps=history.lost_steps)
            )
            self._write(changed)
        return dataclasses.replace(history, counter=changed.counter)

    def end(self, training_id: str) -> None:
        """Give back what a training planned and did not do; what it was charged stays.

        Resuming it sets aside what it plans anew.

        Args:
            training_id: as in its history.

        Raises:
            PrivacyError: the ledger is missing or altered, or does not know the training.
        """
        with self._held():
            content = self._read()
            account = content.account(training_id)
            if account is None:
                raise unknown_training()
            self._write(
                content.with_account(
                    dataclasses.replace(account, planned=account.charged, has_ended=True)
                )
            )

    def check_knows(self, training_id: str, counter: int) -> None:
        """Refuse a ledger that has lost a training of which a record is left.

        Args:
            training_id: as in the record.
            counter: of the ledger when that training was last charged.

        Raises:
            PrivacyError: the ledger is missing or altered, does not know the training, or is
                older than the record.
        """
        with self._held():
            account_of(self._read(), training_id, counter)

    def total(self) -> LedgerTotal:
        """Give what was charged so far, for the patient who spent most.

        Raises:
            PrivacyError: the ledger is missing or altered.
        """
        with self._held():
            content = self._read()
        total = largest_total([exposure_of(one, one.charged) for one in content.trainings])
        return LedgerTotal(total.spent, total.delta, total.persons, len(content.trainings))

    def _read(self) -> LedgerContent:
        return read_ledger(self.path, self._key)

    def _write(self, content: LedgerContent) -> None:
        write_ledger(self.path, content, self._key)

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Wait until no other training uses the ledger, and keep the others out."""
        # A folder of its own: the ledger may lie in a workspace that this process holds already.
        folder = self.path.with_name(f".{self.path.name}.lock")
        folder.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + _LONGEST_WAIT_SECONDS
        with contextlib.ExitStack() as stack:
            while not _is_entered(stack, folder):
                if time.monotonic() > until:
                    raise RecordError(
                        f"The ledger {self.path.name} has been in use for "
                        f"{_LONGEST_WAIT_SECONDS:.0f} seconds. Expected other trainings to hold "
                        "it for moments. Find the process that hangs, and end it."
                    )
                time.sleep(_PAUSE_SECONDS)
            yield


def _is_entered(stack: contextlib.ExitStack, folder: Path) -> bool:
    try:
        stack.enter_context(workspace_lock(folder))
    except RecordError:
        return False
    return True
