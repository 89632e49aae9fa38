import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from medsynth.errors import RecordError, TrainingError
from medsynth.records.atomic import discard_partial_files
from medsynth.records.json_lines import read_json_lines
from medsynth.records.manifest import hash_file
from medsynth.records.progress import SilentReporter
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import build_generator
from medsynth.training.distributed import Ranks
from medsynth.training.early_stop import EarlyStop
from medsynth.training.loop import (
    CHECKPOINT_NAME,
    TIMING_NAME,
    TrainingPlan,
    train_translator,
)
from medsynth.training.schedule import Budget
from tests.medsynth.training.train_together import CPU, small_plan, small_slices

# Stops at step 16 at the earliest, after the first interruption.
_STOP_SOON = EarlyStop(every_steps=4, patience=3)


class _StopAfter:
    """A reporter that interrupts the training at its n-th word."""

    def __init__(self, words: int) -> None:
        self.words = words

    def message(self, text: str) -> None:
        raise AssertionError(text)

    def progress(self, *, done: float, total: float, text: str) -> None:
        assert text
        assert done <= total
        self.words -= 1
        if self.words == 0:
            raise KeyboardInterrupt


def _train(plan: TrainingPlan, folder: Path, *, words: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    reporter = _StopAfter(words) if words else SilentReporter()
    train_translator(small_slices(), plan, folder, compute=CPU, reporter=reporter)


def _train_killed(plan: TrainingPlan, folder: Path, *, at_flush: int) -> int:
    """Train in a process that ends on the spot when it is about to flush for the n-th time."""
    folder.mkdir(exist_ok=True)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [at_flush]

    def flush(_descriptor: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)

    os.fsync = flush  # type: ignore[assignment]
    code = 1
    try:
        train_translator(small_slices(), plan, folder, compute=CPU, reporter=SilentReporter())
        code = 0
    finally:
        os._exit(code)


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name != TIMING_NAME
    }


@pytest.mark.parametrize(("image_pool", "early_stop"), [(0, None), (3, None), (3, _STOP_SOON)])
def test_interrupted_training_ends_with_the_same_bytes(
    tmp_path: Path, image_pool: int, early_stop: EarlyStop | None
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    plan = dataclasses.replace(small_plan(30, image_pool=image_pool), early_stop=early_stop)
    _train(plan, whole)

    often = dataclasses.replace(plan, checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        _train(often, broken, words=1)
    assert (broken / CHECKPOINT_NAME).is_file()
    _train(often, broken)

    assert _files(broken) == _files(whole)
    assert {"to_noncontrast.safetensors", "to_contrast.safetensors"} < set(_files(whole))
    steps = [row["step"] for row in read_json_lines(whole / "metrics.jsonl")]
    assert steps == ([1, 10, 20, 30] if early_stop is None else steps)
    assert not (whole / CHECKPOINT_NAME).exists()


_KILLED = dataclasses.replace(
    small_plan(6, image_pool=3),
    checkpoint_seconds=0.0,
    sample_seconds=0.0,
    early_stop=EarlyStop(every_steps=2, patience=9),
)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("unbroken")
    _train(_KILLED, folder)
    return _files(folder)


# What is flushed: 1 first picture, 3 first checkpoint before it is renamed, 4 its folder; then
# at each step picture, folder, metrics, checkpoint, folder: 13 and 14 are a checkpoint before and
# after it is renamed, 20 a picture; 32 and 34 are the weights, 35 the folder with both.
@pytest.mark.parametrize("at_flush", [1, 3, 4, 13, 14, 20, 32, 34, 35])
def test_training_killed_at_any_write_ends_with_the_same_bytes(
    tmp_path: Path, unbroken: dict[str, str], at_flush: int
) -> None:
    assert _train_killed(_KILLED, tmp_path, at_flush=at_flush) == 9
    discard_partial_files(tmp_path)
    _train(_KILLED, tmp_path)
    assert _files(tmp_path) == unbroken


def test_row_cut_off_by_a_kill_is_written_again(tmp_path: Path) -> None:
    plan = dataclasses.replace(small_plan(20), checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        _train(plan, tmp_path / "broken", words=1)
    metrics = tmp_path / "broken" / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes() + b'{"step": 10, "cyc')
    _train(plan, tmp_path / "broken")
    assert [row["step"] for row in read_json_lines(metrics)] == [1, 10, 20]


def test_finished_training_is_left_as_it_is(tmp_path: Path) -> None:
    _train(small_plan(3), tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    _train(small_plan(3), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written


def test_seconds_of_earlier_sittings_count(tmp_path: Path) -> None:
    plan = dataclasses.replace(
        small_plan(1), budget=Budget(None, 1e6), checkpoint_seconds=0.0, sample_seconds=1e9
    )
    with pytest.raises(KeyboardInterrupt):
        _train(plan, tmp_path, words=1)
    state = torch.load(tmp_path / CHECKPOINT_NAME, weights_only=True)
    assert state["engine"]["step"] == 9
    torch.save({**state, "seconds": 1e6}, tmp_path / CHECKPOINT_NAME)
    _train(plan, tmp_path)
    # The budget was spent, so the training ends at the step of the checkpoint.
    assert read_json_lines(tmp_path / TIMING_NAME)[-1]["step"] == 9


def test_early_stop_ends_before_the_budget(tmp_path: Path) -> None:
    # Nothing is learnt, so no judgement is better than the first.
    plan = small_plan(400)
    still = dataclasses.replace(
        plan,
        step=dataclasses.replace(plan.step, learning_rate=1e-12),
        early_stop=EarlyStop(every_steps=3, patience=2),
    )
    _train(still, tmp_path)
    # Judged at steps 3, 6 and 9; the latter two were no better.
    assert read_json_lines(tmp_path / TIMING_NAME)[-1]["step"] == 9


def test_timing_tells_the_peak_memory(tmp_path: Path) -> None:
    _train(small_plan(2), tmp_path)
    last = read_json_lines(tmp_path / TIMING_NAME)[-1]
    # PyTorch alone takes more than 100 MB.
    assert 0.1 < last["peak_process_gb"] < 100.0
    assert last["seconds"] > 0.0


def test_image_pool_is_refused_with_several_processes(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="image_pool"):
        train_translator(
            small_slices(),
            small_plan(2, image_pool=3),
            tmp_path,
            compute=CPU,
            reporter=SilentReporter(),
            ranks=Ranks(0, 2),
        )


def test_training_darkens_what_contrast_made_bright(tmp_path: Path) -> None:
    plan = small_plan(150)
    _train(plan, tmp_path)
    network = build_generator(plan.generator)
    load_weights(tmp_path / "to_noncontrast.safetensors", network)
    volume = small_slices().contrast[0].volumes_hu[0]
    given = torch.from_numpy(volume.astype(np.float32))[:, None]
    with torch.no_grad():
        change = (network(given) - given)[:, 0].numpy()
    assert change[volume > 100].mean() < -30.0
    assert abs(change[volume < 0].mean()) < 15.0


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    plan = dataclasses.replace(small_plan(20), checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        _train(plan, tmp_path, words=1)
    checkpoint = tmp_path / CHECKPOINT_NAME
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no checkpoint")
    with pytest.raises(RecordError, match="cannot be read"):
        _train(plan, tmp_path)
