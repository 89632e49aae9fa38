"""What an audit is given."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.artefacts.private_list import PrivateList
from privacy_audit.images.attributes_table import Attributes
from privacy_audit.images.image_sets import ImageSet
from privacy_audit.verdict import MODES, CheckResult
from privacy_audit.white_box import WhiteBox


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known beside the images; each part adds a check or sharpens one.

    Attributes:
        released_folder: what is to be released, with every file in it; searched for names,
            numbers and other traces.
        real_folders: real scans whose identifiers and exact grids are looked for there.
        private_list: names, numbers and dates to look for there.
        labels: folder of label maps named like the images, with `labels.json`.
        attributes: patient -> sex, age, site and the like.
        claims: content of a `privacy.json` that comes with the images or the model.
        model: the model, where it is to be released too, or can be asked.
        claim: what checks of the training's claim found that need its own code.
    """

    released_folder: Path | None = None
    real_folders: tuple[Path, ...] = ()
    private_list: PrivateList | None = None
    labels: Path | None = None
    attributes: Attributes | None = None
    claims: Mapping[str, object] | None = None
    model: WhiteBox | None = None
    claim: CheckResult | None = None


@dataclasses.dataclass(frozen=True)
class AuditInputs:
    """What is audited.

    Attributes:
        train: real images of the patients that something was trained on.
        synthetic: the images to be released.
        source: real images that were translated; None where they are among `train`.
        source_of: synthetic name -> source patient, for every synthetic image;
            None where it is not known or there is no source.
        holdout: real images of patients never trained on.
        null: synthetic images of patients never trained on, made the same way.
        members: those of `train` that are alike to the holdout in everything but training,
            such as those of the same phase; None where all are.
        evidence: what is known beside the images.
    """

    train: ImageSet
    synthetic: ImageSet
    source: ImageSet | None = None
    source_of: Mapping[str, str] | None = None
    holdout: ImageSet | None = None
    null: ImageSet | None = None
    members: ImageSet | None = None
    evidence: Evidence = dataclasses.field(default_factory=Evidence)

    def roles(self) -> dict[str, ImageSet]:
        """Give the sets that are there, by role."""
        named = {
            "train": self.train,
            "synthetic": self.synthetic,
            "source": self.source,
            "holdout": self.holdout,
            "null": self.null,
        }
        return {role: images for role, images in named.items() if images is not None}


def check_inputs(inputs: AuditInputs, mode: str) -> None:
    """Make sure that the roles, the source map and the mode fit together.

    Raises:
        AuditError: the mode is unknown, a patient is in train and in holdout or null, or
            the source map does not name each synthetic image.
    """
    if mode not in MODES:
        raise AuditError(
            f'Release mode is "{mode}". Expected one of {", ".join(MODES)}. Change the mode.'
        )
    for role, images in (("holdout", inputs.holdout), ("null", inputs.null)):
        shared = set() if images is None else set(images.patients) & set(inputs.train.patients)
        if shared:
            raise AuditError(
                f"{len(shared)} patients are both in train and in {role}, the first is "
                f"{min(shared)}. Expected patients that were never trained on. Move them."
            )
    if inputs.source_of is not None:
        _check_source_map(inputs.source_of, [image.name for image in inputs.synthetic.images])


def _check_source_map(source_of: Mapping[str, str], synthetic: Sequence[str]) -> None:
    unmapped = sorted(set(synthetic) - set(source_of))
    unknown = sorted(set(source_of) - set(synthetic))
    if unmapped or unknown:
        raise AuditError(
            f"The source map lacks {len(unmapped)} synthetic images and names {len(unknown)} that "
            f"are not there, the first is {(unmapped + unknown)[0]}. Expected one row for each "
            "synthetic image. Mend the source map."
        )
