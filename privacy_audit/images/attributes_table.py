"""What is known about the patients beside their images, and how to group patients by it."""

import bisect
import csv
import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from medsynth.errors import AuditError

PATIENT_COLUMN = "patient"
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "unknown"})
_FEWEST_NUMBERS = 6
_THIRDS = ("lowest third", "middle third", "highest third")
_HALVES = ("lower half", "upper half")

Value = str | float
Attributes = Mapping[str, Mapping[str, Value]]
"""Patient -> attribute -> value; what is missing is left out."""


@dataclasses.dataclass(frozen=True)
class Grouping:
    """How the values of one attribute make groups of patients.

    Attributes:
        attribute: name of the column.
        names: the groups, as they are told: "sex F", "lowest third of age".
        categories: the value of each group; empty for a number.
        cuts: the values between the groups of a number, rising; empty for words.
        has_rest: the last group is of all words that are too rare for a group of their own.
    """

    attribute: str
    names: tuple[str, ...]
    categories: tuple[str, ...]
    cuts: tuple[float, ...]
    has_rest: bool

    def index_of(self, value: Value) -> int | None:
        """Give the group of a value; None where it is in none."""
        if self.cuts:
            return bisect.bisect_left(self.cuts, value) if isinstance(value, float) else None
        word = _word(value)
        if word in self.categories:
            return self.categories.index(word)
        return len(self.categories) if self.has_rest else None


def read_attributes(path: Path) -> dict[str, dict[str, Value]]:
    """Read what is known about each patient.

    A column is of numbers where every value in it is a finite number. Empty
    cells, "NA", "N/A", "NaN", "null" and "unknown" are missing values.

    Args:
        path: a CSV file with the column "patient", each patient once, and one
            column for each attribute.

    Returns:
        Patient -> attribute -> value.

    Raises:
        AuditError: the file cannot be read, has no column "patient", no other
            column, a column without a name or twice, a line of another length, or
            a patient twice or without a name. Messages quote no value.
    """
    header, rows = _read_rows(path)
    _check_header(path, header)
    own = header.index(PATIENT_COLUMN)
    seen: set[str] = set()
    for line, row in rows:
        if len(row) != len(header) or not row[own] or row[own] in seen:
            raise AuditError(
                f"Attributes table {path.name} has another number of cells, no patient or a "
                f"repeated patient in line {line}. Expected one patient a line. Mend the line."
            )
        seen.add(row[own])
    table: dict[str, dict[str, Value]] = {row[own]: {} for _, row in rows}
    for column, name in enumerate(header):
        if column != own:
            _add_column(table, name, [(row[own], row[column]) for _, row in rows])
    return table


def attribute_names(attributes: Attributes) -> tuple[str, ...]:
    """Give the attributes of which any patient has a value, sorted."""
    return tuple(sorted({name for values in attributes.values() for name in values}))


def group_values(attribute: str, values: Sequence[Value], fewest: int) -> Grouping | None:
    """Choose groups by the values of some patients.

    Numbers are cut into thirds, or halves where many are equal, and are taken
    as words where they have few different values. Words are groups where enough
    patients share them; the others are one group together where they are enough.

    Args:
        attribute: name of the column.
        values: one a patient, without the missing ones.
        fewest: patients that a group must have.

    Returns:
        None where these patients do not make two groups.
    """
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values) and len(set(numbers)) >= _FEWEST_NUMBERS:
        return _cut(attribute, numbers, (1 / 3, 2 / 3), _THIRDS, fewest) or _cut(
            attribute, numbers, (1 / 2,), _HALVES, fewest
        )
    return _count_words(attribute, [_word(value) for value in values], fewest)


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuditError(
            f"Attributes table {path.name} cannot be read ({type(error).__name__}). Expected a "
            "CSV file in UTF-8. Check the path."
        ) from None
    filled = [(line, row) for line, row in lines if any(row)]
    if len(filled) < 2:
        raise AuditError(
            f"Attributes table {path.name} holds no patients. Expected a line of column names "
            "and one line for each patient. Fill the table."
        )
    return filled[0][1], filled[1:]


def _check_header(path: Path, header: list[str]) -> None:
    if PATIENT_COLUMN not in header or len(header) < 2:
        raise AuditError(
            f'Attributes table {path.name} has no column "patient", or no other column. Expected '
            "the column patient and one column for each attribute. Mend the first line."
        )
    if "" in header or len(set(header)) != len(header):
        raise AuditError(
            f"Attributes table {path.name} has a column without a name or with a repeated name. "
            "Expected one name for each column. Mend the first line."
        )


def _add_column(
    table: dict[str, dict[str, Value]], name: str, cells: Sequence[tuple[str, str]]
) -> None:
    known = [(patient, cell) for patient, cell in cells if cell.lower() not in _MISSING]
    numbers = [_number(cell) for _, cell in known]
    are_numbers = None not in numbers
    for (patient, cell), number in zip(known, numbers, strict=True):
        table[patient][name] = number if are_numbers and number is not None else cell


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _cut(
    attribute: str,
    numbers: list[float],
    shares: Sequence[float],
    parts: tuple[str, ...],
    fewest: int,
) -> Grouping | None:
    # A cut is a patient's own value, so that equal values fall on the same side.
    cuts = np.quantile(numbers, shares, method="lower")
    counts = np.bincount(np.searchsorted(cuts, numbers), minlength=len(parts))
    if counts.min() < fewest:
        return None
    names = tuple(f"{part} of {attribute}" for part in parts)
    return Grouping(attribute, names, (), tuple(float(cut) for cut in cuts), has_rest=False)


def _count_words(attribute: str, words: list[str], fewest: int) -> Grouping | None:
    counts = Counter(words)
    categories = tuple(sorted(word for word, count in counts.items() if count >= fewest))
    rest = sum(count for word, count in counts.items() if word not in categories)
    has_rest = rest >= fewest
    names = [f"{attribute} {word}" for word in categories]
    if has_rest:
        names.append(f"any other {attribute}")
    if len(names) < 2:
        return None
    return Grouping(attribute, tuple(names), categories, (), has_rest)


def _word(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else value
