"""Files with one JSON object a line."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from medsynth.errors import RecordError
from medsynth.records.atomic import write_text_atomically


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows, one JSON object a line, with sorted keys, in one atomic step."""
    write_text_atomically(path, "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows))


def append_json_line(path: Path, row: Mapping[str, Any]) -> None:
    """Add one row at the end of the file; the file is made if missing."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row, sort_keys=True) + "\n")


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read all rows of a file.

    Raises:
        RecordError: the file is missing or a line is not a JSON object.
    """
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        raise RecordError(
            f"File {path.name} is missing. Expected it in {path.parent.name}. "
            "Run the stage that writes it."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise RecordError(
            f"File {path.name} has a line that is not JSON. Expected one object a line. "
            "Delete its folder and run the stage again."
        ) from None
    if not all(isinstance(row, dict) for row in rows):
        raise RecordError(
            f"File {path.name} has a line that is not an object. Expected one object a line. "
            "Delete its folder and run the stage again."
        )
    return rows


def write_json(path: Path, value: object) -> None:
    """Write one value as indented JSON with sorted keys, in one atomic step."""
    write_text_atomically(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read one JSON value.

    Raises:
        RecordError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RecordError(
            f"File {path.name} is missing. Expected it in {path.parent.name}. "
            "Run the stage that writes it."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise RecordError(
            f"File {path.name} is not JSON. Expected the JSON that medsynth wrote. "
            "Delete its folder and run the stage again."
        ) from None
