import gzip
import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from privacy_audit.artefacts.inspect_file import Inspected, inspect_file
from privacy_audit.artefacts.lookup import make_lookup
from privacy_audit.artefacts.unpacking import Bounds
from tests.privacy_audit.artefacts.planted import write_clean_set

_NOTHING = make_lookup(None, None)


def _inspect(path: Path, **bounds: int) -> Inspected:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return inspect_file("shown", path, _NOTHING, Bounds(**bounds), scratch)


def _kinds(inspected: Inspected) -> set[str]:
    return {finding.kind for finding in inspected.findings}


def _zip_in_zip(levels: int) -> bytes:
    content = b"1 2 3"
    for _ in range(levels):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("inner.zip", content)
        content = buffer.getvalue()
    return content


@pytest.mark.parametrize("packed", ["gzip", "zip"])
def test_bomb_is_not_unpacked_beyond_its_bound(tmp_path: Path, packed: str) -> None:
    path = tmp_path / "bomb"
    if packed == "gzip":
        path.write_bytes(gzip.compress(bytes(2**22), mtime=0))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("volume.npy", bytes(2**22))
    inspected = _inspect(path, unpacked_bytes=2**20)
    assert "not_readable" in _kinds(inspected)
    assert inspected.inspected_bytes < 2**20


def test_nested_archives_are_opened_four_deep_and_no_deeper(tmp_path: Path) -> None:
    path = tmp_path / "nested.zip"
    path.write_bytes(_zip_in_zip(4))
    assert _kinds(_inspect(path)) == set()
    path.write_bytes(_zip_in_zip(6))
    assert _kinds(_inspect(path)) == {"not_readable"}


def test_archive_with_too_many_members_cannot_be_cleared(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(12):
            archive.writestr(f"{number}.txt", "1")
    assert _kinds(_inspect(path, members=10)) == {"not_readable"}


def test_pickle_is_never_carried_out(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    witness = tmp_path / "witness"
    path.write_bytes(
        b"\x80\x02cos\nmkdir\nX"
        + len(str(witness)).to_bytes(4, "little")
        + str(witness).encode()
        + b"\x85R."
    )
    _inspect(path)
    assert not witness.exists()


def test_pickled_array_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "pickled_object" in _kinds(_inspect(path))


def test_damaged_files_never_end_the_inspection(tmp_path: Path) -> None:
    generator = random.Random(0)
    release = write_clean_set(tmp_path / "release", patients=1)
    for path in sorted(release.rglob("*")):
        if path.is_dir():
            continue
        content = path.read_bytes()
        for _ in range(12):
            damaged = bytearray(content[: generator.randint(1, len(content))])
            for _ in range(generator.randint(0, 20)):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            other = tmp_path / path.name
            other.write_bytes(damaged)
            assert _inspect(other).inspected_bytes > 0


def test_truncated_archives_cannot_be_cleared(tmp_path: Path) -> None:
    release = write_clean_set(tmp_path / "release", patients=1)
    for name in ("labels.zip", "arrays.npz", "masks.tar.gz", "volume.npy", "model.safetensors"):
        path = tmp_path / name
        path.write_bytes((release / name).read_bytes()[:-40])
        assert "not_readable" in _kinds(_inspect(path)), name


def test_scratch_is_empty_afterwards(tmp_path: Path) -> None:
    release = write_clean_set(tmp_path / "release", patients=1)
    for path in sorted(release.glob("*.*")):
        _inspect(path)
    left = [path for path in (release / "scratch").rglob("*") if path.is_file()]
    assert left == []


def test_endless_pickle_lengths_cannot_be_cleared(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04\x8e" + (2**60).to_bytes(8, "little") + b".")
    assert "not_readable" in _kinds(_inspect(path))


def test_unpacked_bytes_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt.gz"
    content = b"liver " * 1000
    path.write_bytes(gzip.compress(content, mtime=0))
    assert _inspect(path).inspected_bytes == path.stat().st_size + len(content)
