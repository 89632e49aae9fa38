from pathlib import Path

import pytest

from medsynth.cohort.phase import Phase, PhaseRecord, write_phases
from medsynth.cohort.series import write_series
from medsynth.cohort.split import PatientRoles, read_patients
from medsynth.errors import CohortError, ConfigurationError
from medsynth.records.manifest import write_manifest
from pipelines import split
from pipelines.project_config import load_config
from tests.medsynth.cohort.made_series import accepted_series
from tests.pipelines.stage_running import run_stages


def sorted_workspace(workspace: Path, series: dict[str, tuple[str, Phase]]) -> Path:
    """A workspace with ingest and sort done; series -> patient and phase."""
    for stage in ("ingest", "sort"):
        (workspace / stage).mkdir(parents=True)
    write_series(
        workspace / "ingest",
        [accepted_series(name, patient) for name, (patient, _) in series.items()],
    )
    write_phases(
        workspace / "sort",
        [
            PhaseRecord(name, phase, phase, phase, 1.0, conflict=False)
            for name, (_, phase) in series.items()
        ],
    )
    for stage in ("ingest", "sort"):
        write_manifest(workspace / stage, stage=stage, settings_hash="", inputs={})
    return workspace


def test_a_patient_with_both_phases_is_one_patient(tmp_path: Path) -> None:
    workspace = sorted_workspace(
        tmp_path,
        {
            "s1": ("p1", Phase.CONTRAST),
            "s2": ("p1", Phase.NONCONTRAST),
            "s3": ("p2", Phase.NONCONTRAST),
            "s4": ("p3", Phase.UNKNOWN),
        },
    )
    reporter = run_stages([split.STAGE], workspace, load_config([], []))
    assert read_patients(workspace / "split") == (
        PatientRoles("p1", ("contrast", "noncontrast"), ("train", "source")),
        PatientRoles("p2", ("noncontrast",), ("train",)),
    )
    assert reporter.lines == [
        "patients with a contrast series: 1 source, 1 train",
        "patients with a noncontrast series: 1 source, 2 train",
    ]


def test_one_phase_only_is_refused(tmp_path: Path) -> None:
    workspace = sorted_workspace(
        tmp_path, {"s1": ("p1", Phase.CONTRAST), "s2": ("p2", Phase.CONTRAST)}
    )
    with pytest.raises(CohortError, match="0 with a noncontrast series"):
        run_stages([split.STAGE], workspace, load_config([], []))


def test_contrast_scans_alone_are_enough_where_nothing_is_trained(tmp_path: Path) -> None:
    workspace = sorted_workspace(
        tmp_path, {"s1": ("p1", Phase.CONTRAST), "s2": ("p2", Phase.CONTRAST)}
    )
    reporter = run_stages([split.STAGE], workspace, load_config([], ["train.steps=0"]))
    assert reporter.lines[1] == "patients with a noncontrast series: none"
    assert {one.roles for one in read_patients(workspace / "split")} == {("train",), ("source",)}


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"add up to 1\.35; they must"):
        load_config([], ["split.contrast_train=0.9"])
