from pathlib import Path

import pytest

from medsynth.records.atomic import (
    partial_folder,
    staged_folder,
    write_bytes_atomically,
    write_text_atomically,
)


def test_text_replaces_the_old_file_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text_atomically(path, "old")
    write_text_atomically(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_bytes_atomically(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_folder_is_absent_until_its_block_ends(tmp_path: Path) -> None:
    final = tmp_path / "stage"
    with staged_folder(final) as folder:
        (folder / "file").write_text("x")
        assert not final.exists()
    assert (final / "file").read_text() == "x"
    assert [p.name for p in tmp_path.iterdir()] == ["stage"]


def _write_and_fail(final: Path) -> None:
    with staged_folder(final) as folder:
        (folder / "new").write_text("x")
        raise KeyboardInterrupt


def test_interrupted_folder_leaves_the_old_one_untouched(tmp_path: Path) -> None:
    final = tmp_path / "stage"
    final.mkdir()
    (final / "old").write_text("kept")
    with pytest.raises(KeyboardInterrupt):
        _write_and_fail(final)
    assert [p.name for p in final.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["stage"]


def test_new_folder_replaces_the_whole_old_one(tmp_path: Path) -> None:
    final = tmp_path / "stage"
    final.mkdir()
    (final / "old").write_text("gone")
    with staged_folder(final) as folder:
        (folder / "new").write_text("x")
    assert [p.name for p in final.iterdir()] == ["new"]


def test_what_a_killed_run_left_is_removed_first(tmp_path: Path) -> None:
    final = tmp_path / "stage"
    left = partial_folder(final)
    left.mkdir()
    (left / "half").write_text("x")
    with staged_folder(final) as folder:
        assert list(folder.iterdir()) == []
