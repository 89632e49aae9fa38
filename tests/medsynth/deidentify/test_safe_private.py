from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from medsynth.deidentify.safe_private import safe_private_elements


def _with_private(creator: str, *elements: tuple[int, str, object]) -> Dataset:
    dataset = Dataset()
    dataset.add(DataElement(0x00190011, "LO", creator))
    for tag, vr, value in elements:
        dataset.add(DataElement(tag, vr, value))
    return dataset


def test_a_listed_number_stays_with_the_name_of_its_creator() -> None:
    dataset = _with_private("GEMS_ACQU_01", (0x00191123, "DS", "39.37"), (0x001911A7, "DS", "1"))
    kept = safe_private_elements(dataset)
    assert [(int(one.tag), str(one.value)) for one in kept] == [
        (0x00190011, "GEMS_ACQU_01"),
        (0x00191123, "39.37"),
    ]


def test_the_same_number_of_another_creator_does_not_stay() -> None:
    assert safe_private_elements(_with_private("OTHER", (0x00191123, "DS", "39.37"))) == []


def test_a_value_of_another_vr_or_form_does_not_stay() -> None:
    text = _with_private("GEMS_ACQU_01", (0x00191123, "LO", "39.37"))
    several = _with_private("GEMS_ACQU_01", (0x00191123, "DS", ["1962", "0117"]))
    assert safe_private_elements(text) == []
    assert safe_private_elements(several) == []


def test_a_pitch_stays_only_as_a_ratio() -> None:
    for value, number in (("0.992:1", 2), ("John Doe", 0)):
        dataset = Dataset()
        dataset.add(DataElement(0x00430010, "LO", "GEMS_PARM_01"))
        dataset.add(DataElement(0x00431027, "SH", value))
        assert len(safe_private_elements(dataset)) == number
