import dataclasses
import os
from pathlib import Path

import pytest

from medsynth.cohort.phase import CONFLICTS_NAME, Phase, PhaseRecord, read_phases
from medsynth.cohort.series import SeriesRecord, read_series, volume_path, write_series
from medsynth.imaging.nifti import write_volume
from medsynth.imaging.volume import Volume
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import render_scan
from medsynth.records.json_lines import read_json_lines
from medsynth.records.manifest import write_manifest
from pipelines import ingest, sort
from pipelines.project_config import load_config
from tests.medsynth.cohort.made_series import accepted_series
from tests.pipelines.stage_running import RecordingReporter, run_stages

EXAMPLE = accepted_series("s000000000001", "p0000000001")


@pytest.fixture(scope="module")
def contrast_volume() -> Volume:
    return render_scan(1, 0, PhantomOptions(slices=12), "contrast").volume


def sorted_series(
    workspace: Path, record: SeriesRecord, volume: Volume, *settings: str
) -> tuple[PhaseRecord, RecordingReporter]:
    folder = workspace / "ingest"
    (folder / "volumes").mkdir(parents=True)
    rejected = dataclasses.replace(record, series="s000000000009", verdict="rejected")
    write_series(folder, [record, rejected])
    write_volume(volume_path(folder, record.series), volume)
    write_manifest(folder, stage="ingest", settings_hash="", inputs={})
    reporter = run_stages([sort.STAGE], workspace, load_config([], list(settings)))
    (phase,) = read_phases(workspace / "sort")
    return phase, reporter


def test_a_silent_header_leaves_the_word_to_the_pixels(
    tmp_path: Path, contrast_volume: Volume
) -> None:
    record, reporter = sorted_series(tmp_path, EXAMPLE, contrast_volume)
    assert (record.phase, record.header) == (Phase.CONTRAST, Phase.UNKNOWN)
    assert (record.pixels, record.conflict) == (Phase.CONTRAST, False)
    assert record.confidence > 0.9
    assert reporter.lines == [
        "1 series: contrast",
        "1 series: header unknown, pixels contrast",
    ]


def test_a_header_against_the_pixels_is_a_conflict(tmp_path: Path, contrast_volume: Volume) -> None:
    denied = dataclasses.replace(
        EXAMPLE, header_phase=Phase.NONCONTRAST, header_evidence=("agent_denied",)
    )
    record, reporter = sorted_series(tmp_path, denied, contrast_volume)
    assert (record.phase, record.conflict) == (Phase.UNKNOWN, True)
    (conflict,) = read_json_lines(tmp_path / "sort" / CONFLICTS_NAME)
    assert (conflict["series"], conflict["header"]) == (EXAMPLE.series, "noncontrast")
    assert conflict["header_evidence"] == ["agent_denied"]
    assert conflict["enhanced_cm2"] > conflict["plain_cm2"]
    assert reporter.lines[-1].startswith("1 series left out: header and pixels disagree")


def test_without_pixels_the_header_stands_alone(tmp_path: Path, contrast_volume: Volume) -> None:
    denied = dataclasses.replace(EXAMPLE, header_phase=Phase.NONCONTRAST)
    record, _ = sorted_series(tmp_path, denied, contrast_volume, "sort.use_pixels=false")
    assert (record.phase, record.pixels) == (Phase.NONCONTRAST, Phase.UNKNOWN)
    assert read_json_lines(tmp_path / "sort" / CONFLICTS_NAME) == []


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_real_volumes_are_sorted_two_and_two(tmp_path: Path) -> None:
    folder = Path(os.environ["MEDSYNTH_REAL_CT"]) / "volumes"
    config = load_config([{"input": {"dicom": [str(folder)]}}], ["ingest.processes=1"])
    run_stages([ingest.STAGE, sort.STAGE], tmp_path / "work", config)
    # One patient each; the README beside the scans says which.
    expected = {35: "contrast", 40: "contrast", 59: "noncontrast", 50: "noncontrast"}
    phases = {record.series: record.phase for record in read_phases(tmp_path / "work" / "sort")}
    from_slices = {
        record.slices: phases[record.series] for record in read_series(tmp_path / "work" / "ingest")
    }
    assert from_slices == expected
