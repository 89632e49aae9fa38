"""Traces of patients and sites beside the pixels of what is to be released."""

import dataclasses
from typing import Any

from privacy_audit.artefacts.findings import KINDS
from privacy_audit.attacks.metadata import check_metadata
from privacy_audit.inputs import AuditInputs
from privacy_audit.suite.prepared import Found


def check_traces(inputs: AuditInputs) -> tuple[Found, list[dict[str, Any]]]:
    """Inspect every file of what is to be released.

    Returns:
        The check, and each finding as it stands in `audit.json`: where, and of what kind.
    """
    evidence = inputs.evidence
    if evidence.released_folder is None:
        return Found({}), []
    check, findings = check_metadata(
        evidence.released_folder, evidence.real_folders, evidence.private_list
    )
    told = [{**dataclasses.asdict(one), "meaning": KINDS[one.kind]} for one in findings]
    return Found({"metadata": check}), told
