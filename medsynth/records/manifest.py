"""The list of a folder's files with their hashes, and what they were made from.

A manifest holds no clock, no path outside its folder and no machine: equal
work gives equal manifests. Time, versions and device are in `provenance.json`,
which, like `timing.jsonl` and the pictures of a training in `samples`, taken
every few minutes, no manifest covers.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medsynth.errors import RecordError
from medsynth.records.atomic import write_text_atomically

SCHEMA = 1
MANIFEST_NAME = "manifest.json"
UNHASHED_NAMES = frozenset({MANIFEST_NAME, "provenance.json", "timing.jsonl"})
UNHASHED_FOLDERS = frozenset({"samples"})


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a finished folder holds and what it was made from.

    Attributes:
        stage: the verb that wrote the folder.
        settings_hash: SHA-256 of the settings the stage was run with.
        inputs: name of each input -> SHA-256 that identifies its content.
        files: path relative to the folder, with "/" -> SHA-256 of the content.
        schema: version of this record's form.
    """

    stage: str
    settings_hash: str
    inputs: dict[str, str]
    files: dict[str, str]
    schema: int = SCHEMA

    def content_hash(self) -> str:
        """Give the SHA-256 that identifies this manifest, in hexadecimal."""
        return hash_json(dataclasses.asdict(self))


def hash_bytes(content: bytes) -> str:
    """Give the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_json(value: object) -> str:
    """Give the SHA-256 of a value's canonical JSON form, in hexadecimal."""
    return hash_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode("utf-8"))


def write_manifest(
    folder: Path, *, stage: str, settings_hash: str, inputs: Mapping[str, str]
) -> Manifest:
    """List and hash a folder's files and write the list into the folder.

    Args:
        folder: a folder with all its files in place.
        stage: the verb that wrote it.
        settings_hash: SHA-256 of the settings used.
        inputs: name of each input -> SHA-256 of its content.

    Returns:
        The manifest as written.
    """
    files = {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _is_covered(path.relative_to(folder))
    }
    manifest = Manifest(stage=stage, settings_hash=settings_hash, inputs=dict(inputs), files=files)
    text = json.dumps(dataclasses.asdict(manifest), indent=1, sort_keys=True)
    write_text_atomically(folder / MANIFEST_NAME, text + "\n")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a finished folder.

    Args:
        folder: the folder that holds `manifest.json`.

    Raises:
        RecordError: the file is missing, is not JSON, or has another schema.
    """
    path = folder / MANIFEST_NAME
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        manifest = Manifest(**content)
    except FileNotFoundError:
        raise RecordError(
            f"Folder {folder.name} has no {MANIFEST_NAME}. Expected a folder written by medsynth. "
            "Run the stage that writes it."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError):
        raise RecordError(
            f"{MANIFEST_NAME} of folder {folder.name} cannot be read. Expected the JSON that "
            "medsynth wrote. Delete the folder and run its stage again."
        ) from None
    if manifest.schema != SCHEMA:
        raise RecordError(
            f"{MANIFEST_NAME} of folder {folder.name} has schema {manifest.schema}. "
            f"Expected {SCHEMA}. Delete the folder and run its stage again."
        )
    return manifest


def folder_problems(folder: Path) -> list[str]:
    """Compare a folder with its manifest and list every difference.

    Args:
        folder: the folder that holds `manifest.json`.

    Returns:
        One line per missing, altered or unlisted file; empty when all agree.

    Raises:
        RecordError: the manifest itself is missing or unreadable.
    """
    listed = read_manifest(folder).files
    problems = []
    for relative, expected in sorted(listed.items()):
        path = folder / relative
        if not path.is_file():
            problems.append(f"missing: {relative}")
        elif hash_file(path) != expected:
            problems.append(f"altered: {relative}")
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.is_file() and relative not in listed and _is_covered(path.relative_to(folder)):
            problems.append(f"not in the manifest: {relative}")
    return problems


def _is_covered(relative: Path) -> bool:
    return relative.name not in UNHASHED_NAMES and relative.parts[0] not in UNHASHED_FOLDERS
