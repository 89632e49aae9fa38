import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from medsynth.errors import ImageError
from medsynth.records.worker_pool import (
    TaskError,
    TaskFailure,
    WorkerLimits,
    WorkerPool,
    open_worker_pool,
)

ROOMY = WorkerLimits(seconds=60.0, memory_bytes=2**29)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with open_worker_pool(1, ROOMY) as opened:
        yield opened


def _square(number: int) -> int:
    return number * number


def _identify(_: object = None) -> int:
    return os.getpid()


def _die(_: object = None) -> None:
    os._exit(9)


def _fill_memory(gigabytes: int) -> int:
    return len(bytearray(gigabytes * 2**30))


def _refuse(words: str) -> None:
    raise ImageError(words)


class UnportableError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"lost on the way from {one} to {two}")


def _raise_unportable() -> None:
    raise UnportableError(1, 2)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def _print_words(words: str) -> int:
    return os.write(1, words.encode()) + os.write(2, words.encode())


def _modules() -> set[str]:
    return set(sys.modules)


def _is_gone(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text("utf-8")
        threads = len(list(Path(f"/proc/{process}/task").iterdir()))
    except OSError:
        return True
    # While another of its threads is still ending, the process holds its pipes open.
    return status.rpartition(")")[2].split()[0] == "Z" and threads <= 1


def _wait_until_gone(process: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if _is_gone(process):
            return True
        time.sleep(0.05)
    return False


def test_results_come_back_in_the_order_asked_for(pool: WorkerPool) -> None:
    assert list(pool.map(_square, range(20))) == [number * number for number in range(20)]


def test_one_process_is_still_another_process(pool: WorkerPool) -> None:
    assert pool.submit(_identify).result() != os.getpid()


def test_a_death_costs_its_own_task_only(pool: WorkerPool) -> None:
    before, death, after = (pool.submit(task) for task in (_identify, _die, _identify))
    with pytest.raises(TaskError) as lost:
        death.result()
    assert lost.value.failure is TaskFailure.WORKER_DIED
    assert before.result() != after.result()


def test_a_task_over_its_memory_is_lost_and_the_next_is_not(pool: WorkerPool) -> None:
    futures = [pool.submit(_fill_memory, 1), pool.submit(_fill_memory, 0)]
    error = futures[0].exception()
    assert isinstance(error, TaskError)
    assert error.failure is TaskFailure.MEMORY_LIMIT
    assert futures[1].result() == 0


def test_a_task_over_its_time_is_lost_and_its_process_ended() -> None:
    with open_worker_pool(1, WorkerLimits(0.5, 2**29)) as pool:
        process = pool.submit(_identify).result()
        error = pool.submit(_sleep, 1000).exception()
        assert isinstance(error, TaskError)
        assert error.failure is TaskFailure.TIME_LIMIT
        assert _wait_until_gone(process)
        assert pool.submit(_square, 3).result() == 9


def test_a_worker_that_died_idle_is_replaced_unnoticed(pool: WorkerPool) -> None:
    process = pool.submit(_identify).result()
    os.kill(process, signal.SIGKILL)
    assert _wait_until_gone(process)
    assert pool.submit(_identify).result() != process


def test_errors_of_ours_arrive_with_the_place_they_came_from(pool: WorkerPool) -> None:
    with pytest.raises(ImageError, match="too thick") as refusal:
        pool.submit(_refuse, "too thick").result()
    assert "_refuse" in refusal.value.__notes__[0]


def test_an_error_that_cannot_be_copied_arrives_by_name(pool: WorkerPool) -> None:
    with pytest.raises(RuntimeError, match="UnportableError"):
        pool.submit(_raise_unportable).result()
    assert pool.submit(_square, 2).result() == 4


def test_a_task_that_cannot_be_sent_is_its_callers_error(pool: WorkerPool) -> None:
    with pytest.raises(Exception, match="pickle"):
        pool.submit(lambda: 1).result()
    assert pool.submit(_square, 2).result() == 4


def test_what_a_worker_prints_is_dropped(
    pool: WorkerPool, capfd: pytest.CaptureFixture[str]
) -> None:
    assert pool.submit(_print_words, "Quillfeather").result() == 2 * len("Quillfeather")
    assert capfd.readouterr() == ("", "")


def test_a_worker_has_not_imported_what_its_tasks_do_not_need(pool: WorkerPool) -> None:
    assert not {"torch", "numpy", "pydicom"} & pool.submit(_modules).result()


def test_submit_waits_while_the_queue_is_full(pool: WorkerPool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    # One runs and two wait.
    futures: list[Future[Any]] = [pool.submit(_wait_for, gate) for _ in range(3)]
    late = threading.Thread(target=lambda: futures.append(pool.submit(_square, 3)))
    late.start()
    late.join(0.2)
    assert late.is_alive()
    gate.touch()
    late.join()
    assert [future.result() for future in futures] == [None, None, None, 9]


def _interrupt(processes: list[int], running: list[Future[None]]) -> None:
    with open_worker_pool(2, ROOMY) as pool:
        processes += pool.map(_identify, range(8))
        running += [pool.submit(_sleep, 1000) for _ in range(2)]
        while not all(future.running() for future in running):
            time.sleep(0.01)
        raise KeyboardInterrupt


def test_an_error_in_the_block_kills_what_runs() -> None:
    processes: list[int] = []
    running: list[Future[None]] = []
    with pytest.raises(KeyboardInterrupt):
        _interrupt(processes, running)
    assert all(_is_gone(process) for process in processes)
    assert all(isinstance(future.exception(), TaskError) for future in running)


def test_a_pool_that_is_shut_down_takes_nothing() -> None:
    with open_worker_pool(1, ROOMY) as pool:
        pass
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(_square, 1)


_PARENT = """
import sys, time
from medsynth.records.worker_pool import WorkerLimits, open_worker_pool
from tests.medsynth.records.test_worker_pool import _identify, _sleep

if __name__ == "__main__":
    with open_worker_pool(1, WorkerLimits(1000.0, 2**29)) as pool:
        print(pool.submit(_identify).result(), flush=True)
        pool.submit(_sleep, 1000)
        time.sleep(1000)
"""


def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT, "utf-8")
    root = str(Path(__file__).parents[3])
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    with parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert not _is_gone(worker)
        parent.kill()
    assert _wait_until_gone(worker)
