"""Worker processes with limits, of which one may die without taking others' work along.

The pool is a `concurrent.futures.Executor`. It is no sandbox: it bounds time and
memory and survives crashes; it does not hold back code that a file smuggles in.
"""

import collections
import contextlib
import dataclasses
import enum
import multiprocessing
import multiprocessing.connection
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from multiprocessing.context import SpawnProcess
from typing import Any, ParamSpec, TypeVar

from medsynth.errors import MedsynthError
from medsynth.records.worker_process import Initializer, ReplyKind, serve

_START_SECONDS = 120.0
_FAREWELL_SECONDS = 5.0
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class TaskFailure(enum.StrEnum):
    """Why a task has no result although its function raised nothing: the closed list."""

    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    WORKER_DIED = "worker_died"


class TaskError(MedsynthError):
    """A task outlived its limits or took its worker process down."""

    def __init__(self, failure: TaskFailure) -> None:
        """Say which limit it was.

        Args:
            failure: why the task has no result.
        """
        super().__init__(
            f"A task in a worker process ended by {failure.value}. Expected it to keep to its "
            "limits of time and memory. Exclude what it read, or raise the limits."
        )
        self.failure = failure

    def __reduce__(self) -> tuple[type["TaskError"], tuple[TaskFailure]]:
        """Let the error be copied between processes."""
        return TaskError, (self.failure,)


@dataclasses.dataclass(frozen=True)
class WorkerLimits:
    """What one task may use.

    Attributes:
        seconds: wall time of one task.
        memory_bytes: address space that tasks may add to that of the started process;
            it is held to on Linux.
    """

    seconds: float
    memory_bytes: int


def import_nothing() -> None:
    """Start a worker without importing anything ahead of its tasks."""


class WorkerPool(Executor):
    """Runs tasks in spawned processes, each within limits of time and memory.

    A task that exceeds a limit, or whose process dies, ends with `TaskError`; its
    process is replaced and no other task is touched. `submit` waits while the
    queue is full, so that what is waiting does not fill the memory.
    """

    def __init__(
        self,
        processes: int,
        limits: WorkerLimits,
        *,
        initializer: Initializer = import_nothing,
        most_waiting: int | None = None,
    ) -> None:
        """Open the pool; processes start with the first tasks.

        Args:
            processes: number of worker processes, at least 1.
            limits: what one task may use.
            initializer: runs first in each process, before memory is limited; imports go there.
            most_waiting: tasks that may wait for a process; twice the processes where None.
        """
        self._limits = limits
        self._initializer = initializer
        self._most_waiting = most_waiting or 2 * processes
        self._changed = threading.Condition()
        self._waiting: collections.deque[_Item] = collections.deque()
        self._workers: set[_Worker] = set()
        self._is_open = True
        self._is_aborted = False
        self._seats = [threading.Thread(target=self._work, daemon=True) for _ in range(processes)]
        for seat in self._seats:
            seat.start()

    def submit(
        self,
        fn: Callable[_Arguments, _Result],
        /,
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> Future[_Result]:
        """Queue a task, waiting for room; its future ends with the result, its error or TaskError.

        Raises:
            RuntimeError: the pool is shut down.
        """
        future: Future[_Result] = Future()
        with self._changed:
            while self._is_open and len(self._waiting) >= self._most_waiting:
                self._changed.wait()
            if not self._is_open:
                raise RuntimeError("cannot submit to a worker pool that is shut down")
            self._waiting.append(_Item(future, fn, args, kwargs))
            self._changed.notify_all()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; the processes end when the queue is done.

        Args:
            wait: return only when the last process has ended.
            cancel_futures: drop the tasks that have not begun.
        """
        with self._changed:
            self._is_open = False
            dropped = list(self._waiting) if cancel_futures else []
            if cancel_futures:
                self._waiting.clear()
            self._changed.notify_all()
        for item in dropped:
            item.future.cancel()
        if wait:
            for seat in self._seats:
                seat.join()

    def abort(self) -> None:
        """Drop all tasks and end all processes now, in the middle of whatever they do."""
        self.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            self._is_aborted = True
            for worker in self._workers:
                worker.kill()
        self.shutdown(wait=True)

    def _work(self) -> None:
        """Keep one process busy until the pool is shut down and the queue is empty."""
        # The process inherits this: Ctrl-C on a terminal must not reach it, from its first moment.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        worker: _Worker | None = None
        while (item := self._next_item()) is not None:
            if item.future.set_running_or_notify_cancel():
                worker = self._run(item, worker)
            # The thread may wait for long; it must not keep a task's result alive meanwhile.
            del item
        if worker is not None:
            self._dismiss(worker)

    def _run(self, item: "_Item", worker: "_Worker | None") -> "_Worker | None":
        """Run one task and give the process that takes the next one, or None if it is gone."""
        try:
            content = pickle.dumps((item.function, item.arguments, item.named))
            if worker is not None and not worker.is_alive():
                # It died while it had nothing to do: no task is lost.
                self._dismiss(worker)
                worker = None
            worker = worker or self._hire()
            item.future.set_result(worker.ask(content, self._limits.seconds))
        except TaskError as error:
            item.future.set_exception(error)
            if worker is not None:
                self._dismiss(worker)
            return None
        except BaseException as error:  # noqa: BLE001 - belongs to the future, whatever it is
            item.future.set_exception(error)
        return worker

    def _next_item(self) -> "_Item | None":
        with self._changed:
            while self._is_open and not self._waiting:
                self._changed.wait()
            if not self._waiting:
                return None
            item = self._waiting.popleft()
            self._changed.notify_all()
            return item

    def _hire(self) -> "_Worker":
        # multiprocessing looks after all children whenever it starts or joins one: one at a time.
        with self._changed:
            if self._is_aborted:
                raise TaskError(TaskFailure.WORKER_DIED)
            worker = _Worker(self._limits)
            self._workers.add(worker)
        try:
            worker.prepare(self._initializer)
        except TaskError:
            self._dismiss(worker)
            raise
        return worker

    def _dismiss(self, worker: "_Worker") -> None:
        worker.say_farewell()
        with self._changed:
            self._workers.discard(worker)
            worker.close()


@contextlib.contextmanager
def open_worker_pool(
    processes: int, limits: WorkerLimits, *, initializer: Initializer = import_nothing
) -> Iterator[WorkerPool]:
    """Give a pool that is gone when the block ends, however it ends.

    Args:
        processes: number of worker processes, at least 1.
        limits: what one task may use.
        initializer: runs first in each process.

    Yields:
        The pool. When the block ends by an error or by Ctrl-C, running tasks are killed.
    """
    pool = WorkerPool(processes, limits, initializer=initializer)
    try:
        yield pool
    except BaseException:
        pool.abort()
        raise
    pool.shutdown()


@dataclasses.dataclass(frozen=True)
class _Item:
    """A task that waits, and the future that waits for it."""

    future: Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]


class _Worker:
    """One process as its parent sees it."""

    def __init__(self, limits: WorkerLimits) -> None:
        context = multiprocessing.get_context("spawn")
        self._tasks, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=serve, args=(theirs, limits.seconds, limits.memory_bytes), daemon=True
        )
        self._process.start()
        # Only the worker holds its end now, so that its death is seen as the end of the pipe.
        theirs.close()

    def prepare(self, initializer: Initializer) -> None:
        """Wait until the process takes tasks."""
        self._send(pickle.dumps(initializer))
        self._receive(_START_SECONDS)

    def is_alive(self) -> bool:
        """Tell whether the process still waits for a task."""
        # Without a task a worker sends nothing: whatever there is to read is its end.
        return not self._tasks.poll()

    def ask(self, content: bytes, seconds: float) -> Any:
        """Have a task run and give its result; raises what the task raised, or TaskError."""
        self._send(content)
        kind, value = self._receive(seconds)
        if kind is ReplyKind.OUT_OF_MEMORY:
            raise TaskError(TaskFailure.MEMORY_LIMIT)
        if kind is ReplyKind.RAISED:
            raise value
        return value

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def say_farewell(self) -> None:
        """Let an idle process end by itself; one that does not is killed by `close`."""
        self._tasks.close()
        multiprocessing.connection.wait([self._process.sentinel], _FAREWELL_SECONDS)

    def close(self) -> None:
        """End the process if it has not ended, and forget it."""
        self._process.kill()
        self._process.join()
        self._process.close()

    def _send(self, content: bytes) -> None:
        try:
            self._tasks.send_bytes(content)
        except OSError:
            raise TaskError(TaskFailure.WORKER_DIED) from None

    def _receive(self, seconds: float) -> tuple[ReplyKind, Any]:
        try:
            if not self._tasks.poll(seconds):
                self._process.kill()
                raise TaskError(TaskFailure.TIME_LIMIT)
            kind, value = self._tasks.recv()
        except (EOFError, OSError):
            raise TaskError(TaskFailure.WORKER_DIED) from None
        return kind, value
