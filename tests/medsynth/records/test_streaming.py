import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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
