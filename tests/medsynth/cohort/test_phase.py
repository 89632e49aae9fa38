from pathlib import Path

import pytest

from medsynth.cohort.phase import (
    CONFLICTS_NAME,
    Phase,
    PhaseConflict,
    PhaseRecord,
    PixelPhase,
    decide_phase,
    read_phases,
    write_conflicts,
    write_phases,
)
from medsynth.records.json_lines import read_json_lines

CONTRAST, NONCONTRAST, UNKNOWN = Phase.CONTRAST, Phase.NONCONTRAST, Phase.UNKNOWN


@pytest.mark.parametrize(
    ("header", "pixels", "confidence", "phase", "conflict"),
    [
        (CONTRAST, CONTRAST, 0.4, CONTRAST, False),
        (CONTRAST, UNKNOWN, 0.1, CONTRAST, False),
        (NONCONTRAST, UNKNOWN, 0.0, NONCONTRAST, False),
        (UNKNOWN, NONCONTRAST, 0.95, NONCONTRAST, False),
        (UNKNOWN, CONTRAST, 0.7, UNKNOWN, False),
        (UNKNOWN, UNKNOWN, 0.0, UNKNOWN, False),
        (CONTRAST, NONCONTRAST, 1.0, UNKNOWN, True),
        (NONCONTRAST, CONTRAST, 0.4, UNKNOWN, True),
    ],
)
def test_header_and_pixels_are_weighed(
    header: Phase, pixels: Phase, confidence: float, phase: Phase, conflict: bool
) -> None:
    record = decide_phase("s1", header, PixelPhase(pixels, confidence))
    assert (record.phase, record.conflict) == (phase, conflict)
    assert (record.header, record.pixels, record.confidence) == (header, pixels, confidence)


def test_phases_are_read_as_they_were_written(tmp_path: Path) -> None:
    records = (
        PhaseRecord("s1", CONTRAST, CONTRAST, UNKNOWN, 0.25, conflict=False),
        PhaseRecord("s2", UNKNOWN, CONTRAST, NONCONTRAST, 1.0, conflict=True),
    )
    write_phases(tmp_path, records)
    assert read_phases(tmp_path) == records


def test_a_conflict_is_written_with_the_evidence_of_both_sides(tmp_path: Path) -> None:
    pixels = PixelPhase(NONCONTRAST, 0.987654, plain_cm2=41.239, enhanced_cm2=0.004)
    record = decide_phase("s1", CONTRAST, pixels)
    write_conflicts(tmp_path, [PhaseConflict.of(record, ("agent_named",), pixels)])
    (row,) = read_json_lines(tmp_path / CONFLICTS_NAME)
    assert row == {
        "series": "s1",
        "header": "contrast",
        "header_evidence": ["agent_named"],
        "pixels": "noncontrast",
        "confidence": 0.9877,
        "plain_cm2": 41.24,
        "enhanced_cm2": 0.0,
    }
