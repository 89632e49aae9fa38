from pathlib import Path

import pytest

from medsynth.cohort.phase import Phase
from medsynth.cohort.series import SeriesRecord, read_series, write_series
from medsynth.deidentify.allow_list import TechnicalFields
from medsynth.errors import RecordError
from medsynth.imaging.dicom_verdict import Repair, RepairKind

ACCEPTED = SeriesRecord(
    series="s0123456789ab",
    patient="p0123456789",
    verdict="accepted",
    reason="accepted",
    slices=32,
    shape=(32, 128, 128),
    spacing_mm=(5.0, 2.8, 2.8),
    header_phase=Phase.CONTRAST,
    header_evidence=("agent_named",),
    has_labels=True,
    has_truth=False,
    technical=TechnicalFields("ge", "soft", 120, 5.0),
    repairs=(
        Repair(RepairKind.INTERPOLATED_SLICES, slices=(7, 8)),
        Repair(RepairKind.DESHEARED_TILT, tilt_degrees=12.5),
    ),
)
REJECTED = SeriesRecord(
    series="sffffffffffff",
    patient="",
    verdict="rejected",
    reason="not_ct",
    slices=1,
    shape=(),
    spacing_mm=(),
    header_phase=Phase.UNKNOWN,
    header_evidence=(),
    has_labels=False,
    has_truth=False,
    technical=TechnicalFields("unknown", "unknown", None, None),
)


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_series(tmp_path, [ACCEPTED, REJECTED])
    assert read_series(tmp_path) == (ACCEPTED, REJECTED)


def test_only_the_accepted_verdict_is_accepted() -> None:
    assert (ACCEPTED.is_accepted, REJECTED.is_accepted) == (True, False)


def test_a_missing_table_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="missing"):
        read_series(tmp_path)
