"""Contrast phase from what a DICOM header says.

Headers are often silent and sometimes wrong: the field for the agent may name
an oral agent or "NONE", a study's description covers series of both phases.
Each source of evidence gives a code of a closed list. Only the verdict and the
codes are kept, never the text.
"""

import dataclasses
import enum
import re
import unicodedata
from collections.abc import Iterable

from medsynth.cohort.phase import Phase
from medsynth.imaging.dicom_header import ContrastText


class Evidence(enum.StrEnum):
    """What in a header spoke for or against contrast agent."""

    AGENT_NAMED = "agent_named"
    AGENT_DENIED = "agent_denied"
    AGENT_NOT_INTRAVENOUS = "agent_not_intravenous"
    ROUTE_INTRAVENOUS = "route_intravenous"
    INJECTED_VOLUME = "injected_volume"
    INJECTED_FLOW = "injected_flow"
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
)
_INTRAVENOUS = re.compile(r"\bi\.?\s?v\b|intra\s?-?ven|\bvein\b|\bvenous\b")
_NOT_INTRAVENOUS = re.compile(
    r"\boral|\bp\.?o\b|per os|rectal|rektal|enema|einlauf|gastrografin|gastroview|gastrolux|"
    r"peritrast|telebrix gastro|barium|micropaque|intrathecal|intraarticular"
)

# An agent for the bowel says nothing of the blood, so it is taken out first.
_BOWEL_WORDS = re.compile(
    r"\b(?:with|without|mit|ohne|w/o|w/)?\s*(?:oral\w*|rectal\w*|rektal\w*|enteral\w*|bowel|po)\s+"
    r"(?:contrast|cont|kontrast\w*|km|prep)\b"
)
_AGENT = r"(?:i\.?\s?v\.?\s*)?(?:contrast|contr|cont|con|kontrast\w*|km|c|dye|enhancement)\b"
_WITHOUT = r"(?:w/o|wo|without|ohne)"
_WITH = r"(?:with|w/|w|mit)"
_WITH_AND_WITHOUT = re.compile(
    rf"\b(?:{_WITH}\s*(?:and|&|und|\+|/)\s*{_WITHOUT}|{_WITHOUT}\s*(?:and|&|und|\+|/)\s*{_WITH})(?=\s|$)"
)
_NONCONTRAST_WORDS = re.compile(
    rf"\b(?:without|w/o|w\.o\.?|wo|ohne|kein\w*|no|non|sans|zero)[\s-]*{_AGENT}|"
    r"\b(?:without|w/o|ohne|unenhanced|unverstarkt|noncon\w*|nce?ct|nect|nativ\w*|plain)\b|"
    r"\bnon?[\s-]*(?:enhanced|enh)\b|\bpre[\s-]*(?:contrast|kontrast|km)\b|"
    r"\bo\.?\s*(?:i\.?v\.?\s*)?km\b|(?:^|\s)-\s?c\b|\bc-(?=\s|$)|\b(?:km|kontrastmittel)\s?-(?=\s|$)"
)
_CONTRAST_WORDS = re.compile(
    rf"\b(?:with|w/|w|mit|nach|post|plus)[\s-]*{_AGENT}|\+\s?(?:c|km|contrast|iv)\b|"
    r"\bc\s?\+|\bkm\b|\bkontrast(?:mittel|phase)?\b|\bcontrast\b|\bi\.?v\.? (?:cont|con)\b|"
    r"\bpost[\s-]*(?:iv|inj\w*)\b|\b(?:cect|cta|cte|ctpa|angio\w*)\b|"
    r"\benhanced\b|\b(?:porto?\s?-?venous|porto?\s?-?venos\w*|portal\w*|pvp?|pv phase)\b|"
    r"\b(?:ven|venous|venos\w*|venoes\w*|art|arterial|arteriell\w*|arteries)\b|"
    r"\b(?:nephro\w*|urograph\w*|excretory|delayed|late phase|spatphase|parenchym\w*)\b|"
    r"\b(?:biphas\w*|triphas\w*|multiphas\w*|washout|bolus)\b"
)


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


def words_phase(text: str) -> tuple[bool, bool]:
    """Tell whether a description speaks of contrast agent, and whether it denies it.

    English and German are understood. What is denied does not count as spoken
    of: "without contrast" gives (False, True), "with and without" (True, True).

    Args:
        text: a description as it stands in a header.
    """
    plain = _WITH_AND_WITHOUT.sub("mit km ohne km ", _plain(text))
    plain = _BOWEL_WORDS.sub(" ", plain)
    without_denied, denied = _NONCONTRAST_WORDS.subn(" ", plain)
    return _CONTRAST_WORDS.search(without_denied) is not None, denied > 0


def _agent_evidence(contrast: ContrastText) -> set[Evidence]:
    agent, routes = _plain(contrast.agent), _plain(contrast.routes)
    is_intravenous = _INTRAVENOUS.search(f"{routes} {agent}") is not None
    is_for_bowel = _NOT_INTRAVENOUS.search(f"{routes} {agent}") is not None
    evidence = {Evidence.ROUTE_INTRAVENOUS} if is_intravenous else set()
    if agent:
        if _is_denial(agent):
            evidence.add(Evidence.AGENT_DENIED)
        elif is_for_bowel and not is_intravenous:
            evidence.add(Evidence.AGENT_NOT_INTRAVENOUS)
        else:
            evidence.add(Evidence.AGENT_NAMED)
    if contrast.flow_ml_per_second:
        # Nobody drinks at a set flow rate: an injector did this.
        evidence.add(Evidence.INJECTED_FLOW)
    if contrast.volume_ml and not (is_for_bowel and not is_intravenous):
        evidence.add(Evidence.INJECTED_VOLUME)
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


def _plain(text: str) -> str:
    """Give lower case without accents, with separators as spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.sub(r"[_^,;:|()=\[\]]+", " ", letters).strip()
