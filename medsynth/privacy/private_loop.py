"""The private training of a translator, from patients to weights and their budget.

What reaches the disk was noised before: weights, optimisers that saw noised gradients alone,
and the record of updates. There are no losses and no pictures, which would be the patients'.
"""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medsynth.errors import PrivacyError
from medsynth.privacy.budget import (
    Budget,
    BudgetHistory,
    advanced,
    applied_mechanisms,
    budget_from_plain,
    budget_to_plain,
)
from medsynth.privacy.entropy import Entropy, SystemEntropy
from medsynth.privacy.fingerprints import PatientMarks
from medsynth.privacy.ledger import Ledger
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import PrivateStepSettings, PrivateTrainer
from medsynth.privacy.public_source_trainer import PublicSourceTrainer
from medsynth.records.json_lines import append_json_line
from medsynth.records.progress import Reporter, TimeEstimate
from medsynth.training.batches import PatientSlices
from medsynth.training.checkpoints import (
    flush_to_disk,
    keep_rows_until,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from medsynth.training.cycle_networks import (
    CycleNetworks,
    DiscriminatorDesign,
    GeneratorDesign,
)
from medsynth.training.device import Compute, use_tensor_cores
from medsynth.training.loop import CHECKPOINT_NAME, METRICS_NAME
from medsynth.training.public_start import started_networks
from medsynth.training.schedule import learning_rate_factor

_METRICS_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class PrivatePlan:
    """All that determines a private training, besides its patients and its chance.

    Attributes:
        generator: design of both generators.
        discriminator: design of both discriminators.
        step: settings of a step.
        steps: number of steps; a budget of time would depend on what else runs. Steps that
            were charged and lost count, so that an interruption cannot make epsilon larger.
        seed: of weights that begin from scratch; of nothing else.
        checkpoint_seconds: time between checkpoints.
    """

    generator: GeneratorDesign
    discriminator: DiscriminatorDesign
    step: PrivateStepSettings
    steps: int
    seed: int
    checkpoint_seconds: float


@dataclasses.dataclass(frozen=True)
class Account:
    """What a private training declares, and where it is charged.

    Attributes:
        budget: what it declares.
        ledger: the cohort's.
        marks: of each patient, in the ledger's key.
        total_epsilon: most that any patient may spend over all trainings.
    """

    budget: Budget
    ledger: Ledger
    marks: Sequence[PatientMarks]
    total_epsilon: float


@dataclasses.dataclass(frozen=True)
class Scans:
    """What a private training learns from.

    Attributes:
        patients: all that may be drawn, each person once.
        public: contrast scans of nobody who is protected, where the plan has a public source.
    """

    patients: tuple[PrivatePatient, ...]
    public: tuple[PatientSlices, ...] = ()


@dataclasses.dataclass(frozen=True)
class TrainFolder:
    """The folder of a training, and what an interrupted sitting left in it.

    Attributes:
        path: where to write.
        begun: what the interrupted sitting did and was charged; None without one.
        trainer: the state of its trainer; empty without one.
    """

    path: Path
    begun: BudgetHistory | None
    trainer: Mapping[str, Any]


def open_folder(path: Path) -> TrainFolder:
    """Read what an interrupted sitting left in a folder.

    Args:
        path: may be empty.

    Raises:
        RecordError: the checkpoint cannot be read.
    """
    checkpoint = path / CHECKPOINT_NAME
    if not checkpoint.is_file():
        return TrainFolder(path, None, {})
    state = load_checkpoint(checkpoint)
    return TrainFolder(path, budget_from_plain(state.get("budget", {})), state.get("trainer", {}))


def begun_networks(plan: PrivatePlan) -> CycleNetworks:
    """Build the networks as the training begins with them.

    Raises:
        ConfigurationError: there is no public start of that design.
    """
    return started_networks(
        plan.generator, plan.discriminator, seed=plan.seed, start=plan.step.start
    )


def build_trainer(
    plan: PrivatePlan, scans: Scans, compute: Compute, entropy: Entropy
) -> PrivateTrainer:
    """Build the trainer that a plan asks for, with the networks as it begins with them.

    Args:
        plan: how to train.
        scans: what to learn from.
        compute: where and in which precision.
        entropy: for noise, for who is drawn and for which slices.

    Raises:
        ConfigurationError: there is no public start of that design, a public source without
            public scans, or a setting is out of range.
    """
    networks, patients = begun_networks(plan), scans.patients
    if plan.step.public is None:
        return PrivateTrainer(networks, patients, plan.step, compute, entropy)
    return PublicSourceTrainer(networks, patients, plan.step, compute, entropy, scans.public)


def train_privately(
    scans: Scans,
    plan: PrivatePlan,
    account: Account,
    folder: TrainFolder,
    *,
    compute: Compute,
    reporter: Reporter,
) -> BudgetHistory:
    """Train, or go on with a training that was interrupted in the same folder.

    The folder ends with the generators' averaged weights and the last checkpoint, which
    holds the same weights and their budget. `finish_privately` removes it once the
    budget is written where the weights go.

    Args:
        scans: of the patients, and public ones.
        plan: how.
        account: what it declares, and where steps are charged before weights are written.
        folder: where to write, and what an interrupted sitting left there, from `open_folder`.
        compute: where and in which precision.
        reporter: hears of the progress.

    Returns:
        What was done and charged.

    Raises:
        PrivacyError: the cohort's total would be passed; the ledger is missing, altered or
            another cohort's; the checkpoint has another budget.
        RecordError: the checkpoint is that of another training.
    """
    use_tensor_cores(compute)
    trainer = build_trainer(plan, scans, compute, SystemEntropy())
    sitting = _Sitting(trainer, plan, account, folder)
    estimate = TimeEstimate(sitting.progress())
    while (progress := sitting.progress()) < 1.0:
        trainer.train_step(learning_rate_factor=learning_rate_factor(progress))
        sitting.save_when_due()
        remaining = estimate.remaining_seconds(done=sitting.progress(), total=1.0)
        left = "" if remaining is None else f", about {remaining / 60:.1f} minutes left"
        reporter.progress(
            done=progress, total=1.0, text=f"private training, step {trainer.step}{left}"
        )
    return sitting.finish()


def finish_privately(folder: Path, history: BudgetHistory, account: Account) -> None:
    """Give back what was planned and not done, and remove the checkpoint.

    Call it when the budget stands beside the weights.
    """
    account.ledger.end(history.training_id)
    (folder / CHECKPOINT_NAME).unlink(missing_ok=True)


class _Sitting:
    """One sitting of a private training: its budget and its files."""

    def __init__(
        self,
        trainer: PrivateTrainer,
        plan: PrivatePlan,
        account: Account,
        folder: TrainFolder,
    ) -> None:
        self._trainer = trainer
        self._plan = plan
        self._folder = folder.path
        self._account = account
        self._told = -math.inf
        self._history = (
            self._begun() if folder.begun is None else self._resumed(folder.begun, folder.trainer)
        )
        keep_rows_until(self._folder / METRICS_NAME, trainer.step if trainer.step else -1)
        # Lost steps, or the training's place in the ledger, must not be lost again.
        self._write_checkpoint()

    def progress(self) -> float:
        """Give the share of the planned steps that are made, or were charged and lost."""
        return min(1.0, (self._trainer.step + self._history.lost_steps) / self._plan.steps)

    def save_when_due(self) -> None:
        """Charge the steps and write a checkpoint when it is time."""
        if time.monotonic() - self._saved > self._plan.checkpoint_seconds:
            self._save()

    def finish(self) -> BudgetHistory:
        """Charge the last steps and write the weights."""
        self._told = -math.inf
        self._save()
        for name, network in self._trainer.averaged.items():
            save_weights(self._folder / f"{name}.safetensors", network)
        return self._history

    def _begun(self) -> BudgetHistory:
        return self._account.ledger.begin(
            BudgetHistory(self._account.budget),
            self._account.marks,
            steps=self._plan.steps,
            total_epsilon=self._account.total_epsilon,
        )

    def _resumed(self, history: BudgetHistory, trainer: Mapping[str, Any]) -> BudgetHistory:
        if history.budget != self._account.budget:
            raise PrivacyError(
                "The interrupted training has another privacy budget than the settings. Expected "
                "the noise, rate, delta and patients that it began with. Restore the settings, or "
                "delete the unfinished train folder; the ledger keeps what was spent."
            )
        self._trainer.restore(dict(trainer))
        return self._account.ledger.resume(
            history,
            self._account.marks,
            steps=self._plan.steps,
            total_epsilon=self._account.total_epsilon,
        )

    def _save(self) -> None:
        """Charge, then write: a kill between the two is charged too much, never too little."""
        applied = applied_mechanisms(one.applied for one in self._trainer.mechanisms.values())
        advanced_to = advanced(self._history, step=self._trainer.step, applied=applied)
        self._history = self._account.ledger.charge(advanced_to)
        # Adding up takes longer than a short step: where checkpoints are dense, rows are not.
        if time.monotonic() - self._told > _METRICS_SECONDS:
            self._write_metrics()
        self._write_checkpoint()

    def _write_metrics(self) -> None:
        row = {"step": self._history.step, "epsilon": self._history.spent().epsilon}
        append_json_line(self._folder / METRICS_NAME, row)
        # A checkpoint must not outlive the rows that lead to it.
        flush_to_disk(self._folder / METRICS_NAME)
        self._told = time.monotonic()

    def _write_checkpoint(self) -> None:
        state = {"trainer": self._trainer.state(), "budget": budget_to_plain(self._history)}
        save_checkpoint(self._folder / CHECKPOINT_NAME, state)
        self._saved = time.monotonic()
