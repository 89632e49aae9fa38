import pytest

from privacy_audit.artefacts.wording import is_long_number, is_made_up, unknown_words


@pytest.mark.parametrize(
    "text",
    ["SYN-84fea3fa6d", "SYN-7195862692", "anon_0001", "y3262e1dfbe9f", "p7", "Patient 12", ""],
)
def test_made_up_name_is_recognised(text: str) -> None:
    assert is_made_up(text)


@pytest.mark.parametrize("text", ["Doe^Jane", "6561750259", "TCGA-17-Z034", "SYN-Zwickelmoser"])
def test_name_of_a_person_or_record_is_not_taken_for_made_up(text: str) -> None:
    assert not is_made_up(text)


def test_unknown_words_are_told_once_in_lower_case() -> None:
    assert unknown_words("CT Zwickelmoser, zwickelmoser liver v1.2") == ("zwickelmoser",)


@pytest.mark.parametrize(("text", "expected"), [("no 12345", True), ("1234 a12345", False)])
def test_long_number_is_one_of_five_digits(text: str, *, expected: bool) -> None:
    assert is_long_number(text) is expected
