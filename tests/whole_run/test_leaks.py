"""No identifying text of the made-up patients leaves the workspace's private folders."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole_run

PUBLIC = ("release", "report", "logs")


def _planted(patients: Path) -> set[str]:
    planted = json.loads((patients / "planted.json").read_text("utf-8"))
    words = {word for words in planted.values() for word in words}
    # Two characters are found by chance in any picture.
    return {word for word in words if len(word) >= 4}


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield path.name, content
            if path.suffix == ".gz":
                yield path.name, gzip.decompress(content)


def _leaks(folder: Path, words: set[str]) -> list[tuple[str, str]]:
    return [
        (name, word)
        for name, content in _contents(folder)
        for word in words
        if word.encode("utf-8") in content or word.encode("latin-1", "replace") in content
    ]


def test_planted_words_are_found_where_they_are(patients: Path) -> None:
    first_series = sorted((patients / "dicom").iterdir())[0]
    assert _leaks(first_series, _planted(patients)) != []


@pytest.mark.parametrize("folder", PUBLIC)
def test_no_planted_word_is_in_any_byte(patients: Path, finished: Path, folder: str) -> None:
    assert _leaks(finished / folder, _planted(patients)) == []


def test_no_pseudonym_or_workspace_name_is_in_the_bundle(finished: Path) -> None:
    rows = (finished / "ingest" / "series.jsonl").read_text("utf-8").splitlines()
    private = {json.loads(row)[key] for row in rows for key in ("series", "patient")}
    made = (finished / "synthesize" / "index.jsonl").read_text("utf-8").splitlines()
    private |= {json.loads(row)["synthetic"] for row in made}
    assert _leaks(finished / "release", private) == []
