"""Verb status: what a workspace holds and whether it is up to date."""

from pathlib import Path

from medsynth.records.json_lines import read_json
from pipelines.inputs import remembered_inputs
from pipelines.project_config import load_config
from pipelines.run import stage_states
from pipelines.workspace import existing_workspace, remembered_settings


def workspace_status(workspace: Path) -> str:
    """Give a line for each stage, and the audit's verdict where there is one.

    Raises:
        RecordError: the folder is no workspace.
    """
    config = load_config([remembered_settings(existing_workspace(workspace))])
    states = stage_states(workspace, config, remembered_inputs(workspace))
    lines = [f"{name:<12} {state}" for name, state in states]
    audit = workspace / "audit" / "audit.json"
    if audit.is_file():
        verdict = read_json(audit)
        lines.append(f"Audit: {verdict['verdict']}, in mode {verdict['mode']}")
    report = workspace / "report" / "index.html"
    if report.is_file():
        lines.append(f"Report: {report}")
    return "\n".join(lines)
