"""What an audit is given."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
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
        notes: sentences about the input, for the report; without anything read from a
            header or a table.
    """

    train: ImageSet
    synthetic: ImageSet
    source: ImageSet | None = None
    source_of: Mapping[str, str] | None = None
    holdout: ImageSet | None = None
    null: ImageSet | None = None
    members: ImageSet | None = None
    evidence: Evidence = dataclasses.field(default_factory=Evidence)
    notes: tuple[str, ...] = ()

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

    def real_patients(self) -> frozenset[str]:
        """Give the patients of whom there are real images."""
        real = (self.train, self.source, self.holdout)
        return frozenset(
            patient for images in real if images is not None for patient in images.patients
        )


def check_inputs(inputs: AuditInputs, mode: str) -> None:
    """Make sure that the roles, the source map, the attributes and the mode fit together.

    Raises:
        AuditError: the mode is unknown, a patient is in train and in holdout or null, the
            source map does not name each synthetic image or names a patient without real
            images, or the attributes are of nobody who is there.
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
        _check_mapped_images(inputs.source_of, [image.name for image in inputs.synthetic.images])
        _check_source_patients(inputs.source_of, inputs.real_patients())
    if inputs.evidence.attributes is not None:
        _check_attributes(inputs.evidence.attributes, inputs)


def describe_attributes(attributes: Attributes, inputs: AuditInputs) -> str:
    """Give the sentence for the report about whom a table of attributes names."""
    real = inputs.real_patients()
    return f"The attributes name {len(real & set(attributes))} of {len(real)} real patients."


def _check_mapped_images(source_of: Mapping[str, str], synthetic: Sequence[str]) -> None:
    unmapped = sorted(set(synthetic) - set(source_of))
    known = set(synthetic)
    unknown = [row for row, name in enumerate(source_of, start=1) if name not in known]
    if unmapped or unknown:
        # What the map itself says may be a patient's name, and is not shown.
        first = unmapped[0] if unmapped else f"that of its row {unknown[0]}"
        raise AuditError(
            f"The source map lacks {len(unmapped)} synthetic images and names {len(unknown)} that "
            f"are not there, the first is {first}. Expected one row for each synthetic image. "
            "Mend the source map."
        )


def _check_source_patients(source_of: Mapping[str, str], known: Collection[str]) -> None:
    absent = [row for row, name in enumerate(source_of.values(), start=1) if name not in known]
    if absent:
        raise AuditError(
            f"{len(absent)} of {len(source_of)} rows of the source map name a patient of whom "
            f"there are no real images, the first is row {absent[0]}. Expected each among the "
            "patients of train, source or holdout. Mend the source map or give the folder of "
            "sources."
        )


def _check_attributes(attributes: Attributes, inputs: AuditInputs) -> None:
    known = {patient for images in inputs.roles().values() for patient in images.patients}
    if known.isdisjoint(attributes):
        raise AuditError(
            f"None of the {len(attributes)} patients of the attributes table is among the "
            f"{len(known)} patients of the images. Expected patients named as the audit names "
            "them: by their file, their sub-folder, their DICOM header or the table of patients. "
            "Mend the table's column patient."
        )
