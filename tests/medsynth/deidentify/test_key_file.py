import os
from pathlib import Path

import pytest

from medsynth.deidentify.key_file import is_open_to_others, make_key, read_secret
from medsynth.errors import ConfigurationError
from pipelines.inputs import record_inputs
from pipelines.project_config import load_config


def test_a_new_key_has_32_bytes_and_is_its_owners_alone(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert len((tmp_path / "key").read_bytes()) == 32
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_two_new_keys_differ(tmp_path: Path) -> None:
    make_key(tmp_path / "a")
    make_key(tmp_path / "b")
    assert read_secret(tmp_path / "a") != read_secret(tmp_path / "b")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"precious")
    with pytest.raises(ConfigurationError, match="another place"):
        make_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == b"precious"


def test_a_short_or_missing_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="5 bytes"):
        read_secret(tmp_path / "key")
    with pytest.raises(ConfigurationError, match="is not there"):
        read_secret(tmp_path / "none")


def test_a_key_makes_the_pseudonyms_that_ingest_makes_of_it(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "file").write_bytes(b"x")
    values = {
        "input": {"dicom": [str(tmp_path / "dicom")]},
        "ingest": {"key_file": str(tmp_path / "key")},
    }
    assert record_inputs(load_config([values], []), tmp_path).secret == (
        read_secret(tmp_path / "key")
    )


def test_a_key_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a file"):
        read_secret(tmp_path)


def test_the_folder_of_a_key_is_made_and_no_part_of_it_may_be_a_file(tmp_path: Path) -> None:
    make_key(tmp_path / "a" / "b" / "key")
    assert len(read_secret(tmp_path / "a" / "b" / "key")) == 64
    for path in (tmp_path / "a" / "b" / "key" / "x", tmp_path / "a" / "b" / "key" / "x" / "y"):
        with pytest.raises(ConfigurationError, match="cannot be made"):
            make_key(path)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert not is_open_to_others(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    assert is_open_to_others(tmp_path / "key")
