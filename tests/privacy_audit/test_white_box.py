from collections.abc import Mapping
from pathlib import Path

import pytest

from medsynth.errors import AuditError
from privacy_audit.images.image_reading import Pixels
from privacy_audit.white_box import (
    ENTRY_POINT_GROUP,
    WhiteBox,
    find_white_box,
    registered_readers,
)


class _Constant:
    def score(self, pixels: Pixels) -> Mapping[str, float]:
        return {"loss": float(pixels.values[0, 0, 0])}


MODEL = WhiteBox(_Constant(), ())


def _read_none(folder: Path) -> WhiteBox | None:
    return None


def _read_model(folder: Path) -> WhiteBox | None:
    return MODEL if (folder / "weights").is_file() else None


def test_first_reader_that_knows_the_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "weights").touch()
    assert find_white_box(tmp_path, [_read_none, _read_model]) is MODEL


def test_folder_that_no_reader_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="None of 2 installed model readers"):
        find_white_box(tmp_path, [_read_none, _read_model])


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="is not there"):
        find_white_box(tmp_path / "absent", [_read_model])


def _install(folder: Path, name: str, function: str) -> None:
    """Make a program that registers a reader, as an installer would leave it."""
    information = folder / "other_tool-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: other-tool\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{name} = {function}\n")


def test_reader_of_an_installed_program_is_found_by_its_registration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other_tool.py").write_text("def read(folder):\n    return None\n")
    _install(tmp_path, "a_tool", "other_tool:read")
    monkeypatch.syspath_prepend(tmp_path)
    assert registered_readers()[0](tmp_path) is None


def test_registration_of_a_function_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, "a_tool", "a_module_that_is_not_there:read")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AuditError, match="model reader a_tool cannot be loaded"):
        registered_readers()
