from pathlib import Path

import numpy as np
import pytest

from privacy_audit.artefacts import byte_search
from privacy_audit.artefacts.byte_search import Hit, search_bytes, search_file
from privacy_audit.artefacts.private_list import table_of


def test_hit_tells_the_first_byte_and_the_entry() -> None:
    table = table_of(["Zwickelmoser", "6561750259"])
    assert search_bytes(b"no. 6561750259, Zwickelmoser", table) == [Hit(4, 1), Hit(16, 0)]


def test_entry_is_found_across_the_border_of_two_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_search, "_CHUNK_BYTES", 64)
    table = table_of(["Zwickelmoser"])
    for offset in range(40, 240, 7):
        path = tmp_path / "file"
        path.write_bytes(b"." * offset + b"Zwickelmoser" + b"." * 200)
        assert search_file(path, table, ()) == [Hit(offset, 0)]


def test_search_agrees_with_a_plain_search_at_every_offset(tmp_path: Path) -> None:
    table = table_of(["Doe", "Moser", "Zwickelmoser"])
    for offset in range(12):
        for entry, word in enumerate((b"Doe", b"Moser", b"Zwickelmoser")):
            assert search_bytes(b"-" * offset + word + b"-", table) == [Hit(offset, entry)]


def test_short_entry_is_not_looked_for_among_numbers(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"head Doe\0" + b"\1\2 Moser Zwickelmoser \3")
    table = table_of(["Doe", "Moser", "Zwickelmoser"])
    assert {hit.entry for hit in search_file(path, table, [(9, 40)])} == {0, 2}


def test_thousand_entries_are_not_found_by_chance_in_noise() -> None:
    generator = np.random.default_rng(0)
    texts = [str(number) for number in generator.integers(10**4, 10**8, 500)]
    texts += ["".join(chr(97 + c) for c in generator.integers(0, 26, 5)) for _ in range(500)]
    scan = generator.normal(50, 12, 2**20).astype(np.int16).tobytes()
    noise = generator.integers(0, 256, 2**21, dtype=np.uint8).tobytes()
    dense = [(0, 2**22)]
    assert search_bytes(scan, table_of(texts), dense) == []
    assert search_bytes(noise, table_of(texts), dense) == []
