"""What the user handed over, known by content and not by place or time."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from medsynth.deidentify.key_file import read_key, secret_of_key
from medsynth.errors import ConfigurationError, RecordError
from medsynth.imaging.dicom_discovery import scan_folder
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.manifest import hash_bytes, hash_file, hash_json
from pipelines.project_config import ProjectConfig

_CACHE_NAME = ".inputs.json"


@dataclasses.dataclass(frozen=True)
class InputRecord:
    """The user's files by content.

    Attributes:
        content_hashes: "dicom", and "labels", "truth" and "key" where given -> SHA-256.
        secret: 64 hexadecimal digits from which pseudonyms and new names are
            made. It is the key file's, or is derived from every byte of the
            scans: who does not hold all of them cannot know it, and equal
            input gives equal names. Never written outside the workspace.
    """

    content_hashes: dict[str, str]
    secret: str


def record_inputs(config: ProjectConfig, workspace: Path) -> InputRecord:
    """Hash the user's files, or take the hashes of last time if no file has changed since.

    Args:
        config: all settings.
        workspace: where the hashes are remembered; must exist.

    Raises:
        ConfigurationError: no DICOM folder is named, a named path is not there, or a file
            cannot be read.
    """
    _check_paths(config)
    cache = workspace / _CACHE_NAME
    state = hash_json(_file_states(config))
    if cache.is_file():
        remembered = read_json(cache)
        if remembered["state"] == state:
            return InputRecord(remembered["content_hashes"], remembered["secret"])
    record = _hash_inputs(config)
    write_json(cache, {"state": state, **dataclasses.asdict(record)})
    cache.chmod(0o600)
    return record


def remembered_inputs(workspace: Path) -> InputRecord:
    """Give the hashes of last time, without looking at the user's files.

    Raises:
        RecordError: `ingest` has not been run in this workspace.
    """
    cache = workspace / _CACHE_NAME
    if not cache.is_file():
        raise RecordError(
            "The workspace remembers no scans. Expected a workspace in which `medsynth ingest` "
            "has run. Run it first, or `medsynth run` for all."
        )
    remembered = read_json(cache)
    return InputRecord(remembered["content_hashes"], remembered["secret"])


def files_below(folder: Path) -> list[Path]:
    """List the files below a folder in a fixed order; links out of the folder are left out."""
    return list(scan_folder(folder).files)


def _check_paths(config: ProjectConfig) -> None:
    if not config.input.dicom:
        raise ConfigurationError(
            "No DICOM folder is named. Expected the folder with your CT scans. "
            "Give it with --dicom DIR."
        )
    named = [*config.input.dicom, config.input.labels, config.input.truth]
    for folder in named:
        if folder is not None and not folder.is_dir():
            raise ConfigurationError(
                f"Folder {folder} is not there. Expected an existing folder. Check the path."
            )
    if config.ingest.key_file is not None:
        read_key(config.ingest.key_file)


def _named_folders(config: ProjectConfig) -> Iterable[Path]:
    yield from config.input.dicom
    for folder in (config.input.labels, config.input.truth):
        if folder is not None:
            yield folder


def _file_states(config: ProjectConfig) -> list[list[object]]:
    states: list[list[object]] = []
    for folder in _named_folders(config):
        states.append([str(folder.resolve())])
        states.extend([str(path), *_state(path)] for path in files_below(folder))
    key_file = config.ingest.key_file
    if key_file is not None:
        states.append([str(key_file), hash_file(key_file)])
    return states


def _state(path: Path) -> tuple[int, int]:
    """Give size and time of a file; a file that is gone is found out when it is hashed."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _hash_inputs(config: ProjectConfig) -> InputRecord:
    digests = sorted(
        set(_hash_all(path for one in config.input.dicom for path in files_below(one)))
    )
    hashes = {"dicom": hash_json(digests)}
    for name, folder in (("labels", config.input.labels), ("truth", config.input.truth)):
        if folder is not None:
            paths = files_below(folder)
            names = [path.relative_to(folder).as_posix() for path in paths]
            hashes[name] = hash_json(list(zip(names, _hash_all(paths), strict=True)))
    key_file = config.ingest.key_file
    if key_file is None:
        key = "".join(digests).encode("ascii")
    else:
        key = read_key(key_file)
        hashes["key"] = hash_bytes(b"medsynth key file" + key)
    return InputRecord(hashes, secret_of_key(key))


def _hash_all(paths: Iterable[Path]) -> list[str]:
    """Hash files; what cannot be read is counted, for its name may be a patient's."""
    hashes: list[str] = []
    unreadable = 0
    for path in paths:
        try:
            hashes.append(hash_file(path))
        except OSError:
            unreadable += 1
    if unreadable:
        raise ConfigurationError(
            f"{unreadable} files in the folders with scans, labels or truth cannot be read. "
            "Expected that every file there can be: a scan without one of its files would end too "
            "early. Give this account the right to read them, or take them out."
        )
    return hashes
