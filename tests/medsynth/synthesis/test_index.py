import dataclasses
from pathlib import Path

import pytest

from medsynth.errors import RecordError
from medsynth.synthesis.index import (
    INDEX_NAME,
    PUBLIC_START,
    GateCounts,
    SyntheticRecord,
    count_gates,
    read_synthetic,
    synthetic_identifier,
    synthetic_labels_path,
    synthetic_volume_path,
    write_synthetic,
)
from medsynth.synthesis.intensity_gate import GateVerdict


def _record(synthetic: str) -> SyntheticRecord:
    return SyntheticRecord(synthetic, "s1", "p1", "source", 2, (2, 3, 4), (5.0, 1.0, 1.0), True)


def test_records_come_back_sorted(tmp_path: Path) -> None:
    write_synthetic(tmp_path, [_record("y2"), _record("y1")])
    assert read_synthetic(tmp_path) == (_record("y1"), _record("y2"))


def test_identifier_is_a_function_of_secret_and_series() -> None:
    first = synthetic_identifier("a" * 64, "s1")
    assert first == synthetic_identifier("a" * 64, "s1")
    assert (
        len({first, synthetic_identifier("b" * 64, "s1"), synthetic_identifier("a" * 64, "s2")})
        == 3
    )


def test_the_audits_null_lies_apart_from_what_may_be_released() -> None:
    folder, source = Path("synthesize"), _record("y1")
    held_out = dataclasses.replace(source, role="holdout")
    assert synthetic_volume_path(folder, source) == folder / "nifti" / "y1.nii.gz"
    assert synthetic_volume_path(folder, held_out) == folder / "null" / "y1.nii.gz"
    assert synthetic_labels_path(folder, source) == folder / "labels" / "y1.nii.gz"


def test_row_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / INDEX_NAME).write_text('{"synthetic": "y1"}\n')
    with pytest.raises(RecordError, match="medsynth synthesize"):
        read_synthetic(tmp_path)


def test_the_gates_verdict_comes_back(tmp_path: Path) -> None:
    judged = dataclasses.replace(
        _record("y1"),
        gate=GateVerdict.OUTSIDE,
        organ_median_hu={"aorta": 131.5},
        engine=PUBLIC_START,
    )
    write_synthetic(tmp_path, [judged])
    (back,) = read_synthetic(tmp_path)
    assert back == judged
    assert back.is_flagged


def test_counts_leave_out_the_audits_null_and_flagged_volumes_of_the_other_engine() -> None:
    outside = dataclasses.replace(_record("y1"), gate=GateVerdict.OUTSIDE, engine=PUBLIC_START)
    inside = dataclasses.replace(_record("y2"), gate=GateVerdict.INSIDE, engine=PUBLIC_START)
    held_out = dataclasses.replace(_record("y3"), gate=GateVerdict.INSIDE, role="holdout")
    counts = count_gates([outside, inside, held_out, _record("y4")])
    assert counts == GateCounts(inside=1, outside=1, unjudged=0, off=1, by_other_engine=1)
    assert counts.total == 3
