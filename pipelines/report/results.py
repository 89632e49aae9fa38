"""What the finished folders of a workspace hold, with every part allowed to be absent."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medsynth.cohort.phase import PhaseRecord, read_phases
from medsynth.cohort.series import SeriesRecord, read_series
from medsynth.cohort.split import PatientRoles, read_patients
from medsynth.records.json_lines import read_json, read_json_lines
from medsynth.records.manifest import MANIFEST_NAME, Manifest, read_manifest
from medsynth.records.provenance import PROVENANCE_NAME
from medsynth.synthesis.index import SyntheticRecord, read_synthetic

STAGE_NAMES = (
    "ingest",
    "sort",
    "split",
    "prepare",
    "train",
    "synthesize",
    "evaluate",
    "audit",
    "release",
)
JsonObject = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class FinishedStage:
    """A stage's finished folder.

    Attributes:
        name: the stage.
        manifest: its manifest.
        provenance: content of its `provenance.json`; empty where it is missing.
        outdated: whether a folder it was made from has been made anew since.
    """

    name: str
    manifest: Manifest
    provenance: JsonObject
    outdated: bool


@dataclasses.dataclass(frozen=True)
class WorkspaceResults:
    """All that the report is made from; what no finished folder holds is empty or None.

    Attributes:
        workspace: the workspace folder.
        stages: the finished stages, in the pipeline's order.
        series: every series that ingest met.
        phases: the phase of each accepted series.
        patients: the roles of each patient.
        synthetic: the synthetic volumes.
        metrics: rows of the training's `metrics.jsonl`.
        privacy: content of the training's `privacy.json`.
        domain_differences: content of `domain_differences.json`; empty without it.
        fidelity: content of `fidelity.json`.
        utility: content of `utility.json`.
        audit: content of `audit.json`.
    """

    workspace: Path
    stages: tuple[FinishedStage, ...]
    series: tuple[SeriesRecord, ...]
    phases: tuple[PhaseRecord, ...]
    patients: tuple[PatientRoles, ...]
    synthetic: tuple[SyntheticRecord, ...]
    metrics: tuple[JsonObject, ...]
    privacy: JsonObject | None
    domain_differences: tuple[JsonObject, ...]
    fidelity: JsonObject | None
    utility: JsonObject | None
    audit: JsonObject | None

    def folder(self, stage_name: str) -> Path | None:
        """Give a stage's folder, or None if the stage has not finished."""
        finished = any(stage.name == stage_name for stage in self.stages)
        return self.workspace / stage_name if finished else None

    def files(self, stage_name: str, prefix: str) -> tuple[Path, ...]:
        """Give the files that a stage's manifest lists below a prefix, in order of their names."""
        return tuple(
            self.workspace / stage_name / relative
            for stage in self.stages
            if stage.name == stage_name
            for relative in sorted(stage.manifest.files)
            if relative.startswith(prefix)
        )


def read_results(workspace: Path) -> WorkspaceResults:
    """Read whatever is finished in a workspace.

    Args:
        workspace: the workspace folder.

    Raises:
        RecordError: a finished folder holds a file that cannot be read.
    """
    stages = _finished_stages(workspace)
    finished = {stage.name for stage in stages}
    has_metrics = (workspace / "train" / "metrics.jsonl").is_file()
    return WorkspaceResults(
        workspace=workspace,
        stages=stages,
        series=read_series(workspace / "ingest") if "ingest" in finished else (),
        phases=read_phases(workspace / "sort") if "sort" in finished else (),
        patients=read_patients(workspace / "split") if "split" in finished else (),
        synthetic=read_synthetic(workspace / "synthesize") if "synthesize" in finished else (),
        metrics=_read_metrics(workspace) if "train" in finished and has_metrics else (),
        privacy=_read_object(workspace, "train", "privacy.json"),
        domain_differences=_read_domain_differences(workspace),
        fidelity=_read_object(workspace, "evaluate", "fidelity.json"),
        utility=_read_object(workspace, "evaluate", "utility.json"),
        audit=_read_object(workspace, "audit", "audit.json"),
    )


def _finished_stages(workspace: Path) -> tuple[FinishedStage, ...]:
    manifests = {
        name: read_manifest(workspace / name)
        for name in STAGE_NAMES
        if (workspace / name / MANIFEST_NAME).is_file()
    }
    hashes = {name: manifest.content_hash() for name, manifest in manifests.items()}
    return tuple(
        FinishedStage(
            name=name,
            manifest=manifest,
            provenance=_read_object(workspace, name, PROVENANCE_NAME) or {},
            outdated=any(
                hashes.get(source, value) != value for source, value in manifest.inputs.items()
            ),
        )
        for name, manifest in manifests.items()
    )


def _read_metrics(workspace: Path) -> tuple[JsonObject, ...]:
    return tuple(read_json_lines(workspace / "train" / "metrics.jsonl"))


def _read_domain_differences(workspace: Path) -> tuple[JsonObject, ...]:
    folder = workspace / "train"
    path = folder / "domain_differences.json"
    if not (folder / MANIFEST_NAME).is_file() or not path.is_file():
        return ()
    return tuple(read_json(path))


def _read_object(workspace: Path, stage_name: str, file_name: str) -> JsonObject | None:
    folder = workspace / stage_name
    if not (folder / MANIFEST_NAME).is_file() or not (folder / file_name).is_file():
        return None
    content: JsonObject = read_json(folder / file_name)
    return content
