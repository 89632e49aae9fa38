"""Running a function over many things without holding all of them, or all results, at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def stream_results(
    executor: Executor,
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    most_waiting: int,
) -> Iterator[tuple[_Item, Future[_Result]]]:
    """Run a function on each item and give items with their finished futures, first done first.

    Items are taken from `items` only as earlier ones finish.

    Args:
        executor: runs the function.
        function: what to run.
        items: what to run it on; may be endless.
        most_waiting: items submitted and not yet given back, at most.

    Yields:
        Each item with its future, which holds the result or the error.
    """
    waiting: dict[Future[_Result], _Item] = {}
    for item in items:
        waiting[executor.submit(function, item)] = item
        # What is finished is given at once: whoever shows progress must not wait for the rest.
        if len(waiting) >= most_waiting or any(future.done() for future in waiting):
            yield from _finished(waiting)
    while waiting:
        yield from _finished(waiting)


def _finished(
    waiting: dict[Future[_Result], _Item],
) -> Iterator[tuple[_Item, Future[_Result]]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future
