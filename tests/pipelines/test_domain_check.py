"""The word before training."""

from pathlib import Path
from typing import Any

import numpy as np

from medsynth.cohort.phase import Phase
from medsynth.cohort.series import write_series
from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from medsynth.records.json_lines import read_json, write_json
from pipelines.domain_check import DOMAIN_DIFFERENCES_NAME, warn_of_domain_differences
from pipelines.project_config import load_config
from pipelines.stages import StageContext
from tests.medsynth.cohort.made_series import TECHNICAL, accepted_series
from tests.pipelines.stage_running import INPUTS, RecordingReporter

PATIENTS = 8
SHAPE = (4, 64, 64)


def make_workspace(workspace: Path, *, noncontrast_lung: int) -> Path:
    """Write what ingest and prepare write, of bodies with a lung of some size.

    Args:
        workspace: empty folder.
        noncontrast_lung: rows and columns of the lung of noncontrast patients; that of
            contrast patients has 10.
    """
    random = np.random.default_rng(0)
    ingest, prepare = workspace / "ingest", workspace / "prepare"
    for folder in (ingest, prepare, workspace / "train"):
        folder.mkdir(parents=True)
    stored, records = [], []
    for number in range(2 * PATIENTS):
        phase = Phase.CONTRAST if number % 2 else Phase.NONCONTRAST
        size = 10 if phase is Phase.CONTRAST else noncontrast_lung
        size += int(random.integers(0, 3))
        hu = np.full(SHAPE, -1000, dtype=np.int16)
        hu[:, 8:56, 6:58] = 40
        hu[:, 16 : 16 + size, 16 : 16 + size] = -800
        series, patient = f"s{number:012x}", f"p{number:010x}"
        store_array(prepare, "slices", series, hu)
        store_array(prepare, "labels", series, np.zeros(SHAPE, dtype=np.uint8))
        role = "train" if number < 2 * PATIENTS - 2 else "test"
        stored.append(StoredSeries(series, patient, phase.value, (role,), 4, True, False))
        records.append(
            accepted_series(
                series, patient, phase, shape=SHAPE, has_labels=True, technical=TECHNICAL
            )
        )
    write_index(prepare, stored)
    write_series(ingest, records)
    write_json(prepare / "labels.json", {"1": "liver", "2": "lesion"})
    return workspace


def check(workspace: Path) -> tuple[Any, list[str]]:
    """Run the check; give what it wrote and said."""
    reporter = RecordingReporter()
    context = StageContext(workspace, load_config([]), INPUTS, workspace / "train", reporter)
    warn_of_domain_differences(context)
    return read_json(workspace / "train" / DOMAIN_DIFFERENCES_NAME), reporter.lines


def test_another_region_is_said_and_written(tmp_path: Path) -> None:
    differences, lines = check(make_workspace(tmp_path, noncontrast_lung=24))
    assert len(lines) == 1
    assert "share of lung" in lines[0]
    assert differences[0]["name"] == "lung_share"
    assert differences[0]["finding"] == "differs"
    # Of the sixteen patients, one of each phase is a test patient.
    assert differences[0]["patients"] == [7, 7]


def test_alike_domains_are_written_and_not_spoken_of(tmp_path: Path) -> None:
    differences, lines = check(make_workspace(tmp_path, noncontrast_lung=10))
    assert lines == []
    assert {one["finding"] for one in differences} <= {"alike", "too_few"}


def test_no_pseudonym_is_written(tmp_path: Path) -> None:
    check(make_workspace(tmp_path, noncontrast_lung=24))
    written = (tmp_path / "train" / DOMAIN_DIFFERENCES_NAME).read_text("utf-8")
    assert "p0000" not in written
    assert "s0000" not in written


def test_resumed_training_does_not_compare_again(tmp_path: Path) -> None:
    make_workspace(tmp_path, noncontrast_lung=24)
    write_json(tmp_path / "train" / DOMAIN_DIFFERENCES_NAME, [])
    assert check(tmp_path) == ([], [])
