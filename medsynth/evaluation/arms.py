"""The ways to train a segmenter that are compared: what each learns from."""

import dataclasses
import enum


class Ingredient(enum.Enum):
    """A group of labelled scans that a segmenter can learn from."""

    SOURCE_CONTRAST = "contrast scans of the source patients"
    SOURCE_SYNTHETIC = "translations of the source patients' scans"
    TRAIN_NONCONTRAST = "real non-contrast scans of the train patients"


@dataclasses.dataclass(frozen=True)
class Arm:
    """One training set; everything else is equal for all arms.

    Attributes:
        name: its name in the results.
        ingredients: the scans it learns from.
    """

    name: str
    ingredients: tuple[Ingredient, ...]


CONTRAST_ONLY = Arm("contrast_only", (Ingredient.SOURCE_CONTRAST,))
CYCLEGAN_MIX = Arm("cyclegan_mix", (Ingredient.SOURCE_CONTRAST, Ingredient.SOURCE_SYNTHETIC))
# The ceiling: what labelled non-contrast scans themselves would give.
REAL_NONCONTRAST = Arm("real_noncontrast", (Ingredient.TRAIN_NONCONTRAST,))

ARMS = (CONTRAST_ONLY, CYCLEGAN_MIX, REAL_NONCONTRAST)
BASELINE = CONTRAST_ONLY


def arms_named(names: tuple[str, ...]) -> tuple[Arm, ...]:
    """Give the arms of these names, in the fixed order of `ARMS`, each once."""
    return tuple(arm for arm in ARMS if arm.name in names)
