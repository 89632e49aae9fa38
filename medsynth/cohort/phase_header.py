"""Contrast phase from what a DICOM header says.

Headers are often silent and sometimes wrong: the field for the agent may name
an oral agent or "NONE", a study's description covers series of both phases.
Each source of evidence gives a code of a closed list. Only the verdict and the
codes are kept, never the text.
"""

import dataclasses
import enum
import re
from collections.abc import Iterable

from medsynth.cohort.phase import Phase
from medsynth.cohort.phase_words import plain_text, words_phase
from medsynth.imaging.dicom_header import ContrastText


class Evidence(enum.StrEnum):
    """What in a header spoke for or against contrast agent."""

    AGENT_NAMED = "agent_named"
    AGENT_DENIED = "agent_denied"
    AGENT_NOT_INTRAVENOUS = "agent_not_intravenous"
    ROUTE_INTRAVENOUS = "route_intravenous"
    INJECTED_VOLUME = "injected_volume"
    INJECTED_FLOW = "injected_flow"
    INJECTION_TIMED = "injection_timed"
    SERIES_WORDS_CONTRAST = "series_words_contrast"
    SERIES_WORDS_NONCONTRAST = "series_words_noncontrast"
    PROTOCOL_WORDS_CONTRAST = "protocol_words_contrast"
    PROTOCOL_WORDS_NONCONTRAST = "protocol_words_noncontrast"
    STUDY_WORDS_CONTRAST = "study_words_contrast"
    STUDY_WORDS_NONCONTRAST = "study_words_noncontrast"
    WORDS_OF_BOTH = "words_of_both"


@dataclasses.dataclass(frozen=True)
class HeaderPhase:
    """What a series' headers say.

    Attributes:
        phase: unknown where they are silent or contradict themselves.
        evidence: the codes, sorted.
    """

    phase: Phase
    evidence: tuple[Evidence, ...]


_CONTRAST_EVIDENCE = frozenset(
    {
        Evidence.AGENT_NAMED,
        Evidence.ROUTE_INTRAVENOUS,
        Evidence.INJECTED_VOLUME,
        Evidence.INJECTED_FLOW,
        Evidence.INJECTION_TIMED,
        Evidence.SERIES_WORDS_CONTRAST,
        Evidence.PROTOCOL_WORDS_CONTRAST,
        Evidence.STUDY_WORDS_CONTRAST,
    }
)
_NONCONTRAST_EVIDENCE = frozenset(
    {
        Evidence.AGENT_DENIED,
        Evidence.SERIES_WORDS_NONCONTRAST,
        Evidence.PROTOCOL_WORDS_NONCONTRAST,
        Evidence.STUDY_WORDS_NONCONTRAST,
    }
)

_DENIALS = frozenset({"non", "not", "0", "-"})
# As the first of several words too: "no contrast given". Not "non": "non ionic" is an agent.
_DENIALS_TO_START_WITH = frozenset(
    {"none", "no", "n/a", "n.a.", "na", "nil", "null", "without", "w/o", "wo", "unenhanced"}
    | {"ohne", "kein", "keine", "keines", "nein", "nativ"}
    | {"sans", "aucun", "aucune", "neant", "sin", "ninguno", "senza", "nessuno", "basale"}
)
_INTRAVENOUS = re.compile(
    r"\bi\.?\s?v\b|\be\.?v\b|intra\s?-?ve[in]|endoven|\bvein\b|\bvenous\b|\bveineu"
)
_BOWEL_AGENT = (
    r"gastrografin|gastroview|gastrolux|peritrast|telebrix gastro|barium|baryt|bario|micropaque|"
    r"read[iy][\s-]?cat|redi[\s-]?cat|e-?z[\s-]?cat|volumen\b|mannit|manitol"
)
_NOT_INTRAVENOUS = re.compile(
    rf"\boral|\bp\.?o\b|per os|rectal|rektal|rettal|enema|einlauf|lavement|clisma|{_BOWEL_AGENT}|"
    r"intrathecal|intrathekal|intraarticular|arthro|intravesical|intraperitoneal"
)
_INTRAVENOUS_AGENT = re.compile(
    r"omnipaq|iohexol|accupaq|ultravist|iopromid|iopamid|iopami|isovue|solutrast|optiray|ioversol|"
    r"visipaq|iodixanol|[ij]omeron|imeron|iomeprol|xenetix|iobitridol|oxilan|oxaglat|hexabrix"
)
_BOWEL_AGENT_ONLY = re.compile(_BOWEL_AGENT)


def header_phase(contrast_texts: Iterable[ContrastText]) -> HeaderPhase:
    """Tell the contrast phase of a series from its headers.

    Args:
        contrast_texts: what the header of each slice says.

    Returns:
        The verdict with the codes of all evidence found.
    """
    evidence: set[Evidence] = set()
    for contrast in set(contrast_texts):
        evidence |= _agent_evidence(contrast) | _word_evidence(contrast)
    speaks_for = bool(evidence & _CONTRAST_EVIDENCE)
    speaks_against = bool(evidence & _NONCONTRAST_EVIDENCE)
    phase = Phase.UNKNOWN
    if speaks_for and not speaks_against:
        phase = Phase.CONTRAST
    elif speaks_against and not speaks_for:
        phase = Phase.NONCONTRAST
    return HeaderPhase(phase, tuple(sorted(evidence)))


def _agent_evidence(contrast: ContrastText) -> set[Evidence]:
    agent, routes = plain_text(contrast.agent), plain_text(contrast.routes)
    is_intravenous = _INTRAVENOUS.search(f"{routes} {agent}") is not None
    # "Redi-Cat & Optiray": one to drink, the other into the vein.
    names_both = bool(_INTRAVENOUS_AGENT.search(agent) and _BOWEL_AGENT_ONLY.search(agent))
    is_for_bowel = _NOT_INTRAVENOUS.search(f"{routes} {agent}") is not None
    evidence = {Evidence.ROUTE_INTRAVENOUS} if is_intravenous else set()
    if agent:
        if _is_denial(agent):
            evidence.add(Evidence.AGENT_DENIED)
        elif is_for_bowel and not is_intravenous and not names_both:
            evidence.add(Evidence.AGENT_NOT_INTRAVENOUS)
        else:
            evidence.add(Evidence.AGENT_NAMED)
    if contrast.flow_ml_per_second:
        # Nobody drinks at a set flow rate: an injector did this.
        evidence.add(Evidence.INJECTED_FLOW)
    if is_intravenous or names_both or not is_for_bowel:
        if contrast.volume_ml:
            evidence.add(Evidence.INJECTED_VOLUME)
        if contrast.start_time or contrast.total_dose_ml:
            evidence.add(Evidence.INJECTION_TIMED)
    return evidence


def _is_denial(agent: str) -> bool:
    return agent in _DENIALS or agent.split(maxsplit=1)[0] in _DENIALS_TO_START_WITH


def _word_evidence(contrast: ContrastText) -> set[Evidence]:
    """Ask the description nearest to the series first; the next only where it is silent."""
    sources = (
        (
            contrast.series_description,
            Evidence.SERIES_WORDS_CONTRAST,
            Evidence.SERIES_WORDS_NONCONTRAST,
        ),
        (
            contrast.protocol_name,
            Evidence.PROTOCOL_WORDS_CONTRAST,
            Evidence.PROTOCOL_WORDS_NONCONTRAST,
        ),
        (
            contrast.study_description,
            Evidence.STUDY_WORDS_CONTRAST,
            Evidence.STUDY_WORDS_NONCONTRAST,
        ),
    )
    evidence: set[Evidence] = set()
    for text, speaks_of, denies in sources:
        has_contrast, has_denial = words_phase(text)
        if has_contrast and has_denial:
            evidence.add(Evidence.WORDS_OF_BOTH)
        elif has_contrast or has_denial:
            return evidence | {speaks_of if has_contrast else denies}
    return evidence
