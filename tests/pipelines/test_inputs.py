import os
from pathlib import Path

import pytest

from medsynth.errors import ConfigurationError, RecordError
from pipelines import inputs
from pipelines.inputs import record_inputs, remembered_inputs
from pipelines.project_config import ProjectConfig, load_config


def _project(folder: Path, *overrides: str) -> ProjectConfig:
    return load_config([{"input": {"dicom": [str(folder)]}}], overrides)


def _folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def _workspace(path: Path) -> Path:
    path.mkdir()
    return path


def test_equal_files_give_equal_names_wherever_and_whenever_they_lie(tmp_path: Path) -> None:
    one = _folder(tmp_path / "one", a="x", b="y")
    other = _folder(tmp_path / "other", renamed="y", a="x")
    os.utime(other / "a", (1, 1))
    first = record_inputs(_project(one), _workspace(tmp_path / "w1"))
    assert record_inputs(_project(other), _workspace(tmp_path / "w2")) == first


def test_secret_cannot_be_told_from_the_hash_that_is_written_down(tmp_path: Path) -> None:
    record = record_inputs(_project(_folder(tmp_path / "d", a="x")), _workspace(tmp_path / "w"))
    assert record.secret not in record.content_hashes.values()
    assert len(record.secret) == 64


def test_changed_file_changes_the_record(tmp_path: Path) -> None:
    folder, workspace = _folder(tmp_path / "d", a="x"), _workspace(tmp_path / "w")
    before = record_inputs(_project(folder), workspace)
    (folder / "a").write_text("longer")
    assert record_inputs(_project(folder), workspace) != before


def test_record_is_remembered_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    workspace = _workspace(tmp_path / "w")
    with pytest.raises(RecordError, match="medsynth ingest"):
        remembered_inputs(workspace)
    record = record_inputs(_project(_folder(tmp_path / "d", a="x")), workspace)
    assert remembered_inputs(workspace) == record
    assert (workspace / ".inputs.json").stat().st_mode & 0o077 == 0


def test_key_file_decides_the_names(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "d", a="x")
    (tmp_path / "key").write_bytes(bytes(range(32)))
    setting = f"ingest.key_file={tmp_path / 'key'}"
    keyed = record_inputs(_project(folder, setting), _workspace(tmp_path / "w1"))
    (folder / "b").write_text("another scan")
    assert record_inputs(_project(folder, setting), _workspace(tmp_path / "w2")).secret == (
        keyed.secret
    )


def test_short_key_is_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "d", a="x")
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="5 bytes"):
        record_inputs(
            _project(folder, f"ingest.key_file={tmp_path / 'key'}"), _workspace(tmp_path / "w")
        )


def test_no_folder_and_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--dicom"):
        record_inputs(ProjectConfig(), tmp_path)
    with pytest.raises(ConfigurationError, match="is not there"):
        record_inputs(_project(tmp_path / "none"), tmp_path)


def test_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = _folder(tmp_path / "outside", secret="z")
    one, other = _folder(tmp_path / "one", a="x"), _folder(tmp_path / "other", a="x")
    (one / "link").symlink_to(outside / "secret")
    first = record_inputs(_project(one), _workspace(tmp_path / "w1"))
    assert record_inputs(_project(other), _workspace(tmp_path / "w2")) == first


@pytest.mark.parametrize("role", ["dicom", "labels"])
def test_a_file_that_cannot_be_read_is_counted_and_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    folder = _folder(tmp_path / "d", **{"Quillfeather^Odalys": "x", "b": "y"})
    config = load_config([{"input": {"dicom": [str(folder)], role: _named(folder, role)}}], [])

    def hash_or_refuse(path: Path) -> str:
        if path.name.startswith("Quill"):
            raise PermissionError(13, "Permission denied", str(path))
        return "0" * 64

    monkeypatch.setattr(inputs, "hash_file", hash_or_refuse)
    with pytest.raises(ConfigurationError, match=r"^1 files .* cannot be read") as refusal:
        record_inputs(config, _workspace(tmp_path / "w"))
    assert "Quillfeather" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def _named(folder: Path, role: str) -> list[str] | str:
    return [str(folder)] if role == "dicom" else str(folder)
