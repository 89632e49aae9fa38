import dataclasses
import json
import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from medsynth.errors import PrivacyError
from medsynth.privacy import private_loop
from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.budget import Budget, BudgetHistory, DeclaredMechanism
from medsynth.privacy.fingerprints import fingerprint_patients
from medsynth.privacy.ledger import open_ledger
from medsynth.privacy.ledger_file import read_ledger
from medsynth.privacy.private_loop import (
    Account,
    PrivatePlan,
    Scans,
    finish_privately,
    open_folder,
    train_privately,
)
from medsynth.privacy.private_trainer import PrivateStepSettings, PrivateTrainer
from medsynth.records.json_lines import read_json_lines
from medsynth.records.progress import SilentReporter
from medsynth.training.checkpoints import load_checkpoint, save_checkpoint
from medsynth.training.cycle_networks import DiscriminatorDesign, GeneratorDesign
from tests.medsynth.privacy.small_networks import CPU, WEIGHTS, small_patients

KEY = bytes(range(32))
PATIENTS = small_patients(12)
DELTA = 1e-3
STEPS = 12
PLAN = PrivatePlan(
    generator=GeneratorDesign("unshuffle", channels=4, blocks=1, calibrated=True),
    discriminator=DiscriminatorDesign("unshuffle", channels=4),
    step=PrivateStepSettings(
        weights=WEIGHTS,
        learning_rate=1e-2,
        discriminator_learning_rate=1e-3,
        averaging=0.9,
        clipping_norm=0.1,
        discriminator_clipping_norm=1.0,
        noise_multiplier=1.5,
        sample_rate=0.5,
        slices=1,
        patch=16,
        discriminator_steps=0,
        trained="calibration",
    ),
    steps=STEPS,
    seed=0,
    checkpoint_seconds=1e-6,
)
BUDGET = Budget((DeclaredMechanism("generators", 1.5, 0.5, 1),), DELTA, len(PATIENTS))
WHOLE = spent([Mechanism("generators", 1.5, 0.5, STEPS)], DELTA).epsilon


def _account(folder: Path, total_epsilon: float = 100.0) -> Account:
    ledger = open_ledger(folder / "ledger.json", KEY)
    return Account(BUDGET, ledger, fingerprint_patients(PATIENTS, KEY), total_epsilon)


def _train(folder: Path, plan: PrivatePlan = PLAN, account: Account | None = None) -> BudgetHistory:
    output = folder / "train"
    output.mkdir(exist_ok=True)
    return train_privately(
        Scans(PATIENTS),
        plan,
        account or _account(folder),
        open_folder(output),
        compute=CPU,
        reporter=SilentReporter(),
    )


def _steps_on_disk(folder: Path) -> int:
    """Give the largest step of which weights or metrics reached the disk."""
    state = load_checkpoint(folder / "train" / "checkpoint.pt")
    metrics = folder / "train" / "metrics.jsonl"
    whole = metrics.read_bytes().split(b"\n")[:-1] if metrics.is_file() else []
    steps = [int(json.loads(row)["step"]) for row in whole]
    return max(int(state["trainer"]["step"]), *steps, 0)


def _charged_in_ledger(folder: Path) -> int:
    (training,) = read_ledger(folder / "ledger.json", KEY).trainings
    return sum(one.steps for one in training.charged)


def test_unbroken_training_spends_what_its_steps_cost(tmp_path: Path) -> None:
    history = _train(tmp_path)
    assert history.spent().epsilon == pytest.approx(WHOLE, abs=1e-12)
    assert open_ledger(tmp_path / "ledger.json", KEY).total().spent.epsilon == pytest.approx(WHOLE)
    rows = read_json_lines(tmp_path / "train" / "metrics.jsonl")
    assert [row["step"] for row in rows][-1] == STEPS
    assert set(rows[0]) == {"step", "epsilon"}


def test_training_leaves_weights_and_after_its_end_no_checkpoint(tmp_path: Path) -> None:
    history = _train(tmp_path)
    finish_privately(tmp_path / "train", history, _account(tmp_path))
    names = {path.name for path in (tmp_path / "train").iterdir()}
    assert names == {"to_noncontrast.safetensors", "to_contrast.safetensors", "metrics.jsonl"}


def test_steps_that_were_charged_and_lost_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = 0

    def failing(path: Path, state: dict[str, Any]) -> None:
        nonlocal saves
        saves += 1
        if saves == 5:
            raise KeyboardInterrupt
        save_checkpoint(path, state)

    monkeypatch.setattr(private_loop, "save_checkpoint", failing)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path)
    history = _train(tmp_path)
    # The fifth checkpoint is that of step 4: its step was charged and did not reach the disk.
    assert history.lost_steps == 1
    assert history.step == STEPS - 1
    assert history.spent().epsilon == pytest.approx(WHOLE, abs=1e-12)


def test_interrupted_trainings_checkpoint_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _train(tmp_path)
    read: list[Path] = []

    def counting(path: Path) -> dict[str, Any]:
        read.append(path)
        return load_checkpoint(path)

    monkeypatch.setattr(private_loop, "load_checkpoint", counting)
    history = _train(tmp_path)
    assert (history.step, history.lost_steps) == (STEPS, 0)
    assert read == [tmp_path / "train" / "checkpoint.pt"]


def test_interruption_that_loses_no_charged_step_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = dataclasses.replace(PLAN, checkpoint_seconds=1e6)
    train_step = PrivateTrainer.train_step

    def failing(self: PrivateTrainer, *, learning_rate_factor: float) -> None:
        if self.step == 7:
            raise KeyboardInterrupt
        train_step(self, learning_rate_factor=learning_rate_factor)

    with monkeypatch.context() as patched:
        patched.setattr(PrivateTrainer, "train_step", failing)
        with pytest.raises(KeyboardInterrupt):
            _train(tmp_path, rare)
    history = _train(tmp_path, rare)
    # Seven steps were made in memory alone; nobody can have seen them.
    assert history.lost_steps == 0
    assert history.spent().epsilon == pytest.approx(WHOLE, abs=1e-12)


def test_training_killed_at_ten_random_moments_forgets_no_step(tmp_path: Path) -> None:
    chance = random.Random(5)
    context = multiprocessing.get_context("fork")
    kills = seen = 0
    # What a first training waits for is here already when the others are forked and killed.
    (tmp_path / "before").mkdir()
    _train(tmp_path / "before", dataclasses.replace(PLAN, steps=1))
    long = dataclasses.replace(PLAN, steps=400)
    for _ in range(60):
        child = context.Process(target=_train, args=(tmp_path, long))
        child.start()
        child.join(chance.uniform(0.02, 0.35))
        if child.exitcode is not None:
            break
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        kills += 1
        if (tmp_path / "train" / "checkpoint.pt").is_file():
            steps, charged = _steps_on_disk(tmp_path), _charged_in_ledger(tmp_path)
            assert charged >= steps >= seen
            seen = steps
        if kills == 10:
            break
    history = _train(tmp_path, long)
    assert kills == 10
    assert history.step + history.lost_steps == long.steps
    assert _charged_in_ledger(tmp_path) == long.steps
    cost = spent([Mechanism("generators", 1.5, 0.5, long.steps)], DELTA).epsilon
    assert history.spent().epsilon == pytest.approx(cost, abs=1e-12)


def test_training_with_another_budget_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _train(tmp_path)
    other = Budget((DeclaredMechanism("generators", 0.5, 0.5, 1),), DELTA, len(PATIENTS))
    account = dataclasses.replace(_account(tmp_path), budget=other)
    with pytest.raises(PrivacyError, match="another privacy budget"):
        _train(tmp_path, account=account)


def test_checkpoint_without_its_ledger_does_not_go_on(tmp_path: Path) -> None:
    _train(tmp_path)
    (tmp_path / "ledger.json").unlink()
    with pytest.raises(PrivacyError, match="ledger"):
        _train(tmp_path)


def test_training_beyond_the_cohorts_total_does_not_begin(tmp_path: Path) -> None:
    account = _account(tmp_path, total_epsilon=WHOLE / 2)
    with pytest.raises(PrivacyError, match="in total"):
        _train(tmp_path, account=account)
    assert not (tmp_path / "train" / "checkpoint.pt").exists()


def test_weights_differ_from_run_to_run_of_one_seed(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        torch.manual_seed(0)
        _train(tmp_path / name)
        files.append((tmp_path / name / "train" / "to_noncontrast.safetensors").read_bytes())
    assert files[0] != files[1]
