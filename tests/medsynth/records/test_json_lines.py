from pathlib import Path

import pytest

from medsynth.errors import RecordError
from medsynth.records.json_lines import (
    append_json_line,
    read_json,
    read_json_lines,
    write_json,
    write_json_lines,
)


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_json_lines(path, [{"b": 1, "a": 2}])
    append_json_line(path, {"c": 3})
    assert path.read_text() == '{"a": 2, "b": 1}\n{"c": 3}\n'
    assert read_json_lines(path) == [{"a": 2, "b": 1}, {"c": 3}]


@pytest.mark.parametrize("content", ["{", "[1]\n", "1\n"])
def test_line_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(RecordError):
        read_json_lines(path)


def test_missing_files_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"rows\.jsonl is missing"):
        read_json_lines(tmp_path / "rows.jsonl")
    with pytest.raises(RecordError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")


def test_value_comes_back_as_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1, None]})
    assert read_json(tmp_path / "a.json") == {"x": [1, None]}
