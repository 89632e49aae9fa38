"""What a person sees of a run: lines and a progress bar, and the same lines in a log file."""

import contextlib
import datetime as dt
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

_SECONDS_BETWEEN_LINES = 15.0


class ConsoleReporter:
    """Prints messages, shows progress, and writes messages to a log file.

    On a terminal the progress is a bar; elsewhere it is a line now and then.
    """

    def __init__(self, console: Console, progress: Progress | None, log_file: Path | None) -> None:
        """Listen.

        Args:
            console: where messages go.
            progress: a live bar, or None where there is no terminal.
            log_file: takes each message with its time, or None.
        """
        self._console = console
        self._progress = progress
        self._log_file = log_file
        self._task: TaskID | None = None
        self._last_line = time.monotonic()

    def message(self, text: str) -> None:
        """Say one line, on the console and in the log."""
        self._end_bar()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._log(text)

    def progress(self, *, done: float, total: float, text: str) -> None:
        """Say how far a piece of work is."""
        if self._progress is not None:
            if self._task is None:
                self._task = self._progress.add_task(text, total=total)
            self._progress.update(self._task, completed=done, total=total, description=text)
            if done >= total:
                self._end_bar()
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._console.print(
                f"  {100 * done / total:3.0f} %  {text}", markup=False, highlight=False
            )

    def _end_bar(self) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _log(self, text: str) -> None:
        if self._log_file is not None:
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            with self._log_file.open("a", encoding="utf-8") as stream:
                stream.write("".join(f"{now} {line}\n" for line in text.splitlines()))


@contextlib.contextmanager
def console_reporter(log_file: Path | None, *, quiet: bool) -> Iterator[ConsoleReporter]:
    """Give a reporter that is closed when the block ends.

    Args:
        log_file: takes each message, or None.
        quiet: say nothing on the console; the log is written all the same.
    """
    console = Console(file=sys.stdout, quiet=quiet)
    if not console.is_terminal or quiet:
        yield ConsoleReporter(console, None, log_file)
        return
    columns = (
        TextColumn("  {task.percentage:3.0f} %"),
        BarColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield ConsoleReporter(console, progress, log_file)
