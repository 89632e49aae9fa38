"""Words for and against contrast agent in descriptions, in five languages.

English, German, French, Spanish and Italian are understood, as departments
abbreviate them. All patterns expect lower case without accents, with underscores
and brackets as spaces; `plain_text` makes it so.
"""

import re
import unicodedata

# "con" is English for contrast and Spanish and Italian for with; both readings fit.
_AGENT = (
    r"(?:d[ei]\s+|iodine\s+|iodinated\s+|jod\w*\s+)?(?:i\.?\s?v\.?\s*|e\.?v\.?\s+)?"
    r"(?:contrast\w*|contr|cont|con|kontrast\w*|km|c|dye|enhancement|cte|civ|"
    r"m\.?d\.?c|p\.?d\.?c|inj|injection\w*|iode\w*|iodad\w*|i\.?v|"
    r"produit de contraste|medio de contraste|mezzo di contrasto)\b"
)
_WITHOUT = r"(?:w/o|wo|without|ohne|sans|sin|senza|s/)"
_WITH = r"(?:with|w/|w|mit|avec|con|c/)"
_BEFORE = r"(?:pre|before|vor|avant|antes|prima|previo)"
_AFTER = r"(?:post|after|nach|apres|despues|dopo|tras)"
_AND = r"(?:and|then|&|und|et|puis|y|e|\+|/)"
_BOTH = re.compile(
    rf"\b(?:{_WITH}\s*{_AND}\s*{_WITHOUT}|{_WITHOUT}\s*{_AND}\s*{_WITH}|"
    rf"{_BEFORE}\s*{_AND}\s*{_AFTER})(?=\s|$)"
)

# An agent for the bowel says nothing of the blood, so it is taken out first.
_BOWEL = r"(?:oral\w*|p\.?o|per os|rectal\w*|rektal\w*|rettal\w*|enteral\w*|digesti\w*)"
_BOWEL_WORDS = re.compile(
    rf"\b(?:{_WITH}|{_WITHOUT})?\s*(?:"
    rf"(?:{_BOWEL}|bowel)\s+(?:contrast\w*|cont|kontrast\w*|km|mdc|prep)\b|"
    rf"(?:contrast\w*|kontrast\w*|km|m\.?d\.?c\.?|opacification|balisage)\s+{_BOWEL}(?![\w/])"
    rf"(?!\s*{_AND}\s*(?:i\.?v|e\.?v|intra|endo)))"
)

_NONCONTRAST_WORDS = re.compile(
    # Denied in so many words.
    rf"\b(?:{_WITHOUT}|w\.o\.?|kein\w*|no|non|not|zero|{_BEFORE})[\s-]*{_AGENT}|"
    rf"\b(?:without|w/o|ohne)\b|\b(?:sans|sin|senza)(?=\s*$)|\bkontrast\w*(?:frei|los)\w*|"
    r"\bunenhanced\b|\bunverstarkt\w*|\bnoncon\w*|\bnce?ct\b|\bnect\b|\bplain\b|"
    r"\bnon?[\s-]*(?:enhanced|enh|injecte\w*|contrast\w*|reforzad\w*)\b|"
    # A name for the scan before the agent: plain, nativ, spontane, basal, simple, diretta.
    r"\bnativ\w*|\bleer(?:serie|aufnahme)\b|\bspontane\w*|\ba blanc\b|\ben blanco\b|\bin bianco\b|"
    r"\b(?:tc|tac|tdm|fase|scansione|acquisizione|studio|esame|torax|torace|abdomen|addome)\s+"
    r"(?:simple|basale?|dirett[ao])\b|\bsimple(?=\s*$)|\bdiretta\b|\bs\.?m\.?d\.?c\b|"
    # Signs.
    r"\bo\.?\s*(?:i\.?v\.?\s*)?km\b|(?:^|\s)-\s?c\b|\bc-(?=\s|$)|\bs/c(?=\s|$)|"
    r"\b(?:km|kontrastmittel|iv|mdc|pdc|civ)\s?-(?=\s|$)"
)
_CONTRAST_WORDS = re.compile(
    rf"\b(?:{_WITH}|{_AFTER}|plus)[\s-]*{_AGENT}|\+\s?(?:c|km|contrast\w*|iv|mdc|pdc)\b|"
    r"\bc\s?\+|\biv\s?\+|\bkm\b|\bkontrast(?:mittel|phase)?\b|\bcontrast\w*|\bc?m\.?d\.?c\b|"
    r"\bpdc\b|\bciv\b|\bi\.?v\.? (?:cont|con)\b|\bpost[\s-]*(?:iv|inj\w*)\b|"
    r"\binjectee?s?\b|\bcontrastad\w*|\bc/c(?=\s|$)|"
    r"\b(?:cect|cta|cte|ctpa|angio\w*)\b|\benhanced\b|"
    # The phases of a bolus.
    r"\b(?:porto?\s?-?venous|porto?\s?-?venos\w*|portal\w*|pvp?|pv phase)\b|"
    r"\b(?:ven|venous|venos\w*|venoes\w*|veineu\w*)\b|"
    r"\b(?:art|arterial\w*|arteriel\w*|arterios\w*|arteries)\b|"
    r"\b(?:ne(?:ph|f)ro(?:gra\w*|\w*phase)?|uro(?:gra\w*|scan\w*|tac|tc|ct)|e[sx]cret\w*)\b|"
    r"\b(?:delayed|late phase|spatphase|tardi(?:v|f|a|o)\w*|paren(?:ch|qu)[iy]m\w*)\b|"
    r"\b(?:biphas\w*|triphas\w*|multiphas\w*|trifas\w*|bifas\w*|washout|bolus|bolo)\b|"
    # Seconds after the injection: a kernel's "b70s" has a letter in front.
    r"(?<![\w.,/-])(?:2[5-9]|[3-9]\d|[12]\d\d)\s?(?:s|sec|sek|seg)\b"
)


def words_phase(text: str) -> tuple[bool, bool]:
    """Tell whether a description speaks of contrast agent, and whether it denies it.

    What is denied does not count as spoken of: "without contrast" gives (False,
    True), "with and without" (True, True). An oral agent is no contrast agent.

    Args:
        text: a description as it stands in a header.
    """
    plain = _BOTH.sub("mit km ohne km ", plain_text(text))
    plain = _BOWEL_WORDS.sub(" ", plain)
    without_denied, denied = _NONCONTRAST_WORDS.subn(" ", plain)
    return _CONTRAST_WORDS.search(without_denied) is not None, denied > 0


def plain_text(text: str) -> str:
    """Give lower case without accents, with separators as spaces.

    Args:
        text: as it stands in a header.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.sub(r"[_^,;:|()=\[\]]+", " ", letters).strip()
