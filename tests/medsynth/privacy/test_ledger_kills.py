"""Trainings that are killed, and trainings that meet, at one ledger."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from medsynth.errors import MedsynthError
from medsynth.privacy.accounting import spent
from medsynth.privacy.budget import (
    Budget,
    BudgetHistory,
    DeclaredMechanism,
    advanced,
    budget_from_plain,
    budget_to_plain,
)
from medsynth.privacy.fingerprints import PatientMarks
from medsynth.privacy.ledger import Ledger, open_ledger
from medsynth.records.atomic import write_text_atomically
from medsynth.records.json_lines import append_json_line

KEY = bytes(range(32))
BUDGET = Budget((DeclaredMechanism("generators", 4.0, 0.1, 1),), delta=1e-3, patients=1)
PATIENTS = (PatientMarks(("a",)),)
STEPS = 5000
KILLS = 10


def _ledger(folder: Path) -> Ledger:
    return open_ledger(folder / "ledger.json", KEY)


def _save(folder: Path, history: BudgetHistory) -> None:
    write_text_atomically(folder / "checkpoint.json", json.dumps(budget_to_plain(history)))


def _load(folder: Path) -> BudgetHistory:
    return budget_from_plain(json.loads((folder / "checkpoint.json").read_text("utf-8")))


def _train(folder: Path, sitting: int) -> None:
    """Make steps until killed, charging every third before its picture and its checkpoint."""
    ledger = _ledger(folder)
    history = ledger.resume(_load(folder), PATIENTS, steps=STEPS, total_epsilon=None)
    while True:
        step = history.step + 3
        history = advanced(history, step=step, applied=BUDGET.after(step))
        history = ledger.charge(history)
        append_json_line(folder / "pictures.jsonl", {"sitting": sitting, "step": step})
        time.sleep(0.001)
        if step % 2:
            _save(folder, history)


def _in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            work()
            code = 0
        except MedsynthError:
            code = 1
        finally:
            # Whatever else is raised must not run the rest of the tests a second time.
            os._exit(code)
    return child


def _steps_that_reached_the_disk(folder: Path) -> int:
    """Count the steps behind the pictures: three for each one of each sitting."""
    lines = (folder / "pictures.jsonl").read_text("utf-8").split("\n")[:-1]
    return 3 * len({line for line in lines if line.endswith("}")})


def test_ledger_forgets_no_step_of_a_training_killed_ten_times(tmp_path: Path) -> None:
    chance = random.Random(3)
    _save(
        tmp_path,
        _ledger(tmp_path).begin(BudgetHistory(BUDGET), PATIENTS, steps=STEPS, total_epsilon=None),
    )
    (tmp_path / "pictures.jsonl").touch()
    epsilons = []
    for sitting in range(KILLS):
        child = _in_child(lambda sitting=sitting: _train(tmp_path, sitting))  # type: ignore[misc]
        wanted = _steps_that_reached_the_disk(tmp_path) + 3 * chance.randint(1, 6)
        while _steps_that_reached_the_disk(tmp_path) < wanted:
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.01))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        charged = _ledger(tmp_path).total().spent.epsilon
        reached = _steps_that_reached_the_disk(tmp_path)
        assert charged >= spent(BUDGET.after(reached), BUDGET.delta).epsilon - 1e-12
        epsilons.append(charged)
    assert _load(tmp_path).lost_steps > 0
    assert epsilons == sorted(epsilons)


def test_trainings_that_charge_at_once_are_all_charged(tmp_path: Path) -> None:
    def train() -> None:
        ledger = _ledger(tmp_path)
        history = ledger.begin(BudgetHistory(BUDGET), PATIENTS, steps=20, total_epsilon=None)
        for step in range(1, 21):
            history = ledger.charge(advanced(history, step=step, applied=BUDGET.after(step)))

    children = [_in_child(train) for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    total = _ledger(tmp_path).total()
    assert total.trainings == 3
    assert total.spent == spent(BUDGET.after(60), BUDGET.delta)


def test_only_one_of_trainings_that_begin_at_once_fits_into_the_total(tmp_path: Path) -> None:
    limit = spent(BUDGET.after(30), BUDGET.delta).epsilon + 1e-9

    def begin() -> None:
        _ledger(tmp_path).begin(BudgetHistory(BUDGET), PATIENTS, steps=20, total_epsilon=limit)

    children = [_in_child(begin) for _ in range(3)]
    ends = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
    assert ends == [0, 1, 1]
