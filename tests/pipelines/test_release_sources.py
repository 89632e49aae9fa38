from pathlib import Path
from typing import Any

import pytest

from medsynth.errors import RecordError
from medsynth.privacy.accounting import Mechanism, spent
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.progress import SilentReporter
from pipelines.project_config import ProjectConfig
from pipelines.release import STAGE
from pipelines.release_sources import check_files, check_made_from, read_checked_privacy
from pipelines.stages import run_stage
from tests.pipelines.made_workspace import INPUTS, UPDATES, Parts, finish, make_workspace

COST = spent([Mechanism("generators", 2.0, 0.3, 40)], 1e-3).epsilon


def release(workspace: Path, mode: str = "translated") -> Path:
    settings = ProjectConfig.model_validate({"release": {"mode": mode}})
    run_stage(STAGE, workspace, settings, inputs=INPUTS, reporter=SilentReporter())
    return workspace / "release"


def edit_json(path: Path, **values: object) -> None:
    write_json(path, {**read_json(path), **values})


def write_privacy(folder: Path, **values: object) -> Path:
    record: dict[str, Any] = {
        "private": True,
        "epsilon": COST,
        "delta": 1e-3,
        "mechanisms": [UPDATES],
    }
    write_json(folder / "privacy.json", {**record, **values})
    return folder


def test_another_training_than_the_audited_one_is_not_released(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True))
    (workspace / "train" / "to_noncontrast.safetensors").write_bytes(b"another training")
    finish(workspace / "train", "prepare")
    with pytest.raises(RecordError, match=r"made from another result of train than the one") as it:
        release(workspace, "weights")
    assert it.value.exit_code == 2
    assert not (workspace / "release").exists()


@pytest.mark.parametrize(
    ("redone", "reads", "outdated"),
    [
        ("train", ["prepare"], "synthesize"),
        ("synthesize", ["ingest", "split", "train"], "evaluate"),
        ("prepare", ["ingest", "split"], "train"),
        ("split", ["sort"], "synthesize"),
    ],
)
def test_what_comes_from_an_earlier_result_of_a_stage_is_named(
    tmp_path: Path, redone: str, reads: list[str], outdated: str
) -> None:
    workspace = make_workspace(tmp_path / "w")
    check_made_from(workspace, STAGE.reads)
    (workspace / redone / "another.txt").write_text("other", "utf-8")
    finish(workspace / redone, *reads)
    with pytest.raises(RecordError, match=f"of {outdated} was made from another result of"):
        check_made_from(workspace, [outdated])
    with pytest.raises(RecordError, match=f"was made from another result of {redone} than"):
        check_made_from(workspace, STAGE.reads)


def test_a_slice_store_made_after_the_training_is_found_though_all_else_was_redone(
    tmp_path: Path,
) -> None:
    workspace = make_workspace(tmp_path / "w")
    (workspace / "prepare" / "another.txt").write_text("other", "utf-8")
    finish(workspace / "prepare", "ingest", "split")
    finish(workspace / "evaluate", "prepare", "synthesize")
    finish(workspace / "audit", "ingest", "prepare", "synthesize", "train")
    with pytest.raises(RecordError, match="of train was made from another result of prepare"):
        release(workspace)


def test_a_split_made_after_the_slice_store_is_found_behind_stages_that_fit(
    tmp_path: Path,
) -> None:
    workspace = make_workspace(tmp_path / "w")
    (workspace / "split" / "another.txt").write_text("other", "utf-8")
    finish(workspace / "split", "sort")
    finish(workspace / "synthesize", "ingest", "split", "train")
    finish(workspace / "evaluate", "prepare", "synthesize")
    finish(workspace / "audit", "ingest", "prepare", "synthesize", "train")
    with pytest.raises(RecordError, match="of prepare was made from another result of split"):
        release(workspace)


def test_a_folder_that_was_cleared_away_is_passed_over(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    (workspace / "sort" / "manifest.json").unlink()
    check_made_from(workspace, STAGE.reads)


@pytest.mark.parametrize("name", ["privacy.json", "to_noncontrast.safetensors"])
def test_a_file_of_the_training_that_was_edited_is_not_released(tmp_path: Path, name: str) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True))
    release(workspace, "weights")
    file = workspace / "train" / name
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(RecordError, match=f"{name} of train was altered"):
        release(workspace, "weights")
    assert not (workspace / "release").exists()


def test_missing_and_unlisted_files_are_told_apart(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    (workspace / "train" / "late.json").write_text("{}", "utf-8")
    with pytest.raises(RecordError, match=r"late\.json of train is not in the manifest"):
        check_files(workspace / "train", ["privacy.json", "late.json"])
    with pytest.raises(RecordError, match=r"gone\.json of train is missing"):
        check_files(workspace / "train", ["gone.json"])


def test_an_epsilon_below_what_the_updates_cost_is_refused(tmp_path: Path) -> None:
    assert read_checked_privacy(write_privacy(tmp_path))["epsilon"] == COST
    assert read_checked_privacy(write_privacy(tmp_path, epsilon=COST - 0.5e-6))["private"]
    with pytest.raises(RecordError, match="its updates add up to"):
        read_checked_privacy(write_privacy(tmp_path, epsilon=COST - 2e-6))
    with pytest.raises(RecordError, match="its updates add up to"):
        read_checked_privacy(write_privacy(tmp_path, mechanisms=[UPDATES, UPDATES]))


@pytest.mark.parametrize("mechanisms", [None, [], [{"name": "generators"}]])
def test_a_private_record_that_does_not_tell_its_updates_is_refused(
    tmp_path: Path, mechanisms: object
) -> None:
    with pytest.raises(RecordError, match="does not tell its updates"):
        read_checked_privacy(write_privacy(tmp_path, mechanisms=mechanisms))


def test_an_understated_epsilon_in_a_listed_record_stops_the_release(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(private=True))
    edit_json(workspace / "train" / "privacy.json", epsilon=0.5)
    finish(workspace / "train", "prepare")
    finish(workspace / "synthesize", "ingest", "split", "train")
    finish(workspace / "evaluate", "prepare", "synthesize")
    finish(workspace / "audit", "ingest", "prepare", "synthesize", "train")
    with pytest.raises(RecordError, match=r"states epsilon 0\.5, and its updates add up to 3\."):
        release(workspace)


def test_a_training_without_privacy_needs_no_updates(tmp_path: Path) -> None:
    found = read_checked_privacy(write_privacy(tmp_path, private=False, mechanisms=[]))
    assert found["private"] is False
