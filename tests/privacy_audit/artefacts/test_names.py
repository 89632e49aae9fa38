import pytest

from privacy_audit.artefacts.names import inspect_name, shown_names


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ct_6561750259.nii.gz", "number"),
        ("ct_2017-12-07.png", "date_or_time"),
        ("jane@wendel.org.txt", "email"),
    ],
)
def test_name_that_tells_something_is_found(name: str, kind: str) -> None:
    found = inspect_name("", "name", name, is_counted=False)
    assert kind in {finding.kind for finding in found.findings}


@pytest.mark.parametrize(
    "name",
    ["SYN-84fea3fa6d_ct.nii.gz", "step_000200.png", "0001.dcm", "2.25.1234567890123.nii.gz"],
)
def test_made_up_or_counted_name_gives_no_alarm(name: str) -> None:
    found = inspect_name("", "name", name, is_counted=False)
    assert (found.findings, found.words) == ((), ())


def test_unknown_word_is_kept_for_the_folder_to_decide() -> None:
    (words,) = inspect_name("", "name", "Zwickelmoser_ct.nii.gz", is_counted=False).words
    assert (words.unknown, words.kind) == (("zwickelmoser",), "file_name")


def test_suspicious_part_of_a_path_is_shown_as_its_number() -> None:
    paths = ("ct/doe/1.png", "ct/roe/1.png")
    shown = shown_names(paths, frozenset({"doe", "roe"}))
    assert list(shown.values()) == ["ct/[name 1]/1.png", "ct/[name 2]/1.png"]
