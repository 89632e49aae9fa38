"""Starting a program in two processes that train together, in tests."""

import subprocess
import sys
from pathlib import Path

_SECONDS = 300


def run_two_processes(module: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a module by `torchrun` and wait for its end.

    Args:
        module: its full name; gets the folder as its only argument.
        folder: where it writes.

    Returns:
        The exit code and what both processes said.
    """
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--standalone", "--nproc-per-node=2"),
            *("-m", module, str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
