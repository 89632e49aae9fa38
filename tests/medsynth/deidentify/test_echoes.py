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
    assert not words.are_in("odalysque")


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
