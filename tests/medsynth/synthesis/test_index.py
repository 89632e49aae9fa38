from pathlib import Path

import pytest

from medsynth.errors import RecordError
from medsynth.synthesis.index import (
    INDEX_NAME,
    SyntheticRecord,
    read_synthetic,
    synthetic_identifier,
    write_synthetic,
)


def _record(synthetic: str) -> SyntheticRecord:
    return SyntheticRecord(synthetic, "s1", "p1", "source", 2, (2, 3, 4), (5.0, 1.0, 1.0), True)


def test_records_come_back_sorted(tmp_path: Path) -> None:
    write_synthetic(tmp_path, [_record("y2"), _record("y1")])
    assert read_synthetic(tmp_path) == (_record("y1"), _record("y2"))


def test_identifier_is_a_function_of_secret_and_series() -> None:
    first = synthetic_identifier("a" * 64, "s1")
    assert first == synthetic_identifier("a" * 64, "s1")
    assert (
        len({first, synthetic_identifier("b" * 64, "s1"), synthetic_identifier("a" * 64, "s2")})
        == 3
    )


def test_row_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / INDEX_NAME).write_text('{"synthetic": "y1"}\n')
    with pytest.raises(RecordError, match="medsynth synthesize"):
        read_synthetic(tmp_path)
