from pathlib import Path

import pytest

from medsynth.errors import AuditError
from privacy_audit.artefacts.byte_search import search_bytes
from privacy_audit.artefacts.private_list import read_private_list, spellings_of, table_of


@pytest.mark.parametrize(
    "written",
    [
        b"Doe, Jane",
        b"DOE^JANE",
        b"jane doe",
        b"Jane_Doe",
        b"of JANE DOE!",
        "xx Doe^Jane".encode("utf-16-le"),
        "xx Doe^Jane".encode("utf-16-be"),
    ],
)
def test_name_is_found_in_each_spelling(written: bytes) -> None:
    assert len(search_bytes(written, table_of(["Jane Doe"]))) == 1


@pytest.mark.parametrize(
    "written",
    [
        "Jürgen Müller".encode(),
        "JÜRGEN MÜLLER".encode("latin-1"),
        b"Juergen Mueller",
        b"Jurgen Muller",
        b"M\\u00fcller^J\\u00fcrgen",
        b"M&uuml;ller, J&uuml;rgen",
    ],
)
def test_name_with_accents_is_found_however_encoded(written: bytes) -> None:
    assert len(search_bytes(written, table_of(["Müller, Jürgen"]))) == 1


@pytest.mark.parametrize(
    "written", [b"19510917", b"1951-09-17", b"17.09.1951", b"09/17/1951", b"Sep 17, 1951"]
)
def test_date_is_found_in_each_form(written: bytes) -> None:
    assert len(search_bytes(b"born " + written, table_of(["17.09.1951"]))) == 1


def test_plain_hash_of_a_number_is_found() -> None:
    # printf 6561750259 | sha256sum
    digest = "65518ce816eb26f6ce61c22aad1a65b8da6e46b8662cccdb7495687ed086b0b1"
    table = table_of(["6561750259"])
    assert len(search_bytes(digest.upper().encode(), table)) == 1
    assert search_bytes(digest[::-1].encode(), table) == []


@pytest.mark.parametrize("written", [b"Doerner", b"adoe", b"0doe", b"dOe", b"DoE"])
def test_short_name_is_not_found_within_a_word_or_in_odd_case(written: bytes) -> None:
    assert search_bytes(written, table_of(["Doe"])) == []


@pytest.mark.parametrize("written", [b"0.46241", b"46241.5", b"146241", b"462412"])
def test_number_is_not_found_within_another_number(written: bytes) -> None:
    assert search_bytes(written, table_of(["46241"])) == []


def test_number_is_found_at_the_end_of_a_sentence() -> None:
    assert len(search_bytes(b"It was 46241.", table_of(["46241"]))) == 1


def test_spellings_of_a_date_begin_as_it_stands() -> None:
    assert spellings_of("1951-09-17")[:2] == ("1951-09-17", "19510917")


def test_list_is_read_with_its_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    path.write_bytes("Müller\n\n 12345 \n".encode("latin-1"))
    assert read_private_list(path).entries == ((1, "Müller"), (3, "12345"))


def test_list_never_shows_its_entries(tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    path.write_text("Zwickelmoser")
    assert "Zwickel" not in repr(read_private_list(path))


def test_entry_of_two_characters_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    path.write_text("Zwickelmoser\nLi\n")
    with pytest.raises(AuditError, match=r"Line 2 .* 2 characters") as caught:
        read_private_list(path)
    assert "Li\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_empty_list_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "private.txt"
    path.write_bytes(content)
    with pytest.raises(AuditError, match="is empty"):
        read_private_list(path)


def test_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cannot be read"):
        read_private_list(tmp_path / "none.txt")
