import pytest

from medsynth.cohort.phase import Phase
from medsynth.cohort.phase_header import Evidence, header_phase, words_phase
from medsynth.imaging.dicom_header import ContrastText


@pytest.mark.parametrize(
    "text",
    [
        "Abdomen mit KM",
        "portalvenös 5.0",
        "ABD W CONTRAST",
        "ABD W/CONTRAST",
        "CT ABD W CON",
        "CT ABDOMEN & PELVIS ENHANCED=AB",
        "FDG_TK_KM",
        "CTA AORTA",
        "ART PHASE",
        "Thorax +C",
        "Abd C+",
        "Abdomen KM+",
        "CT ABD AND PELVIS WITH IV CONT",
        "with oral and IV contrast",
        "Spätphase",
        "post contrast",
        "CT Thorax/Abdomen mit i.v. KM",
        "THORAX PV 5mm",
    ],
)
def test_words_that_speak_of_contrast_are_understood(text: str) -> None:
    assert words_phase(text) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "CT Abdomen nativ",
        "Abdomen ohne KM",
        "Abdomen o. KM",
        "ABD W/O CONTRAST",
        "CT ABD WO CON",
        "NON-CONTRAST",
        "NONCONTRAST",
        "non contrast",
        "Non-enhanced",
        "unenhanced",
        "NCCT Head",
        "5/5mm Plain",
        "Abd C-",
        "Abdomen KM-",
        "pre contrast",
        "no iv contrast",
        "without IV contrast",
        "CT CHEST W/O",
    ],
)
def test_words_that_deny_contrast_are_understood(text: str) -> None:
    assert words_phase(text) == (False, True)


@pytest.mark.parametrize(
    "text",
    ["W/O & W CONTRAST", "with and without contrast", "ohne und mit KM", "mit und ohne KM"],
)
def test_words_of_both_phases_are_seen_as_both(text: str) -> None:
    assert words_phase(text) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "LUNG BASES 5MM",
        "CT CAP",
        "5.4 Chest/ Abd/ Pelvis*",
        "PET-CT SERIES",
        "oral contrast",
        "without oral contrast",
        "Alternative",
        "Pancreas",
        "CT Body 3.0",
    ],
)
def test_words_that_say_nothing_of_the_blood_are_silent(text: str) -> None:
    assert words_phase(text) == (False, False)


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
        (ContrastText(volume_ml=100.0), Phase.CONTRAST, {Evidence.INJECTED_VOLUME}),
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
