from medsynth.synthesis.index import SyntheticRecord
from medsynth.synthesis.intensity_gate import GateVerdict
from pipelines.report.gate import gate_view, gate_warnings


def record(number: int, gate: GateVerdict, role: str = "source", **hu: float) -> SyntheticRecord:
    return SyntheticRecord(
        synthetic=f"y{number}",
        series=f"s{number}",
        patient=f"p{number}",
        role=role,
        slices=2,
        shape=(2, 3, 4),
        spacing_mm=(5.0, 1.0, 1.0),
        has_labels=False,
        gate=gate,
        organ_median_hu=hu,
    )


RECORDS = (
    record(1, GateVerdict.INSIDE, liver=55.0, aorta=40.0),
    record(2, GateVerdict.OUTSIDE, liver=61.0, aorta=130.4),
    record(3, GateVerdict.UNJUDGED),
    record(4, GateVerdict.INSIDE, role="holdout", liver=50.0),
)


def test_verdicts_are_counted_by_role() -> None:
    view = gate_view(RECORDS)
    assert view is not None
    assert [row[:3] for row in view.verdicts.rows] == [
        ("inside", "1", "1"),
        ("outside", "1", "0"),
        ("unjudged", "1", "0"),
    ]


def test_each_organ_shows_its_range_and_who_is_outside() -> None:
    view = gate_view(RECORDS)
    assert view is not None
    assert view.organs is not None
    assert view.organs.rows == (
        ("liver", "-20 to 85", "3", "50", "55", "61", "0"),
        ("aorta", "15 to 70", "2", "40", "85", "130", "1"),
    )


def test_no_table_of_organs_without_an_organ() -> None:
    view = gate_view([record(1, GateVerdict.OFF)])
    assert view is not None
    assert view.organs is None
    assert gate_view([]) is None


def test_flagged_and_unasked_volumes_are_warned_of_and_inside_ones_are_not() -> None:
    (flagged,) = gate_warnings(RECORDS)
    assert flagged.startswith("1 of 3 translated volumes are flagged")
    assert gate_warnings([record(1, GateVerdict.INSIDE)]) == ()
    assert "synthesize.gate is off" in gate_warnings([record(1, GateVerdict.OFF)])[0]
