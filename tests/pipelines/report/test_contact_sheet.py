import dataclasses
from pathlib import Path

import numpy as np

from medsynth.cohort.series import read_series, volume_path, write_series
from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from pipelines.report.contact_sheet import MOST_PICTURES, SheetPicture, make_contact_sheet
from pipelines.report.results import read_results
from tests.pipelines.made_workspace import PATIENTS, finish, make_workspace


def _pictures(workspace: Path) -> tuple[SheetPicture, ...]:
    sheet = make_contact_sheet(read_results(workspace))
    assert sheet is not None
    return sheet.pictures


def test_every_accepted_series_and_no_rejected_one_is_pictured(tmp_path: Path) -> None:
    pictures = _pictures(make_workspace(tmp_path / "w"))
    assert [picture.series for picture in pictures] == [patient.series for patient in PATIENTS]
    assert (pictures[3].phase, pictures[3].roles) == ("contrast", "source")


def test_a_prepared_series_is_pictured_from_the_store(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    prepare, patient = workspace / "prepare", PATIENTS[0]
    before = _pictures(workspace)
    entry = StoredSeries(patient.series, patient.patient, "contrast", ("train",), 3, False, False)
    write_index(prepare, [entry])
    store_array(prepare, "slices", patient.series, np.zeros((3, 32, 32), np.int16))
    finish(prepare, "ingest", "split")
    after = _pictures(workspace)
    assert before[0].image != after[0].image
    assert before[1].image == after[1].image


def test_the_sheet_says_how_many_series_it_leaves_out(tmp_path: Path) -> None:
    ingest = make_workspace(tmp_path / "w") / "ingest"
    first = next(record for record in read_series(ingest) if record.is_accepted)
    many = [
        dataclasses.replace(first, series=f"s{number:012d}") for number in range(MOST_PICTURES + 2)
    ]
    for record in many:
        target = volume_path(ingest, record.series)
        if not target.exists():
            target.symlink_to(volume_path(ingest, first.series))
    rejected = dataclasses.replace(first, verdict="rejected", reason="localizer")
    write_series(ingest, [*many, rejected, rejected])
    sheet = make_contact_sheet(read_results(ingest.parent))
    assert sheet is not None
    assert len(sheet.pictures) == MOST_PICTURES
    # Every series but two: the pictures reach from the first to the last but one.
    assert (sheet.pictures[0].series, sheet.pictures[-1].series) == (
        "s000000000000",
        "s000000000048",
    )
    assert sheet.sentence.startswith(f"{MOST_PICTURES} of {MOST_PICTURES + 2} accepted series")
    assert sheet.sentence.endswith("2 are not shown.")
    assert sheet.rejected == "2 localizer"


def test_a_workspace_without_series_has_no_sheet(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    assert make_contact_sheet(read_results(tmp_path / "w")) is None
