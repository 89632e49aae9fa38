import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from medsynth.records.streaming import stream_results


def _invert(number: int) -> float:
    return 1 / number


def test_every_item_comes_back_once_with_its_result() -> None:
    with ThreadPoolExecutor(2) as executor:
        results = {
            item: future.result()
            for item, future in stream_results(executor, _invert, range(1, 30), most_waiting=3)
        }
    assert results == {number: 1 / number for number in range(1, 30)}


class _InlineExecutor(Executor):
    """Runs a task while it is submitted, so that each is finished at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_what_is_finished_is_given_before_the_rest_is_submitted() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1, 30):
            taken.append(number)
            yield number

    stream = stream_results(_InlineExecutor(), _invert, items(), most_waiting=20)
    next(stream)
    assert taken == [1]


def test_an_error_stays_with_its_item() -> None:
    with ThreadPoolExecutor(1) as executor:
        stream = stream_results(executor, _invert, [2, 0], most_waiting=1)
        errors = {item: future.exception() for item, future in stream}
    assert errors[2] is None
    assert isinstance(errors[0], ZeroDivisionError)


def test_items_are_taken_only_as_earlier_ones_finish() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in itertools.count(1):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(1) as executor:
        stream = stream_results(executor, _invert, items(), most_waiting=4)
        for _ in range(10):
            next(stream)
    # Ten are given back, and four more at most were under way.
    assert len(taken) <= 14
