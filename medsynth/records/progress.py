"""How long work tells of itself, without knowing who listens."""

import time
from typing import Protocol


class Reporter(Protocol):
    """Whoever listens: a console, a log file, a test."""

    def message(self, text: str) -> None:
        """Say one line."""

    def progress(self, *, done: float, total: float, text: str) -> None:
        """Say how far a piece of work is: `done` of `total`, in any unit."""


class SilentReporter:
    """Listens and says nothing."""

    def message(self, text: str) -> None:
        """Drop the line."""

    def progress(self, *, done: float, total: float, text: str) -> None:
        """Drop the news."""


class TimeEstimate:
    """Tells how long a piece of work still takes, from its pace so far."""

    def __init__(self, done: float = 0.0) -> None:
        """Start the clock.

        Args:
            done: what an earlier sitting had done already, in the unit of `remaining_seconds`.
        """
        self._started = time.monotonic()
        self._done_before = done

    def remaining_seconds(self, *, done: float, total: float) -> float | None:
        """Give the seconds left, or None while nothing is done yet."""
        gained = done - self._done_before
        if gained <= 0:
            return None
        return (time.monotonic() - self._started) / gained * max(0.0, total - done)
