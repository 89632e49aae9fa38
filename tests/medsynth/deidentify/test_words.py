import pytest

from medsynth.cohort.phase_words import words_phase
from medsynth.deidentify.words import allowed_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CT ABD/PELVIS pt Quillfeather", "CT ABD PELVIS"),
        ("AXIAL C+ 5MM", "AXIAL C+ 5MM"),
        ("Abdomen portalvenös 5.0 B30f", "ABDOMEN PORTALVENÖS"),
        ("Abdomen 5.0 mm w/o", "ABDOMEN 5.0MM W/O"),
        ("12 34 56 7890 19620117", ""),
        ("12 mm of Wendelstein, room 7", "12MM"),
        ("", ""),
    ],
)
def test_only_words_of_protocols_and_measures_stay(text: str, words: str) -> None:
    assert allowed_words(text) == words


def test_a_word_that_is_somebodys_name_does_not_stay() -> None:
    assert allowed_words("Hand axial for Mr Hand", names=frozenset({"hand"})) == "AXIAL"


@pytest.mark.parametrize(
    "text", ["Abdomen nativ", "ABDOMEN W CONTRAST", "Abd. nach KM i.v.", "AXIAL C- 5MM"]
)
def test_what_stays_says_the_same_of_the_phase(text: str) -> None:
    assert words_phase(allowed_words(text)) == words_phase(text)
