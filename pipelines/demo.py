"""Verb demo: the whole pipeline on made-up patients, who have nothing to lose."""

from pathlib import Path

from medsynth.errors import ReleaseRefusedError
from medsynth.records.atomic import discard_folder
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.progress import Reporter
from pipelines.phantom import write_phantom
from pipelines.project_config import ProjectConfig
from pipelines.run import run_all
from pipelines.workspace import workspace_config

DEMO_CONFIG = Path(__file__).parent / "configs" / "demo.toml"
_PATIENTS = "patients"
_MADE_WITH = "made_with.json"


def run_demo(workspace: Path, config: ProjectConfig, reporter: Reporter) -> None:
    """Make the patients, run every stage, and say where the report is.

    Args:
        workspace: the workspace, held by this process.
        config: all settings.
        reporter: hears of the progress.
    """
    patients = workspace / _PATIENTS
    made_with = config.phantom.model_dump(mode="json")
    if not (patients / _MADE_WITH).is_file() or read_json(patients / _MADE_WITH) != made_with:
        discard_folder(patients)
        reporter.message(f"Making {config.phantom.patients} patients")
        write_phantom(patients, config.phantom, reporter)
        write_json(patients / _MADE_WITH, made_with)
    folders = {
        "dicom": [str((patients / "dicom").absolute())],
        "labels": str((patients / "labels").absolute()),
        "truth": str((patients / "truth").absolute()),
    }
    config = workspace_config(workspace, options={"input": folders})
    try:
        run_all(workspace, config, reporter)
    except ReleaseRefusedError as refusal:
        # The demo has shown what it set out to show; the refusal is part of it.
        reporter.message(f"Release refused: {refusal}")
