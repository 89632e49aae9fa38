import pytest

from medsynth.cohort.phase_words import words_phase


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
    "text",
    [
        "TDM abdo avec injection",
        "TDM TAP injecté",
        "après injection",
        "temps portal",
        "temps artériel",
        "Abdomen avec PDC",
        "Phase veineuse",
        "temps tardif",
        "Angioscanner",
        "TC ABDOMEN CON CONTRASTE",
        "abdomen c/c",
        "TAC contrastado",
        "fase arterial",
        "fase venosa",
        "fase portal",
        "contraste IV",
        "Abdomen con CIV",
        "fase tardía",
        "fase nefrográfica",
        "fase excretora",
        "TC ADDOME CON MDC",
        "addome mdc",
        "fase arteriosa",
        "fase portale",
        "fase venosa tardiva",
        "dopo mdc",
        "torace c/mdc",
        "con mezzo di contrasto",
        "TC con m.d.c.",
        "Abd 70s",
        "Leber 35 sec",
        "nach i.v. KM-Gabe",
        "Abdomen IV+",
        "parenchimale",
        "contraste oral e IV",
        "Urografía",
        "CMDC",
        "oral contrast with IV contrast",
        "sin contraste oral con contraste IV",
        "Mit Kontrastmittel",
        "Thorax KM",
    ],
)
def test_romance_languages_and_timing_speak_of_contrast(text: str) -> None:
    assert words_phase(text) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "TDM sans injection",
        "scanner spontané",
        "Abdomen sans PDC",
        "non injecté",
        "sans produit de contraste",
        "avant injection",
        "passage à blanc",
        "sans IV",
        "ABDOMEN SIN CONTRASTE",
        "TC simple",
        "TAC SIMPLE",
        "fase basal",
        "abdomen s/c",
        "sin civ",
        "no contrastado",
        "sin medio de contraste",
        "abdomen simple",
        "TC ADDOME SENZA MDC",
        "senza contrasto",
        "fase diretta",
        "TC basale",
        "scansione diretta",
        "s/mdc",
        "pre mdc",
        "smdc",
        "in bianco",
        "CT ADDOME SENZA",
        "precontrasto",
        "kontrastmittelfrei",
        "vor KM",
        "Leeraufnahme",
        "ohne i.v. KM",
        "sans contraste iode",
        "con contraste oral sin contraste IV",
        "mdc per os senza mdc ev",
        "Thorax nativ 5.0 B70s",
        "pre-contraste",
        "without iodine contrast",
        "no IV",
        "Unenhanced abd",
    ],
)
def test_romance_languages_deny_contrast(text: str) -> None:
    assert words_phase(text) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "sans et avec injection",
        "avec et sans injection",
        "sans puis avec injection",
        "con y sin contraste",
        "sin y con contraste",
        "senza e con mdc",
        "con e senza mdc",
        "avant et après injection",
        "antes y después de contraste",
        "prima e dopo mdc",
        "vor und nach KM",
        "pre and post contrast",
        "W/WO CONTRAST",
        "w & w/o",
        "CT W/WO",
    ],
)
def test_before_and_after_is_both_in_every_language(text: str) -> None:
    assert words_phase(text) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "abdomen basse",
        "TC CONTROLE",
        "Abdomen 5.0 B70s",
        "TC tórax",
        "TC TORACE",
        "TDM thoracique",
        "contraste oral",
        "mdc orale",
        "mdc per os",
        "opacification digestive",
        "KM oral",
        "avec contraste oral",
        "contrasto per os",
        "Reconstruction 2 mm",
        "Standard",
        "CONVOLUTION",
        "axial 512",
        "Lung 1.25",
        "Comparison",
        "coronal",
        "sinus",
        "Sinistra",
        "sans coupe",
        "lesione basale",
        "Schnitte 1.0",
        "Becken",
        "follow up",
        "Nephrektomie",
        "Abdomen axial c5",
        "controllo",
        "Convex",
        "single breath",
        "vena",
        "Topogramm",
        "prima visita",
        "contrôle post opératoire",
        "Sin título",
    ],
)
def test_other_words_of_five_languages_are_silent(text: str) -> None:
    assert words_phase(text) == (False, False)


def test_a_kernel_with_a_number_of_seconds_in_its_name_is_no_timing() -> None:
    assert words_phase("Abdomen 5.0 B70s") == (False, False)
    assert words_phase("Abdomen 70 s") == (True, False)
