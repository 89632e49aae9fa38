from pathlib import Path

from medsynth.cohort.series import LABELS_FOLDER, TRUTH_FOLDER, VOLUMES_FOLDER, LostReason
from medsynth.imaging.dicom_header import InstanceHeader, read_header
from medsynth.imaging.dicom_series import SeriesLimits, group_series
from pipelines.ingest_tasks import SeriesTask, ingest_series, lost_record, remove_files
from tests.medsynth.imaging.dicom_examples import example_series, write_slices


def _headers(folder: Path) -> list[InstanceHeader]:
    headers = [read_header(path) for path in write_slices(folder, example_series(6))]
    return [header for header in headers if header is not None]


def _task(folder: Path, *, is_complete: bool = True) -> SeriesTask:
    for name in (VOLUMES_FOLDER, LABELS_FOLDER, TRUTH_FOLDER):
        (folder / "out" / name).mkdir(parents=True)
    (group,) = group_series(_headers(folder / "dicom"))
    return SeriesTask(
        group=group,
        is_complete=is_complete,
        limits=SeriesLimits(5, 0.05),
        series="s1",
        patient="p1",
        output=folder / "out",
        labels=None,
        truth=None,
        label_names={},
    )


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_accepted_series_leaves_one_volume(tmp_path: Path) -> None:
    record = ingest_series(_task(tmp_path))
    assert record.is_accepted
    assert _files(tmp_path / "out") == ["s1.nii.gz"]


def test_incomplete_series_leaves_no_volume(tmp_path: Path) -> None:
    record = ingest_series(_task(tmp_path, is_complete=False))
    assert (record.verdict, record.reason) == ("rejected", "file_refused")
    assert _files(tmp_path / "out") == []


def test_lost_series_keeps_its_patient_and_leaves_no_file(tmp_path: Path) -> None:
    task = _task(tmp_path)
    (tmp_path / "out" / VOLUMES_FOLDER / "s1.nii.gz").write_bytes(b"half")
    remove_files(task)
    record = lost_record(task, LostReason.WORKER_DIED)
    assert (record.patient, record.slices, record.reason) == ("p1", 6, "worker_died")
    assert not record.is_accepted
    assert _files(tmp_path / "out") == []
