"""From files and folders to what an audit is given."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from privacy_audit.artefacts.private_list import read_private_list
from privacy_audit.attacks.claimed_epsilon import read_claims
from privacy_audit.images.attributes_table import read_attributes
from privacy_audit.images.image_sets import read_image_sets, read_source_map
from privacy_audit.images.patients_table import read_patients_table
from privacy_audit.inputs import AuditInputs, Evidence
from privacy_audit.white_box import find_white_box


@dataclasses.dataclass(frozen=True)
class Given:
    """The files and folders of an audit.

    Attributes:
        folders: role ("train", "synthetic", "source", "holdout", "null") -> folder;
            the first two must be there.
        patients: CSV with the columns image and patient.
        source_map: CSV with the columns synthetic and patient.
        labels: folder of label maps.
        attributes: CSV with the column patient and one column an attribute.
        private_list: names, numbers and dates, one a line.
        claims: a `privacy.json`.
        model: folder of a model.
    """

    folders: Mapping[str, Path]
    patients: Path | None = None
    source_map: Path | None = None
    labels: Path | None = None
    attributes: Path | None = None
    private_list: Path | None = None
    claims: Path | None = None
    model: Path | None = None


def read_given(given: Given) -> AuditInputs:
    """Read all that is given but the pixels.

    Raises:
        AuditError: a file or folder is missing or cannot be used.
    """
    table = None if given.patients is None else read_patients_table(given.patients)
    sets = read_image_sets(given.folders, table)
    return AuditInputs(
        train=sets["train"],
        synthetic=sets["synthetic"],
        source=sets.get("source"),
        source_of=None if given.source_map is None else read_source_map(given.source_map),
        holdout=sets.get("holdout"),
        null=sets.get("null"),
        evidence=_read_evidence(given),
    )


def _read_evidence(given: Given) -> Evidence:
    real = ("train", "source", "holdout")
    listed = given.private_list
    return Evidence(
        released_folder=given.folders["synthetic"],
        real_folders=tuple(given.folders[role] for role in real if role in given.folders),
        private_list=None if listed is None else read_private_list(listed),
        labels=given.labels,
        attributes=None if given.attributes is None else read_attributes(given.attributes),
        claims=None if given.claims is None else read_claims(given.claims),
        model=None if given.model is None else find_white_box(given.model),
    )
