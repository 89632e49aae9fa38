"""Generating the attribute table from the standard's own, by hand when an edition appears.

    python -m medsynth.deidentify.build_table SOURCE_JSON --newer DICOMFIELDS_2026C.PY

SOURCE_JSON is Table E.1-1 with all option columns, as the project
innolitics/dicom-standard publishes it in `confidentiality_profile_attributes.json`.
The newer list is a Python file of the package dicom-anonymizer; it is parsed,
not run. It has the basic profile alone, so rows taken from it carry no option:
what an option would keep or clean is removed, which is the stricter choice.
"""

import argparse
import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_description

from medsynth.deidentify.confidentiality_table import (
    CURVES,
    OVERLAY_COMMENTS,
    OVERLAY_DATA,
    PRIVATE,
    TABLE_NAME,
)
from medsynth.errors import RecordError
from medsynth.records.atomic import write_text_atomically

SOURCE_EDITION = "2024e"
NEWER_EDITION = "2026c"
_OPTIONS = {
    "rtnSafePrivOpt": "retain_safe_private",
    "rtnUIDsOpt": "retain_uids",
    "rtnDevIdOpt": "retain_device_identity",
    "rtnInstIdOpt": "retain_institution_identity",
    "rtnPatCharsOpt": "retain_patient_characteristics",
    "rtnLongFullDatesOpt": "dates_kept",
    "rtnLongModifDatesOpt": "dates_shifted",
    "cleanDescOpt": "clean_descriptors",
    "cleanStructContOpt": "clean_structured_content",
    "cleanGraphOpt": "clean_graphics",
}
_NEWER_CODES = {
    "D_TAGS": "D",
    "Z_TAGS": "Z",
    "X_TAGS": "X",
    "U_TAGS": "U",
    "Z_D_TAGS": "Z/D",
    "X_Z_TAGS": "X/Z",
    "X_D_TAGS": "X/D",
    "X_Z_D_TAGS": "X/Z/D",
    "X_Z_U_STAR_TAGS": "X/Z/U*",
}
# (group, element, mask of the group, mask of the element) in the newer list.
_NEWER_GROUP_ROWS = {
    (0x5000, 0, 0xFF00, 0): CURVES,
    (0x6000, 0x3000, 0xFF00, 0xFFFF): OVERLAY_DATA,
    (0x6000, 0x4000, 0xFF00, 0xFFFF): OVERLAY_COMMENTS,
}


def build_table(source: Path, newer: Path | None) -> str:
    """Give the text of the table's data file.

    Args:
        source: the JSON file with all columns.
        newer: the Python file with the list of a newer edition, or None.

    Raises:
        RecordError: a file is not what it should be.
    """
    rows = source_rows(source)
    sources = [_stamp(source, SOURCE_EDITION)]
    edition = SOURCE_EDITION
    if newer is not None:
        known = {row["tag"] for row in rows}
        added = [row for row in newer_rows(newer) if row["tag"] not in known]
        rows = sorted([*rows, *added], key=_by_tag)
        sources.append(_stamp(newer, NEWER_EDITION))
        edition = f"{SOURCE_EDITION}, with the rows added up to {NEWER_EDITION}"
    head = {"edition": edition, "sources": sources, "table": "DICOM PS3.15 Table E.1-1"}
    # One row a line: a new edition shows as a readable difference.
    lines = ",\n  ".join(json.dumps(row, sort_keys=True) for row in rows)
    return json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n  ' + lines + "\n ]\n}\n"


def source_rows(source: Path) -> list[dict[str, Any]]:
    """Read the rows of the JSON file with all columns, sorted by tag.

    Raises:
        RecordError: it is not that file.
    """
    try:
        listed = json.loads(source.read_text("utf-8"))
        rows = [
            {
                "tag": _source_tag(row["id"]),
                "name": " ".join(row["name"].split()),
                "basic": row["basicProfile"],
                "options": {
                    ours: row[theirs] for theirs, ours in _OPTIONS.items() if theirs in row
                },
            }
            for row in listed
        ]
    except (ValueError, KeyError, TypeError):
        raise RecordError(
            "The first file is not a list of confidentiality profile attributes. Expected the JSON "
            "of innolitics/dicom-standard. Give that file."
        ) from None
    return sorted(rows, key=_by_tag)


def newer_rows(newer: Path) -> list[dict[str, Any]]:
    """Read the rows of the Python file with the basic profile alone, sorted by tag.

    Raises:
        RecordError: it is not that file.
    """
    lists = _literal_lists(newer)
    if not set(_NEWER_CODES) <= set(lists):
        raise RecordError(
            "The newer file lacks some of the lists of tags. Expected dicomfields_*.py of the "
            "package dicom-anonymizer. Give that file."
        )
    rows: list[dict[str, Any]] = []
    for name, code in _NEWER_CODES.items():
        for numbers in lists[name]:
            tag = _newer_tag(numbers)
            rows.append({"tag": tag, "name": _name(tag), "basic": code, "options": {}})
    return sorted(rows, key=_by_tag)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table's data file beside this module."""
    parser = argparse.ArgumentParser(prog="python -m medsynth.deidentify.build_table")
    parser.add_argument("source", type=Path)
    parser.add_argument("--newer", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name(TABLE_NAME))
    given = parser.parse_args(arguments)
    write_text_atomically(given.out, build_table(given.source, given.newer))


def _stamp(path: Path, edition: str) -> dict[str, str]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"edition": edition, "name": path.name, "sha256": digest}


def _source_tag(identifier: str) -> str:
    return PRIVATE if "odd" in identifier else identifier.upper()


def _newer_tag(numbers: tuple[int, ...]) -> str:
    if len(numbers) == 4:
        return _NEWER_GROUP_ROWS[numbers]
    group, element = numbers
    return f"{group:04X}{element:04X}"


def _name(tag: str) -> str:
    try:
        return str(dictionary_description(int(tag, 16)))
    except (KeyError, ValueError):
        return "Not in this program's data dictionary"


def _literal_lists(path: Path) -> dict[str, list[tuple[int, ...]]]:
    lists: dict[str, list[tuple[int, ...]]] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            for target in node.targets:
                # Lists made of other lists are no literals, and not needed.
                if isinstance(target, ast.Name) and target.id in _NEWER_CODES:
                    lists[target.id] = ast.literal_eval(node.value)
    return lists


def _by_tag(row: Mapping[str, Any]) -> str:
    return str(row["tag"])


if __name__ == "__main__":
    main()
