"""One writer at a time in a workspace."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from medsynth.errors import RecordError

LOCK_NAME = ".lock"


@contextlib.contextmanager
def workspace_lock(workspace: Path) -> Iterator[None]:
    """Hold the workspace for this process alone until the block ends.

    The kernel releases the lock when its holder dies, so a killed run leaves
    nothing to clean up.

    Args:
        workspace: the folder to hold; it must exist.

    Raises:
        RecordError: another process holds it.
    """
    with (workspace / LOCK_NAME).open("a+", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            raise RecordError(
                f"Workspace {workspace} is in use by process {holder}. Expected one run at a "
                "time. Wait for it to end or choose another workspace."
            ) from None
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield
