"""Public contrast scans: the side of a translation from which nobody needs protection."""

import dataclasses
from typing import Literal

SourceKind = Literal["made_up", "workspace"]


@dataclasses.dataclass(frozen=True)
class PublicSettings:
    """How a training learns from public contrast scans.

    Attributes:
        source: "made_up" patients, or those of a "workspace" of public scans.
        free_steps: updates from public scans alone in each training step.
        batch: public patches in such an update, and beside the patients' in a private one.
        seed: of the draw of public patches, which hides nobody.
    """

    source: SourceKind
    free_steps: int
    batch: int
    seed: int = 0
