from pathlib import Path

import numpy as np

from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from pipelines.report.contact_sheet import make_contact_sheet
from pipelines.report.results import read_results
from tests.pipelines.made_workspace import PATIENTS, finish, make_workspace


def test_every_accepted_series_and_no_rejected_one_is_pictured(tmp_path: Path) -> None:
    pictures = make_contact_sheet(read_results(make_workspace(tmp_path / "w")))
    assert [picture.series for picture in pictures] == [patient.series for patient in PATIENTS]
    assert (pictures[3].phase, pictures[3].roles) == ("contrast", "source")


def test_a_prepared_series_is_pictured_from_the_store(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    prepare, patient = workspace / "prepare", PATIENTS[0]
    before = make_contact_sheet(read_results(workspace))
    entry = StoredSeries(patient.series, patient.patient, "contrast", ("train",), 3, False, False)
    write_index(prepare, [entry])
    store_array(prepare, "slices", patient.series, np.zeros((3, 32, 32), np.int16))
    finish(prepare, "ingest", "split")
    after = make_contact_sheet(read_results(workspace))
    assert before[0].image != after[0].image
    assert before[1].image == after[1].image
