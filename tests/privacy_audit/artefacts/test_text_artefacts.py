import pytest

from privacy_audit.artefacts.text_artefacts import find_patterns, inspect_text, is_generated_uid


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("born 1951-09-17", "date_or_time"),
        ("born 17.9.1951,", "date_or_time"),
        ("born 17/09/1951", "date_or_time"),
        ("scan_19510917", ""),
        ("scan 19510917", "date_or_time"),
        ("at 20171207182239.5", "date_or_time"),
        ("on 7 December 2017", "date_or_time"),
        ("on Dec 7, 2017", "date_or_time"),
        ("in /home/jane/ct", "path"),
        ("C:\\Users\\jane\\ct", "path"),
        ("\\\\server\\share\\ct", "path"),
        ("file:///x", "path"),
        ('"/ct/raw/scan.dcm"', "path"),
        ("ask jane.doe@wendel.org", "email"),
        ("uid 1.3.12.2.1107.5.1.4.70344.3000", "uid"),
        ('{"birth_date": "x"}', "field_name"),
    ],
)
def test_pattern_is_found(text: str, kind: str) -> None:
    assert {found for _, found in find_patterns(text)} == ({kind} if kind else set())


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.840",
        "loss 0.20171207 after 20991399 steps",
        "1.25, 17.5 and 3/4 of 2019-2021",
        "https://example.org/data/model and </div></p>",
        "mg/kg/day, and/or",
        "2.25.223318657307394518034795377702025673406",
        '{"finished": "2026-11-22T05:37:33+00:00"}',
        "sha256 5d912ba091486e2dcb08a8563467d6e6133944104dfd30398c072d2b46e9e824",
        "The name of the network; the patients' names were removed.",
    ],
)
def test_harmless_text_gives_no_alarm(text: str) -> None:
    assert find_patterns(text) == []


def test_line_is_told_and_the_value_is_not() -> None:
    finding = inspect_text("a.txt", "", "one\ntwo 1951-09-17\n").findings[0]
    assert (finding.place, finding.kind) == ("line 2", "date_or_time")


@pytest.mark.parametrize(
    ("uid", "expected"), [("2.25.1234", True), ("1.2.840.113619.2.1", False), ("2.25.01", False)]
)
def test_generated_uid_is_told_from_a_scanners(uid: str, *, expected: bool) -> None:
    assert is_generated_uid(uid) is expected
