import pytest

from medsynth.cohort.phase import Phase
from medsynth.cohort.phase_header import Evidence, header_phase
from medsynth.imaging.dicom_header import ContrastText


@pytest.mark.parametrize(
    ("contrast", "phase", "evidence"),
    [
        (ContrastText(), Phase.UNKNOWN, set()),
        (ContrastText(agent="APPLIED", volume_ml=0.0), Phase.CONTRAST, {Evidence.AGENT_NAMED}),
        (ContrastText(agent="NONE"), Phase.NONCONTRAST, {Evidence.AGENT_DENIED}),
        (ContrastText(agent="n/a"), Phase.NONCONTRAST, {Evidence.AGENT_DENIED}),
        (ContrastText(agent="no contrast given"), Phase.NONCONTRAST, {Evidence.AGENT_DENIED}),
        (ContrastText(agent="NON IONIC"), Phase.CONTRAST, {Evidence.AGENT_NAMED}),
        (ContrastText(routes="IV"), Phase.CONTRAST, {Evidence.ROUTE_INTRAVENOUS}),
        (ContrastText(routes="Oral & IV"), Phase.CONTRAST, {Evidence.ROUTE_INTRAVENOUS}),
        (
            ContrastText(agent="Gastrografin", routes="ORAL", volume_ml=500.0),
            Phase.UNKNOWN,
            {Evidence.AGENT_NOT_INTRAVENOUS},
        ),
        (
            ContrastText(agent="Barium", series_description="nativ"),
            Phase.NONCONTRAST,
            {Evidence.AGENT_NOT_INTRAVENOUS, Evidence.SERIES_WORDS_NONCONTRAST},
        ),
        (ContrastText(flow_ml_per_second=3.0), Phase.CONTRAST, {Evidence.INJECTED_FLOW}),
        (ContrastText(agent="REDI CAT"), Phase.UNKNOWN, {Evidence.AGENT_NOT_INTRAVENOUS}),
        (
            ContrastText(agent="REDI CAT & 125CC OPTIRAY", volume_ml=125.0),
            Phase.CONTRAST,
            {Evidence.AGENT_NAMED, Evidence.INJECTED_VOLUME},
        ),
        (
            ContrastText(agent="OMNIPAQUE", routes="per os", volume_ml=30.0),
            Phase.UNKNOWN,
            {Evidence.AGENT_NOT_INTRAVENOUS},
        ),
        (ContrastText(routes="Intraveineuse"), Phase.CONTRAST, {Evidence.ROUTE_INTRAVENOUS}),
        (ContrastText(routes="endovenosa"), Phase.CONTRAST, {Evidence.ROUTE_INTRAVENOUS}),
        (ContrastText(agent="senza mdc"), Phase.NONCONTRAST, {Evidence.AGENT_DENIED}),
        (ContrastText(agent="Ninguno"), Phase.NONCONTRAST, {Evidence.AGENT_DENIED}),
        (ContrastText(agent="Sans injection"), Phase.NONCONTRAST, {Evidence.AGENT_DENIED}),
        (ContrastText(volume_ml=100.0), Phase.CONTRAST, {Evidence.INJECTED_VOLUME}),
        (ContrastText(start_time="101500"), Phase.CONTRAST, {Evidence.INJECTION_TIMED}),
        (ContrastText(total_dose_ml=90.0), Phase.CONTRAST, {Evidence.INJECTION_TIMED}),
        (
            ContrastText(agent="GASTROGRAFIN", start_time="101500"),
            Phase.UNKNOWN,
            {Evidence.AGENT_NOT_INTRAVENOUS},
        ),
    ],
)
def test_agent_route_and_injection_are_weighed(
    contrast: ContrastText, phase: Phase, evidence: set[Evidence]
) -> None:
    verdict = header_phase([contrast])
    assert verdict.phase == phase
    assert set(verdict.evidence) == evidence


def test_contradicting_evidence_gives_unknown() -> None:
    verdict = header_phase([ContrastText(agent="Omnipaque", series_description="nativ")])
    assert verdict.phase == Phase.UNKNOWN
    assert verdict.evidence == (Evidence.AGENT_NAMED, Evidence.SERIES_WORDS_NONCONTRAST)


def test_series_words_go_before_study_words() -> None:
    contrast = ContrastText(series_description="nativ", study_description="CT Abdomen mit KM")
    assert header_phase([contrast]).phase == Phase.NONCONTRAST


def test_study_words_count_where_the_series_speaks_of_both() -> None:
    contrast = ContrastText(
        series_description="with and without contrast", study_description="ohne KM"
    )
    assert header_phase([contrast]).phase == Phase.NONCONTRAST


def test_slices_that_disagree_give_unknown() -> None:
    texts = [ContrastText(agent="Ultravist"), ContrastText(agent="NONE")]
    assert header_phase(texts).phase == Phase.UNKNOWN
