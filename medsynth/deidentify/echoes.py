"""What a header calls people, so that it can be found again where it does not belong.

Names and numbers of patients are typed into protocol names, kernels and
comments. The fields they come from are removed; this finds their echoes in
fields that stay. The words live in memory while a file is read.
"""

import dataclasses
import re
from collections.abc import Iterator

from pydicom.dataset import Dataset

from medsynth.deidentify.release_list import KNOWN_CODES
from medsynth.deidentify.values import string_parts
from medsynth.deidentify.words import VOCABULARY

_NUMBER_TAGS = frozenset(
    {
        0x00080050,  # Accession Number
        0x00100020,  # Patient ID
        0x00101000,  # Other Patient IDs
        0x00101001,  # Other Patient Names
        0x00101040,  # Patient's Address
        0x00101090,  # Medical Record Locator
        0x00102154,  # Patient's Telephone Numbers
        0x00200010,  # Study ID
        0x00380010,  # Admission ID
    }
)
_SHORTEST_NAME = 3
_SHORTEST_NUMBER = 5
_DEEPEST = 16
_WORD = re.compile(r"[^\W_]+")
_COMMON = VOCABULARY | {word.casefold() for code in KNOWN_CODES for word in code.split()}


@dataclasses.dataclass(frozen=True)
class IdentifyingWords:
    """Words that point to a person.

    Attributes:
        names: parts of the names of people, in lower case.
        numbers: identifiers of at least five characters, in lower case.
    """

    names: frozenset[str] = dataclasses.field(repr=False)
    numbers: frozenset[str] = dataclasses.field(repr=False)

    def are_in(self, text: str) -> bool:
        """Tell whether a text holds a name as a word, or a number anywhere.

        Words that CT protocols use are no sign of a person here: a patient
        called Head does not make every body part a name.
        """
        lowered = text.casefold()
        words = set(_WORD.findall(lowered)) - _COMMON
        return bool(words & self.names) or any(number in lowered for number in self.numbers)


def identifying_words(dataset: Dataset) -> IdentifyingWords:
    """Collect the names of people and the numbers of the patient from a header.

    Args:
        dataset: the header; values that cannot be read are passed over.
    """
    names: set[str] = set()
    numbers: set[str] = set()
    for tag, vr, text in _identifying_values(dataset, 0):
        words = _WORD.findall(text.casefold())
        if vr == "PN":
            names.update(word for word in words if len(word) >= _SHORTEST_NAME)
        if tag in _NUMBER_TAGS:
            numbers.update(
                word
                for word in (*words, text.casefold())
                if len(word) >= _SHORTEST_NUMBER and any(map(str.isdigit, word))
            )
            names.update(word for word in words if len(word) > _SHORTEST_NAME and word.isalpha())
    return IdentifyingWords(frozenset(names), frozenset(numbers))


def _identifying_values(dataset: Dataset, depth: int) -> Iterator[tuple[int, str, str]]:
    for tag in list(dataset.keys()):
        if tag.is_private:
            continue
        try:
            element = dataset[tag]
            if element.VR == "SQ" and depth < _DEEPEST:
                for item in element.value or ():
                    yield from _identifying_values(item, depth + 1)
            elif element.VR == "PN" or tag in _NUMBER_TAGS:
                for part in string_parts(element.value):
                    yield int(tag), element.VR, part
        except Exception:  # noqa: BLE001, S112 - pydicom raises a dozen kinds on damaged values
            continue
