"""Models that can be asked how well they know an image.

The audit knows no model. Whoever makes one registers, under the entry point group
`privacy_audit.models`, a function that is given a folder and answers with a `WhiteBox`, or with
None where the folder holds no model of its kind.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from medsynth.errors import AuditError
from privacy_audit.images.image_reading import Pixels

ENTRY_POINT_GROUP = "privacy_audit.models"


class ScoredModel(Protocol):
    """A model that scores images."""

    def score(self, pixels: Pixels) -> Mapping[str, float]:
        """Give scores of one image by name, each higher where the model knows the image better.

        Minus a loss is such a score. Every image must get the same names, finite values, and
        the same values each time.

        Args:
            pixels: a real image, a member's or not.
        """
        ...


@dataclasses.dataclass(frozen=True)
class WhiteBox:
    """The model under attack, and models that never saw its patients.

    Attributes:
        target: the model that is to be released.
        references: models for the same task, trained on other patients; how well they know an
            image says how easy it is. Their scores have the target's names. May be empty.
    """

    target: ScoredModel
    references: tuple[ScoredModel, ...]


ReadModel = Callable[[Path], WhiteBox | None]


def find_white_box(folder: Path, readers: Sequence[ReadModel] | None = None) -> WhiteBox:
    """Read the model in a folder with whatever program knows its kind.

    Args:
        folder: the folder given to `--model`.
        readers: what to try, in order; None takes the registered ones, sorted by name.

    Raises:
        AuditError: there is no such folder, or nothing installed knows what it holds.
    """
    if not folder.is_dir():
        raise AuditError(
            f"Model folder {folder} is not there. Expected a folder with a model's weights. "
            "Check the path."
        )
    tried = registered_readers() if readers is None else readers
    for read in tried:
        model = read(folder)
        if model is not None:
            return model
    raise AuditError(
        f"None of {len(tried)} installed model readers knows what folder {folder.name} holds. "
        f"Expected weights of a known kind. Install the program that made them, or register a "
        f"reader under the entry point group {ENTRY_POINT_GROUP}."
    )


def registered_readers() -> list[ReadModel]:
    """Give the functions that installed programs registered, sorted by name.

    Raises:
        AuditError: one of them cannot be loaded.
    """
    found = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name)
    return [_load(entry) for entry in found]


def _load(entry: EntryPoint) -> ReadModel:
    try:
        read: ReadModel = entry.load()
    except (ImportError, AttributeError) as error:
        raise AuditError(
            f"The model reader {entry.name} cannot be loaded ({type(error).__name__}). Expected "
            f"the function {entry.value}. Install its program again."
        ) from None
    return read
