from pathlib import Path

import pytest

from medsynth.errors import RecordError
from medsynth.records.manifest import (
    folder_problems,
    hash_bytes,
    hash_json,
    read_manifest,
    write_manifest,
)


def _folder(path: Path) -> Path:
    (path / "below").mkdir(parents=True)
    (path / "a.txt").write_text("a")
    (path / "below" / "b.txt").write_text("b")
    return path


def test_manifest_lists_files_with_the_standard_hash(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "f")
    manifest = write_manifest(folder, stage="ingest", settings_hash="s", inputs={"dicom": "d"})
    # SHA-256 of "a" as published in FIPS 180 test tools.
    assert manifest.files["a.txt"] == (
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    )
    assert set(manifest.files) == {"a.txt", "below/b.txt"}
    assert read_manifest(folder) == manifest


def test_equal_work_gives_equal_manifests_whatever_the_time(tmp_path: Path) -> None:
    hashes = []
    for name, clock in (("one", "2026-01-01"), ("two", "2027-01-01")):
        folder = _folder(tmp_path / name)
        (folder / "provenance.json").write_text(clock)
        hashes.append(
            write_manifest(folder, stage="x", settings_hash="s", inputs={}).content_hash()
        )
    assert hashes[0] == hashes[1]


def test_pictures_of_a_training_depend_on_the_clock_and_are_not_covered(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "f")
    (folder / "samples").mkdir()
    (folder / "samples" / "step_000357.png").write_text("then")
    manifest = write_manifest(folder, stage="train", settings_hash="s", inputs={})
    assert set(manifest.files) == {"a.txt", "below/b.txt"}
    (folder / "samples" / "step_000600.png").write_text("later")
    assert folder_problems(folder) == []


def test_every_kind_of_change_is_found(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "f")
    write_manifest(folder, stage="x", settings_hash="s", inputs={})
    assert folder_problems(folder) == []
    (folder / "a.txt").write_text("altered")
    (folder / "below" / "b.txt").unlink()
    (folder / "c.txt").write_text("new")
    assert folder_problems(folder) == [
        "altered: a.txt",
        "missing: below/b.txt",
        "not in the manifest: c.txt",
    ]


@pytest.mark.parametrize("content", ["{", "[]", '{"stage": "x"}', '{"unknown": 1}'])
def test_damaged_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RecordError, match="cannot be read"):
        read_manifest(tmp_path)


def test_missing_manifest_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="Run the stage"):
        read_manifest(tmp_path)


def test_json_hash_does_not_depend_on_key_order() -> None:
    assert hash_json({"a": 1, "b": [2]}) == hash_json({"b": [2], "a": 1})
    assert hash_json({"a": 1}) == hash_bytes(b'{"a":1}')
