import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from medsynth.deidentify.build_table import build_table, newer_rows, source_rows
from medsynth.deidentify.confidentiality_table import GROUP_ROWS, OPTION_COLUMNS, load_table
from medsynth.errors import RecordError

_SOURCE_NAME = "confidentiality_profile_attributes.json"
_ROOT = Path(__file__).parents[3]


def _source() -> Path:
    named = os.environ.get("MEDSYNTH_DICOM_STANDARD")
    folder = Path(named) if named else _ROOT.parent / "shared" / "data" / "dicom"
    if not (folder / _SOURCE_NAME).is_file():
        pytest.skip("MEDSYNTH_DICOM_STANDARD names no folder with the standard's table")
    return folder / _SOURCE_NAME


def _newer() -> Path:
    package = importlib.util.find_spec("dicomanonymizer")
    if package is None or package.origin is None:
        pytest.skip("the package dicom-anonymizer is not installed")
    path = Path(package.origin).parent / "dicom_anonymization_databases" / "dicomfields_2026c.py"
    if not path.is_file():
        pytest.skip("this dicom-anonymizer has no list of edition 2026c")
    return path


def _small_source(folder: Path, **changes: Any) -> Path:
    row = {"id": "00080050", "name": "Accession\n Number", "basicProfile": "Z", "cleanDescOpt": "C"}
    path = folder / "source.json"
    path.write_text(json.dumps([row | changes, {**row, "id": "00080020"}]), "utf-8")
    return path


def _small_newer(folder: Path) -> Path:
    names = ("D", "Z", "X", "U", "Z_D", "X_Z", "X_D", "X_Z_D", "X_Z_U_STAR")
    lists = {f"{name}_TAGS": "[]" for name in names}
    lists["Z_TAGS"] = "[(0x0008, 0x0050)]"
    lists["X_TAGS"] = "[(0x0070, 0x0006), (0x5000, 0, 0xFF00, 0)]"
    path = folder / "newer.py"
    path.write_text("\n".join(f"{name} = {text}" for name, text in lists.items()), "utf-8")
    return path


def test_no_tag_of_the_standards_table_is_missing() -> None:
    rows = load_table().rows
    for row in source_rows(_source()):
        assert row["tag"] in rows
        assert rows[row["tag"]].basic == row["basic"]
        assert rows[row["tag"]].options == row["options"]


def test_no_tag_of_the_newer_list_is_missing() -> None:
    rows = load_table().rows
    listed = newer_rows(_newer())
    assert len(listed) > 600
    assert [row["tag"] for row in listed if row["tag"] not in rows] == []
    assert [row["tag"] for row in listed if rows[row["tag"]].basic != row["basic"]] == []


def test_the_committed_table_is_what_the_command_makes() -> None:
    committed = _ROOT / "medsynth" / "deidentify" / "ps315_e11.json"
    assert build_table(_source(), _newer()) == committed.read_text("utf-8")


def test_rows_of_the_newer_list_are_added_without_options(tmp_path: Path) -> None:
    built = json.loads(build_table(_small_source(tmp_path), _small_newer(tmp_path)))
    assert [(row["tag"], row["basic"], row["options"]) for row in built["rows"]] == [
        ("00080020", "Z", {"clean_descriptors": "C"}),
        ("00080050", "Z", {"clean_descriptors": "C"}),
        ("00700006", "X", {}),
        ("50XXXXXX", "X", {}),
    ]
    assert built["rows"][1]["name"] == "Accession Number"


def test_the_edition_and_the_hashes_of_the_sources_are_stamped(tmp_path: Path) -> None:
    alone = json.loads(build_table(_small_source(tmp_path), None))
    assert alone["edition"] == "2024e"
    both = json.loads(build_table(_small_source(tmp_path), _small_newer(tmp_path)))
    assert both["edition"] == "2024e, with the rows added up to 2026c"
    assert [len(source["sha256"]) for source in both["sources"]] == [64, 64]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text('[{"id": "00080050"}]', "utf-8")
    with pytest.raises(RecordError, match="innolitics"):
        source_rows(other)
    with pytest.raises(RecordError, match="dicomfields"):
        newer_rows(_small_source(tmp_path))


def test_the_table_has_every_row_of_its_edition() -> None:
    rows = load_table().rows
    # 621 rows of edition 2024e and 35 tags added up to 2026c.
    assert len(rows) == 656
    assert set(GROUP_ROWS) <= set(rows)
    assert {name for row in rows.values() for name in row.options} == set(OPTION_COLUMNS)
    assert load_table().edition.startswith("2024e")
