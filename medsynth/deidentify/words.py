"""The words that may stay of a description, and nothing else of it.

A closed list of what CT protocols say in English and German: phases, agents,
regions, planes, reconstructions. Numbers stay only when a unit makes them a
measure. Names, places and free text have no way through.
"""

import re

_PHASES = (
    "contrast unenhanced enhanced noncontrast non-contrast nonenhanced plain native nativ ohne mit "
    "without with wo w w/o w/ pre post nach vor km kontrast kontrastmittel c+ c- +c -c iv i.v. "
    "i.v oral rectal rektal arterial arteriell venous venoes venös ven art portal portalvenous "
    "portalvenös portalvenoes portal-venous pv nephrographic nephro excretory urographic delayed "
    "delay late spät spaet early phase phases biphasic triphasic multiphase bolus perfusion "
    "equilibrium cta cect ncct nect angio angiography angiographie dynamic washout and und no "
    "kein keine non"
)
_AGENTS = (
    "ultravist imeron iomeron omnipaque visipaque isovue iopamidol iopamiro iohexol iopromide "
    "iodixanol iomeprol optiray ioversol xenetix iobitridol accupaque solutrast gastrografin "
    "telebrix peritrast barium water wasser saline nacl none"
)
_REGIONS = (
    "abdomen abd abdominal oberbauch unterbauch bauch pelvis pelvic becken chest thorax thoracic "
    "lung lungs lunge pulmonary heart cardiac herz coronary koronar aorta aortic neck hals head "
    "kopf brain schädel schaedel skull face orbit orbits sinus sinuses nnh spine wirbelsäule "
    "wirbelsaeule cervical lumbar hws bws lws liver leber spleen milz kidney kidneys niere nieren "
    "renal pancreas pankreas bladder blase adrenal bowel darm colon kolon shoulder schulter elbow "
    "ellenbogen wrist hand knee knie hip hüfte huefte ankle foot fuss leg bein arm extremity whole "
    "body ganzkörper ganzkoerper trunk stamm mediastinum rib ribs rippen bone knochen soft tissue "
    "weichteil weichteile vessel vessels gefäße gefaesse upper lower left right links rechts ct"
)
_TECHNIQUE = (
    "axial axiale coronal koronar cor sagittal sag ax tra transversal mpr mip minip vrt 3d recon "
    "reconstruction rekonstruktion reformat helical spiral sequence sequential scout topogram "
    "topogramm localizer surview routine standard std low dose lowdose ld niedrigdosis thin thick "
    "dünn duenn slice slices schicht schichten series kernel filter fbp asir safire admire idose "
    "veo imr aidr dual energy inspiration exspiration expiration prone supine bauchlage rückenlage "
    "rueckenlage follow-up followup control kontrolle staging screening trauma window"
)
VOCABULARY = frozenset(" ".join((_PHASES, _AGENTS, _REGIONS, _TECHNIQUE)).split())
_UNITS = r"mm|cm|s|sec|sek|min|kv|kvp|hu|ml|mas|%"
_MEASURE = re.compile(rf"\d{{1,3}}(?:[.,]\d{{1,2}})?(?:{_UNITS})")
_NUMBER = re.compile(r"\d{1,3}(?:[.,]\d{1,2})?")
_UNIT = re.compile(_UNITS)
_SEPARATORS = re.compile(r"[\s_;:()\[\]|^=\\]+")
_INNER_SEPARATORS = re.compile(r"[/,&]")


def allowed_words(text: str, *, names: frozenset[str] = frozenset()) -> str:
    """Give the words of a text that are on the list, in upper case, in their order.

    Args:
        text: a description as it stands in a header.
        names: what the header calls people, in lower case; never kept, for there
            are people called Hand, Herz and Art.

    Returns:
        The words, joined by single spaces; empty where none is allowed.
    """
    tokens = [part for word in _SEPARATORS.split(text.casefold()) for part in _parts(word)]
    kept: list[str] = []
    for place, token in enumerate(tokens):
        if token in names:
            continue
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if _NUMBER.fullmatch(token) and _UNIT.fullmatch(following):
            kept.append(token + following)
        elif token in VOCABULARY or _MEASURE.fullmatch(token):
            kept.append(token)
    return " ".join(kept).upper()


def _parts(word: str) -> list[str]:
    # "w/o" is one word, "abd/pelvis" are two.
    return [word] if word in VOCABULARY else _INNER_SEPARATORS.split(word)
