"""The smallest leak that a check could have seen."""

import dataclasses
import math
from collections.abc import Mapping

from privacy_audit.likeness.nulls import Null
from privacy_audit.self_tests.self_test import REQUIRED_RECALL, SelfTest

_FALSE_DISCOVERY_RATE = 0.05
_WANTED_POWER = 0.95


@dataclasses.dataclass(frozen=True)
class SmallestLeak:
    """The smallest leak that a check could have seen.

    Attributes:
        copies: fewest copied patients that would have been called; None where no number would.
        patients: synthetic patients among which they are.
        similarity: what a single copy must reach to be called by its likeness alone;
            None where the self-test gives no level.
        copies_by_kind: kind of planted copy -> fewest copies of that kind of which one
            is seen with 95 %, as the share found suggests; None where none was found.
    """

    copies: int | None
    patients: int
    similarity: float | None
    copies_by_kind: Mapping[str, int | None]

    @property
    def sentence(self) -> str:
        """What it means, for the reader."""
        if self.copies is None:
            return "No number of copies would have been told from chance with this few patients."
        if self.similarity is None:
            return (
                f"{self.copies} copies among {self.patients} patients would have been told from "
                "chance."
            )
        hard = [
            f"{kind} ({'none was found' if copies is None else f'{copies} copies'})"
            for kind, copies in self.copies_by_kind.items()
            if copies != 1
        ]
        sentence = (
            f"One copied patient among {self.patients} would have been seen where its likeness is "
            f"at least {self.similarity:.2f}, as that of nine tenths of the planted copies is."
        )
        if hard:
            sentence += f" More are needed where copies were changed by {', '.join(hard)}."
        return sentence


def measure_smallest_leak(
    patients: int, resolution: float, null: Null, self_test: SelfTest
) -> SmallestLeak:
    """Give the smallest leak that a check for copies could have seen.

    By chance alone, k copies are called where the lowest possible p-value is at
    most k * 5 % / patients. Where the self-test passed, one copy is called by its
    likeness; a kind of copy of which a share r is found is seen at least once
    among ceil(log(0.05) / log(1 - r)) copies with 95 %.

    Args:
        patients: synthetic patients that were tested.
        resolution: the lowest p-value that the null allows.
        null: likeness of patients that cannot have leaked.
        self_test: the planted copies that the check had to find.

    Source: own derivation from Benjamini and Hochberg 1995, and from independent trials.
    """
    together = math.ceil(patients * resolution / _FALSE_DISCOVERY_RATE - 1e-9)
    by_chance = together if null.size > 0 and together <= patients else None
    if self_test.verdict != "pass":
        return SmallestLeak(by_chance, patients, None, {})
    by_kind = {kind: _copies_to_see(result.recall) for kind, result in self_test.kinds.items()}
    return SmallestLeak(1, patients, max(self_test.copy_level, null.highest), by_kind)


def _copies_to_see(recall: float) -> int | None:
    if recall <= 0:
        return None
    if recall >= REQUIRED_RECALL:
        return 1
    return math.ceil(math.log(1 - _WANTED_POWER) / math.log(1 - recall))
