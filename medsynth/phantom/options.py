"""What a made-up cohort is like."""

import dataclasses
import enum

from medsynth.errors import ConfigurationError
from medsynth.phantom.site import SITES


class BodyRegion(enum.StrEnum):
    """The part of the body that a scan is centred on."""

    ABDOMEN = "abdomen"
    CHEST = "chest"


@dataclasses.dataclass(frozen=True)
class PhantomOptions:
    """The grid of the scans and the make-up of the cohort.

    Anatomy is in millimetres and does not depend on the grid: a field of view
    (`matrix * spacing_mm`) under about 350 mm cuts the body, and the scan is
    centred on the first lumbar vertebra, or for the chest on the heart's base.

    Attributes:
        matrix: rows, and columns, of a slice.
        slices: slices of a volume.
        spacing_mm: distance between voxel centres within a slice.
        slice_mm: distance between slices.
        sites: number of hospitals, patients are dealt to them in turn.
        contrast_share: share of patients with a contrast scan alone, 0 to 1.
        both_share: share of patients with a scan in each phase, 0 to 1; the
            remaining patients have a noncontrast scan alone.
        scout_share: share of patients with a localizer series besides.
        region: the part of the body; a chest scan of 300 mm reaches from the
            upper liver to the neck.
    """

    matrix: int = 128
    slices: int = 32
    spacing_mm: float = 2.8
    slice_mm: float = 5.0
    sites: int = 2
    contrast_share: float = 0.6
    both_share: float = 0.1
    scout_share: float = 1 / 6
    region: BodyRegion = BodyRegion.ABDOMEN

    def __post_init__(self) -> None:
        """Check that each option is in its range."""
        _require(8 <= self.matrix <= 1024, "matrix", self.matrix, "8 to 1024")
        _require(1 <= self.slices <= 2000, "slices", self.slices, "1 to 2000")
        _require(0.1 <= self.spacing_mm <= 50, "spacing_mm", self.spacing_mm, "0.1 to 50")
        _require(0.1 <= self.slice_mm <= 50, "slice_mm", self.slice_mm, "0.1 to 50")
        _require(1 <= self.sites <= len(SITES), "sites", self.sites, f"1 to {len(SITES)}")
        _require(0 <= self.contrast_share <= 1, "contrast_share", self.contrast_share, "0 to 1")
        rest = 1 - self.contrast_share
        # Room for the rounding of 1 - 0.9, and no more.
        allowed = 0 <= self.both_share <= rest + 1e-9
        _require(allowed, "both_share", self.both_share, f"0 to {rest:.3g}")
        _require(0 <= self.scout_share <= 1, "scout_share", self.scout_share, "0 to 1")


def _require(holds: bool, name: str, found: float, expected: str) -> None:
    if not holds:
        raise ConfigurationError(
            f"Phantom option {name} is {found:g}. Expected {expected}. Change the option."
        )
