import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medsynth.cohort.series import read_series
from medsynth.deidentify.pseudonyms import patient_pseudonym, series_pseudonym
from medsynth.errors import CohortError, ConfigurationError, ImageError
from medsynth.imaging.dicom_series import RepairKind
from medsynth.imaging.nifti import read_labels, read_volume, write_labels, write_volume
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.records.manifest import read_manifest
from pipelines import ingest
from pipelines.project_config import ProjectConfig, load_config
from tests.medsynth.imaging import hostile_files
from tests.medsynth.imaging.dicom_examples import (
    COLUMNS,
    PATIENT_ID,
    ROWS,
    SERIES_UID,
    STUDY_UID,
    example_series,
    example_slice,
    set_stored,
    write_slices,
)
from tests.pipelines.stage_running import INPUTS, run_stages

SERIES = series_pseudonym(INPUTS.secret, SERIES_UID)
# LPS (-30, -20, 100) of the example series, in RAS.
AFFINE = axial_affine((5.0, 2.0, 3.0), (30.0, 20.0, 100.0))


def config_for(folder: Path, **folders: Path) -> ProjectConfig:
    values: dict[str, Any] = {
        "input": {"dicom": [str(folder)]} | {name: str(path) for name, path in folders.items()},
        "ingest": {"processes": 1},
    }
    return load_config([values], [])


def test_ingest_writes_a_volume_and_a_record(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", example_series(6))
    run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom"))
    output = tmp_path / "work" / "ingest"
    (record,) = read_series(output)
    assert (record.series, record.verdict, record.reason) == (SERIES, "accepted", "accepted")
    assert record.patient == patient_pseudonym(INPUTS.secret, PATIENT_ID)
    assert (record.slices, record.shape) == (6, (6, ROWS, COLUMNS))
    assert record.spacing_mm == (5.0, 2.0, 3.0)
    volume = read_volume(output / "volumes" / f"{SERIES}.nii.gz")
    assert volume.voxels_hu[0, 1, 2] == 100
    assert np.allclose(volume.affine, AFFINE)
    assert set(read_manifest(output).files) == {
        f"volumes/{SERIES}.nii.gz",
        "series.jsonl",
        "files.json",
    }


def test_every_series_gets_a_row_and_rejected_ones_leave_no_file(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom" / "a", example_series(6))
    write_slices(tmp_path / "dicom" / "b", example_series(2, series_uid="1.2.826.9"))
    (tmp_path / "dicom" / "notes.txt").write_text("beside", "utf-8")
    reporter = run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom"))
    output = tmp_path / "work" / "ingest"
    assert sorted(record.reason for record in read_series(output)) == [
        "accepted",
        "too_few_slices",
    ]
    assert [path.name for path in (output / "volumes").iterdir()] == [f"{SERIES}.nii.gz"]
    assert reporter.lines == [
        "8 DICOM files in 2 series; 1 other files left out: 1 not_dicom",
        "1 series of 1 patients accepted",
        "1 series rejected: 1 too_few_slices",
    ]


def test_nothing_that_identifies_is_written_or_said(tmp_path: Path) -> None:
    datasets = example_series(6)
    for dataset in datasets:
        dataset.SeriesDescription = "nativ for Quillfeather"
        dataset.InstitutionName = "St. Elsewhere"
        dataset.StudyDate = "20190117"
    write_slices(tmp_path / "dicom", datasets)
    reporter = run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom"))
    planted = [SERIES_UID, STUDY_UID, PATIENT_ID, "Quillfeather", "Odalys", "Elsewhere", "20190117"]
    said = "\n".join(reporter.lines) + "".join(text for _, _, text in reporter.steps)
    for path in (tmp_path / "work").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content += gzip.decompress(content) if path.suffix == ".gz" else b""
            assert not [text for text in planted if text.encode() in content], path.name
            assert not [text for text in planted if text in path.name]
    assert not [text for text in planted if text in said]
    (record,) = read_series(tmp_path / "work" / "ingest")
    assert record.header_evidence == ("series_words_noncontrast",)


def test_the_number_of_processes_does_not_change_the_result(tmp_path: Path) -> None:
    for number in range(3):
        uid = f"1.2.826.{number}"
        write_slices(tmp_path / "dicom" / uid, example_series(5, series_uid=uid))
    hashes = []
    for processes in (1, 2, 8):
        config = config_for(tmp_path / "dicom")
        config = load_config([config.model_dump(mode="json")], [f"ingest.processes={processes}"])
        run_stages([ingest.STAGE], tmp_path / f"work{processes}", config)
        manifest = read_manifest(tmp_path / f"work{processes}" / "ingest")
        hashes.append(manifest.content_hash())
    assert len(set(hashes)) == 1


def test_a_folder_named_twice_is_read_once(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", example_series(6))
    values: dict[str, Any] = {
        "input": {"dicom": [str(tmp_path), str(tmp_path / "dicom")]},
        "ingest": {"processes": 1},
    }
    run_stages([ingest.STAGE], tmp_path.with_name("work"), load_config([values], []))
    (record,) = read_series(tmp_path.with_name("work") / "ingest")
    assert record.slices == 6


def test_labels_and_truth_are_matched_by_series_uid(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", example_series(6))
    labels = np.zeros((6, ROWS, COLUMNS), dtype=np.uint8)
    labels[2, 5, 6] = 1
    truth = Volume(np.full((6, ROWS, COLUMNS), 33, dtype=np.int16), AFFINE)
    folders = {"labels": tmp_path / "labels", "truth": tmp_path / "truth"}
    for folder in folders.values():
        folder.mkdir()
    write_labels(folders["labels"] / f"{SERIES_UID}.nii.gz", labels, AFFINE)
    (folders["labels"] / "labels.json").write_text('{"1": "liver"}', "utf-8")
    write_volume(folders["truth"] / f"{SERIES_UID}.nii.gz", truth)
    run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom", **folders))
    output = tmp_path / "work" / "ingest"
    (record,) = read_series(output)
    assert (record.has_labels, record.has_truth) == (True, True)
    assert json.loads((output / "labels.json").read_text("utf-8")) == {"1": "liver"}
    assert np.array_equal(read_labels(output / "labels" / f"{SERIES}.nii.gz")[0], labels)
    written = read_volume(output / "truth" / f"{SERIES}.nii.gz")
    assert np.array_equal(written.voxels_hu, truth.voxels_hu)


def test_labels_of_another_grid_stop_the_stage_and_leave_nothing(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", example_series(6))
    (tmp_path / "labels").mkdir()
    wrong = np.zeros((5, ROWS, COLUMNS), dtype=np.uint8)
    write_labels(tmp_path / "labels" / f"{SERIES_UID}.nii.gz", wrong, AFFINE)
    (tmp_path / "labels" / "labels.json").write_text('{"1": "liver"}', "utf-8")
    config = config_for(tmp_path / "dicom", labels=tmp_path / "labels")
    with pytest.raises(ImageError, match=SERIES) as refusal:
        run_stages([ingest.STAGE], tmp_path / "work", config)
    assert SERIES_UID not in str(refusal.value)
    assert list((tmp_path / "work").iterdir()) == []


def test_labels_without_their_names_are_refused(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", example_series(6))
    (tmp_path / "labels").mkdir()
    config = config_for(tmp_path / "dicom", labels=tmp_path / "labels")
    with pytest.raises(ConfigurationError, match=r"labels\.json"):
        run_stages([ingest.STAGE], tmp_path / "work", config)


def test_a_folder_without_dicom_is_refused_with_the_number_of_files(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "notes.txt").write_text("beside", "utf-8")
    with pytest.raises(CohortError, match="Found 1 files and no DICOM"):
        run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom"))


def test_a_folder_without_one_good_series_is_refused_with_the_reasons(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom" / "a", example_series(2))
    write_slices(tmp_path / "dicom" / "b", example_series(3, series_uid="1.2.826.9"))
    with pytest.raises(CohortError, match="accepted none: 2 too_few_slices"):
        run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom"))


def test_hostile_files_are_counted_and_cost_nothing_else(tmp_path: Path) -> None:
    folder, outside = tmp_path / "dicom", tmp_path / "outside"
    write_slices(folder, example_series(6))
    write_slices(outside, example_series(6, series_uid="1.2.826.9"))
    (folder / "rle.dcm").write_bytes(hostile_files.rle_bomb().replace(b".7001", b".9999"))
    (folder / "deep.dcm").write_bytes(hostile_files.nesting_bomb())
    (folder / "DICOMDIR").write_bytes(hostile_files.sound_contents()[3])
    (folder / "out").symlink_to(outside)
    (folder / "slice").symlink_to(outside / "0000.dcm")
    os.mkfifo(folder / "pipe")
    reporter = run_stages([ingest.STAGE], tmp_path / "work", config_for(folder))
    assert reporter.lines[0] == (
        "6 DICOM files in 1 series; 6 other files left out: 1 decompression_bomb, "
        "1 media_directory, 1 not_regular_file, 2 outside_root, 1 too_deep"
    )
    assert reporter.lines[1] == "1 series of 1 patients accepted"
    counts = json.loads((tmp_path / "work" / "ingest" / "files.json").read_text("utf-8"))
    assert counts["reasons"] == {
        "decompression_bomb": 1,
        "media_directory": 1,
        "not_regular_file": 1,
        "outside_root": 2,
        "readable": 6,
        "too_deep": 1,
    }


def test_a_series_with_a_refused_file_is_rejected_although_the_rest_is_a_volume(
    tmp_path: Path,
) -> None:
    write_slices(tmp_path / "dicom" / "a", example_series(7))
    write_slices(tmp_path / "dicom" / "b", example_series(6, series_uid="1.2.826.9"))
    last = tmp_path / "dicom" / "a" / "0006.dcm"
    content = last.read_bytes()
    last.write_bytes(content[: content.index(b"MONOCHROME2")])
    run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom"))
    output = tmp_path / "work" / "ingest"
    verdicts = {record.series: record.reason for record in read_series(output)}
    assert verdicts[SERIES] == "file_refused"
    assert sorted(verdicts.values()) == ["accepted", "file_refused"]
    assert not (output / "volumes" / f"{SERIES}.nii.gz").exists()


def test_a_series_over_its_time_is_rejected_by_that_name(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", example_series(6))
    config = config_for(tmp_path / "dicom")
    config = load_config([config.model_dump(mode="json")], ["ingest.series_seconds=1e-6"])
    with pytest.raises(CohortError, match="accepted none: 1 time_limit"):
        run_stages([ingest.STAGE], tmp_path / "work", config)


def test_a_series_over_its_memory_is_rejected_by_that_name(tmp_path: Path) -> None:
    # Five slices of 4096 x 4096 take 168 MB as a volume, and as much again when it is turned.
    datasets = [example_slice(number, series_uid="1.2.826.9") for number in range(5)]
    for dataset in datasets:
        set_stored(dataset, np.zeros((4096, 4096), np.uint16))
    write_slices(tmp_path / "dicom" / "large", datasets)
    write_slices(tmp_path / "dicom" / "small", example_series(6))
    config = config_for(tmp_path / "dicom")
    config = load_config([config.model_dump(mode="json")], ["ingest.series_memory_gb=0.25"])
    run_stages([ingest.STAGE], tmp_path / "work", config)
    reasons = sorted(record.reason for record in read_series(tmp_path / "work" / "ingest"))
    assert reasons == ["accepted", "memory_limit"]


def test_progress_tells_how_long_it_still_takes(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", example_series(6))
    reporter = run_stages([ingest.STAGE], tmp_path / "work", config_for(tmp_path / "dicom"))
    texts = [text for _, _, text in reporter.steps]
    assert [text.split(",")[0] for text in texts] == ["reading headers", "assembling series"]
    assert all("minutes left" in text for text in texts)


def _without(datasets: list[Any], number: int) -> list[Any]:
    return [*datasets[:number], *datasets[number + 1 :]]


def test_repairs_are_marked_and_counted(tmp_path: Path) -> None:
    write_slices(tmp_path / "dicom", _without(example_series(20), 7))
    config = config_for(tmp_path / "dicom")
    config = load_config([config.model_dump(mode="json")], ["ingest.missing_slices=interpolate"])
    reporter = run_stages([ingest.STAGE], tmp_path / "work", config)
    (record,) = read_series(tmp_path / "work" / "ingest")
    assert [(repair.kind, repair.slices) for repair in record.repairs] == [
        (RepairKind.INTERPOLATED_SLICES, (7,))
    ]
    assert "Repaired among them: 1 interpolated_slices" in reporter.lines


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_every_real_series_gets_a_verdict(tmp_path: Path) -> None:
    folder = Path(os.environ["MEDSYNTH_REAL_CT"])
    run_stages([ingest.STAGE], tmp_path / "work", config_for(folder))
    reasons = {record.reason for record in read_series(tmp_path / "work" / "ingest")}
    assert {
        "accepted",
        "not_ct",
        "not_axial",
        "gantry_tilt",
        "not_grey",
        "duplicate_position",
        "too_few_slices",
        "derived_secondary",
    } == reasons
