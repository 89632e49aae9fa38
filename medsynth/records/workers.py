"""What a worker process does first."""

import signal


def leave_interrupts_to_the_parent() -> None:
    """Make Ctrl-C reach the parent process alone, which then ends its workers.

    A terminal sends the signal to every process; workers that answered it
    would each print a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
