"""What a worker process of `medsynth.records.worker_pool` does, from its first line to its last.

Nothing heavy is imported here: a worker imports what its tasks need and no more.
"""

import enum
import os
import pickle
import resource
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from medsynth.records.workers import leave_interrupts_to_the_parent

_GRACE_SECONDS = 2.0
_ADDRESS_SPACE_FILE = Path("/proc/self/statm")

Initializer = Callable[[], None]


class ReplyKind(enum.Enum):
    """How a task ended in the worker."""

    READY = "ready"
    DONE = "done"
    RAISED = "raised"
    OUT_OF_MEMORY = "out_of_memory"


def serve(tasks: Connection, seconds: float, memory_bytes: int) -> None:
    """Run the tasks that come over a connection until it is closed.

    The first message is the initializer, every other one a task: a function, its
    arguments and its named arguments. Each is answered by a kind and a value.

    Args:
        tasks: brings tasks and takes replies.
        seconds: longest time of one task; the kernel ends the process soon after
            it, also where the parent is gone and the interpreter is stuck.
        memory_bytes: address space a task may add to that of the started process.
    """
    leave_interrupts_to_the_parent()
    _keep_quiet()
    _use_one_thread()
    threading.Thread(target=_die_with_the_parent, daemon=True).start()
    tasks.recv()()
    _limit_memory(memory_bytes)
    tasks.send((ReplyKind.READY, None))
    is_usable = True
    while is_usable:
        try:
            content = tasks.recv_bytes()
        except EOFError:
            # Each task has closed what it wrote; taking an interpreter full of libraries apart
            # would make everybody wait for nothing.
            os._exit(0)
        signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
        is_usable = _answer(tasks, content)
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _answer(tasks: Connection, content: bytes) -> bool:
    """Run one task and reply; tells whether the process may run another."""
    try:
        function, arguments, named = pickle.loads(content)  # noqa: S301 - from our own parent
        tasks.send((ReplyKind.DONE, function(*arguments, **named)))
    except MemoryError:
        # What the task still holds is not known, so the process ends after this reply.
        tasks.send((ReplyKind.OUT_OF_MEMORY, None))
        return False
    except Exception as error:  # noqa: BLE001 - any error is the caller's to see
        tasks.send((ReplyKind.RAISED, _portable(error)))
    return True


def _portable(error: Exception) -> Exception:
    """Give the error with the places it came through, or one like it that can be sent."""
    # Places only: the text of an error that a library raised may quote a header.
    error.add_note("In a worker process:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - written one call before
    except Exception:  # noqa: BLE001 - whatever a foreign class does when it is copied
        substitute = RuntimeError(f"{type(error).__name__} in a worker process")
        substitute.add_note(error.__notes__[-1])
        return substitute
    return error


def _keep_quiet() -> None:
    """Drop what decoders print: it cannot be known to be free of a header's text."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _use_one_thread() -> None:
    # The processes are the parallel work; each thread of a library would add address space.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _die_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    # A dump of a dead worker would hold a patient's scan.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not _ADDRESS_SPACE_FILE.is_file():
        # Only Linux tells the address space in use, and only there does the limit hold.
        return
    pages = int(_ADDRESS_SPACE_FILE.read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
