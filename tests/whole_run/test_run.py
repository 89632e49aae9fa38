import json
import shutil
import subprocess
from pathlib import Path

import pytest

from medsynth.records.manifest import folder_problems, read_manifest
from tests.whole_run.commands import command_line, environment, medsynth, run_arguments

pytestmark = pytest.mark.whole_run

STAGES = (
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


def _manifests(workspace: Path) -> dict[str, str]:
    return {stage: read_manifest(workspace / stage).content_hash() for stage in STAGES}


def test_run_ends_with_every_stage_and_a_report(finished: Path) -> None:
    for stage in STAGES:
        assert folder_problems(finished / stage) == []
    page = (finished / "report" / "index.html").read_text("utf-8")
    assert "far too few" in page
    assert not any(path.name.endswith(".partial") for path in finished.iterdir())


def test_second_run_does_nothing_again(patients: Path, finished: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(finished, workspace)
    times = {stage: (workspace / stage / "manifest.json").stat().st_mtime_ns for stage in STAGES}
    again = medsynth(*run_arguments(patients, workspace), "--set=release.accept_inconclusive=true")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("done before") == len(STAGES)
    for stage in STAGES:
        assert (workspace / stage / "manifest.json").stat().st_mtime_ns == times[stage]


def test_linkage_is_reported_and_an_unlinked_release_refused(
    finished: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(finished, workspace)
    audit = json.loads((workspace / "audit" / "audit.json").read_text())
    # Every translation is matched to its source; three are too few for a narrow interval.
    assert audit["checks"]["linkage_to_source"]["statistic"] == 1.0
    refused = medsynth("release", f"--workspace={workspace}", "--set=release.mode=unlinked")
    assert refused.returncode == 3
    assert "unlinked" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (workspace / "release").exists()


def test_killed_run_goes_on_and_ends_with_equal_manifests(
    patients: Path, finished: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "killed"
    arguments = [
        *run_arguments(patients, workspace),
        "--set=release.accept_inconclusive=true",
    ]
    # From the first file read to the last stages; each sitting goes a little further.
    for seconds in (3.0, 5.0, 7.0, 6.0):
        process = subprocess.Popen(
            command_line(arguments),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    done = medsynth(*arguments)
    assert done.returncode == 0, done.stderr
    assert _manifests(workspace) == _manifests(finished)


def test_verify_finds_an_altered_byte(finished: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(finished, workspace)
    assert medsynth("verify", str(workspace)).returncode == 0
    phases = workspace / "sort" / "phases.jsonl"
    phases.write_bytes(phases.read_bytes().replace(b"contrast", b"contrasT", 1))
    found = medsynth("verify", str(workspace))
    assert found.returncode == 2
    assert "sort: altered: phases.jsonl" in found.stderr


def test_bundle_verifies_by_its_own_checksums(finished: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(finished / "release", bundle)
    assert medsynth("verify", str(bundle)).returncode == 0


def test_status_tells_what_is_stale(finished: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(finished, workspace)
    split_again = medsynth("split", f"--workspace={workspace}", "--set=seed=9")
    assert split_again.returncode == 0, split_again.stderr
    told = medsynth("status", f"--workspace={workspace}")
    assert told.returncode == 0, told.stderr
    states = dict(
        line.split()[:2] for line in told.stdout.splitlines() if line.split()[0] in STAGES
    )
    assert states["ingest"] == states["sort"] == states["split"] == "done"
    assert states["prepare"] == states["train"] == "stale"
