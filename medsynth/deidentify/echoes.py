"""What a header calls people, so that it can be found again where it does not belong.

Names and numbers of patients are typed into protocol names, kernels and
comments. The fields they come from are removed; this finds their echoes in
fields that stay. The words live in memory while a file is read.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Iterator

from pydicom.dataset import Dataset

from medsynth.deidentify.release_list import KNOWN_CODES
from medsynth.deidentify.values import string_parts
from medsynth.deidentify.words import VOCABULARY

_NUMBER_TAGS = frozenset(
    {
        0x00080050,  # Accession Number
        0x00100020,  # Patient ID
        0x00100030,  # Patient's Birth Date
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
# From so many letters on a name is found within longer words too.
_SHORTEST_GLUED_NAME = 6
_SHORTEST_NUMBER = 5
_DEEPEST = 16
_WORD = re.compile(r"[^\W_]+")
_IDEOGRAM = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
# No attribute of a CT slice needs whole numbers beyond those of 16 bits but for identifiers.
_LARGEST_COMMON_NUMBER = 2**16 - 1
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_COMMON = VOCABULARY | {word.casefold() for code in KNOWN_CODES for word in code.split()}


@dataclasses.dataclass(frozen=True)
class IdentifyingWords:
    """Words that point to a person.

    Attributes:
        names: parts of the names of people, in lower case, with accents and without.
        fragments: what is found within words too, in lower case: identifiers of at least
            five characters, names of at least six letters, names in ideograms.
    """

    names: frozenset[str] = dataclasses.field(repr=False)
    fragments: frozenset[str] = dataclasses.field(repr=False)

    def are_in(self, text: str) -> bool:
        """Tell whether a text holds a name as a word, or an identifier anywhere.

        Words that CT protocols use are no sign of a person here: a patient
        called Head does not make every body part a name.
        """
        return any(self._are_in_form(form) for form in _forms(text))

    def are_number(self, number: float) -> bool:
        """Tell whether a number is an identifier, whatever zeros stand around its digits."""
        if not float(number).is_integer() or abs(number) <= _LARGEST_COMMON_NUMBER:
            return False
        digits = str(abs(int(number)))
        return any(digits == one.lstrip("0") for one in self.fragments)

    def _are_in_form(self, text: str) -> bool:
        words = set(_WORD.findall(text)) - _COMMON
        return bool(words & self.names) or any(one in text for one in self.fragments)


def identifying_words(dataset: Dataset) -> IdentifyingWords:
    """Collect the names of people and the numbers of the patient from a header.

    Args:
        dataset: the header; values that cannot be read are passed over.
    """
    names: set[str] = set()
    fragments: set[str] = set()
    for tag, vr, text in _identifying_values(dataset, 0):
        for form in _forms(text):
            words = _WORD.findall(form)
            if vr == "PN":
                names.update(word for word in words if len(word) >= _SHORTEST_NAME)
                fragments.update(_IDEOGRAM.findall(form))
            if tag in _NUMBER_TAGS:
                fragments.update(_numbers(form, words))
                names.update(
                    word for word in words if len(word) > _SHORTEST_NAME and word.isalpha()
                )
    long_names = {name for name in names - _COMMON if len(name) >= _SHORTEST_GLUED_NAME}
    return IdentifyingWords(frozenset(names), frozenset(fragments | long_names))


def _forms(text: str) -> set[str]:
    """Give the ways to write a text: accents as they are, dropped, and as second letters."""
    written = unicodedata.normalize("NFKC", text).casefold()
    apart = unicodedata.normalize("NFD", written)
    plain = "".join(one for one in apart if not unicodedata.combining(one))
    return {written, plain, written.translate(_UMLAUTS)}


def _numbers(text: str, words: list[str]) -> Iterator[str]:
    for one in (*words, text, "".join(words), "".join(filter(str.isdigit, text))):
        if len(one) >= _SHORTEST_NUMBER and any(map(str.isdigit, one)):
            yield one


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
