import pytest
from pydicom.dataset import Dataset

from medsynth.deidentify.echoes import identifying_words


def _words(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_names_are_found_as_words_in_other_text() -> None:
    words = identifying_words(_words(PatientName="Quillfeather^Odalys", PatientID="1"))
    assert words.are_in("kernel of ODALYS")
    assert not words.are_in("kernel of Daly")


def test_numbers_are_found_within_words() -> None:
    words = identifying_words(_words(PatientID="MRN-471177"))
    assert words.are_in("B30f_x471177y")
    assert not words.are_in("471178")


def test_short_numbers_are_no_sign_of_a_person() -> None:
    assert not identifying_words(_words(PatientID="120", StudyID="3")).are_in("120")


def test_words_of_protocols_are_no_sign_of_a_person() -> None:
    words = identifying_words(_words(PatientName="Head^Axial^Quill"))
    assert not words.are_in("HEAD")
    assert words.are_in("HEAD of Quill")


def test_names_in_sequences_are_collected() -> None:
    dataset = _words(ReferencedPatientSequence=[_words(PatientName="Quillfeather")])
    assert identifying_words(dataset).are_in("Quillfeather")


def test_the_words_do_not_show_when_printed() -> None:
    assert "quill" not in repr(identifying_words(_words(PatientName="Quillfeather")))


@pytest.mark.parametrize(
    "text",
    ["Müller", "MU\u0308LLER", "Mueller", "Muller", "\uff2dULLER", "Kernel_Muller"],
)
def test_a_name_is_found_however_its_accents_are_written(text: str) -> None:
    assert identifying_words(_words(PatientName="Müller")).are_in(text)


def test_a_name_written_with_second_letters_is_found_with_accents() -> None:
    assert identifying_words(_words(PatientName="Mueller")).are_in("Müller")


def test_a_name_in_ideograms_is_found_without_spaces() -> None:
    words = identifying_words(_words(PatientName="Yamada^Tarou=山田^太郎"))
    assert words.are_in("山田太郎")
    assert not words.are_in("腹部")


def test_a_long_name_is_found_within_a_word_and_a_short_one_is_not() -> None:
    words = identifying_words(_words(PatientName="Quillfeather^Ann"))
    assert words.are_in("QuillfeatherZ")
    assert not words.are_in("scanner")


def test_a_long_word_of_protocols_is_not_found_within_words() -> None:
    assert not identifying_words(_words(PatientName="Abdomen")).are_in("ABDOMENPELVIS2")


def test_birth_dates_and_digits_of_split_numbers_are_found() -> None:
    words = identifying_words(_words(PatientBirthDate="19410203", PatientID="MRN-4711-77"))
    assert words.are_in("b19410203")
    assert words.are_in("471177")


def test_numbers_are_identifiers_without_their_zeros() -> None:
    words = identifying_words(_words(PatientID="04711778", AccessionNumber="00512"))
    assert words.are_number(4711778)
    assert words.are_number(-4711778.0)
    assert not words.are_number(4711778.5)
    # Matrices, windows and paddings are numbers of 16 bits.
    assert not words.are_number(512)
