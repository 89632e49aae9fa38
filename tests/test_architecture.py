"""The rules of the house that no single module can keep alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("medsynth", "pipelines", "privacy_audit")
KERNEL = ("medsynth.errors", "medsynth.records", "medsynth.imaging")
COMMAND_LINE_FILES = {"pipelines/cli.py", "pipelines/console.py", "privacy_audit/cli.py"}
LONGEST_FILE = 400


def _sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            module = node.module or ""
            yield module
            # `from pipelines import cli` names a module, too.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _is_below(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _breaches(below: str, *, ours: tuple[str, ...], but: tuple[str, ...]) -> list[str]:
    """List imports of `ours`, other than `but`, in the sources below a path."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _sources()
        if path.relative_to(ROOT).as_posix().startswith(below)
        for name in _imports(path)
        if _is_below(name, ours) and not _is_below(name, but) and name not in PACKAGES
    ]


def test_errors_import_nothing_of_ours() -> None:
    assert _breaches("medsynth/errors.py", ours=PACKAGES, but=()) == []


def test_records_import_errors_alone() -> None:
    but = ("medsynth.errors", "medsynth.records")
    assert _breaches("medsynth/records/", ours=PACKAGES, but=but) == []


def test_imaging_imports_the_kernel_and_no_torch() -> None:
    assert _breaches("medsynth/imaging/", ours=(*PACKAGES, "torch", "monai"), but=KERNEL) == []


def test_library_imports_neither_pipelines_nor_audit() -> None:
    assert _breaches("medsynth/", ours=("pipelines", "privacy_audit"), but=()) == []


def test_audit_imports_the_kernel_alone() -> None:
    but = (*KERNEL, "privacy_audit")
    assert _breaches("privacy_audit/", ours=(*PACKAGES, "torch", "monai"), but=but) == []


def test_networks_import_networks_alone() -> None:
    assert _breaches("medsynth/networks/", ours=PACKAGES, but=("medsynth.networks",)) == []


def test_opacus_appears_in_at_most_one_file() -> None:
    files = {path for path in _sources() for name in _imports(path) if _is_below(name, ("opacus",))}
    assert len(files) <= 1


def test_console_libraries_appear_in_command_line_files_only() -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in _sources()
        for name in _imports(path)
        if _is_below(name, ("typer", "rich"))
    }
    assert files <= COMMAND_LINE_FILES


@pytest.mark.parametrize("path", _sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_file_is_short_enough_to_be_one_idea(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
