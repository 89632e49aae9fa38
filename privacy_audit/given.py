"""From files and folders to what an audit is given."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.artefacts.private_list import read_private_list
from privacy_audit.attacks.claimed_epsilon import read_claims
from privacy_audit.images.attributes_table import Attributes, read_attributes
from privacy_audit.images.image_sets import read_named_sets, read_source_map
from privacy_audit.images.patients_table import read_patients_table
from privacy_audit.inputs import AuditInputs, Evidence, describe_attributes
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

    def paths(self) -> tuple[Path, ...]:
        """Give all files and folders that are given."""
        files = (
            self.patients,
            self.source_map,
            self.labels,
            self.attributes,
            self.private_list,
            self.claims,
            self.model,
        )
        return (*self.folders.values(), *(path for path in files if path is not None))


def read_given(given: Given) -> AuditInputs:
    """Read all that is given but the pixels.

    Raises:
        AuditError: a file or folder is missing or cannot be used.
    """
    table = None if given.patients is None else read_patients_table(given.patients)
    named = read_named_sets(given.folders, table)
    sets = named.sets
    source_of = None if given.source_map is None else read_source_map(given.source_map)
    inputs = AuditInputs(
        train=sets["train"],
        synthetic=sets["synthetic"],
        source=sets.get("source"),
        source_of=source_of,
        holdout=sets.get("holdout"),
        null=sets.get("null"),
        evidence=_read_evidence(given),
    )
    return _with_known_patients(inputs, named.labels)


def _with_known_patients(inputs: AuditInputs, labels: Mapping[str, str]) -> AuditInputs:
    """Name the patients of tables as the audit does, and tell whom the attributes name."""
    # A patient that a folder names keeps that name, whatever a header elsewhere says.
    own = inputs.real_patients()
    label_of = {patient: label for patient, label in labels.items() if patient not in own}
    source_of, attributes = inputs.source_of, inputs.evidence.attributes
    if source_of is not None:
        source_of = {name: label_of.get(patient, patient) for name, patient in source_of.items()}
    notes: tuple[str, ...] = ()
    if attributes is not None:
        attributes = _relabelled(attributes, label_of)
        notes = (describe_attributes(attributes, inputs),)
    evidence = dataclasses.replace(inputs.evidence, attributes=attributes)
    return dataclasses.replace(inputs, source_of=source_of, evidence=evidence, notes=notes)


def _relabelled(attributes: Attributes, label_of: Mapping[str, str]) -> Attributes:
    relabelled = {label_of.get(patient, patient): row for patient, row in attributes.items()}
    if len(relabelled) < len(attributes):
        raise AuditError(
            f"The attributes table names {len(attributes) - len(relabelled)} patients twice, by a "
            "DICOM header and by what the audit calls them. Expected one line for each patient. "
            "Mend the table."
        )
    return relabelled


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
