"""What the headers of a made-up patient say: identity, study and series."""

import dataclasses
import datetime
import enum

import numpy as np
from pydicom.uid import generate_uid

from medsynth.phantom.header_words import descriptions_of_region
from medsynth.phantom.names import (
    ADDRESSES,
    AGENTS,
    FAMILY_NAMES,
    FEMALE_NAMES,
    INSTITUTIONS,
    MALE_NAMES,
    STREETS,
)
from medsynth.phantom.options import BodyRegion
from medsynth.phantom.patient import PatientProfile, Sex
from medsynth.phantom.randomness import Stream, random_stream
from medsynth.phantom.scan import Phase
from medsynth.phantom.site import SITES, Language, Site

_SCOUTS = {Language.GERMAN: "Topogramm", Language.ENGLISH: "SCOUT"}


class ContrastTags(enum.Enum):
    """How far the contrast tags of a series can be believed."""

    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who the headers say the patient is.

    Attributes:
        family_name: made up.
        given_name: made up.
        patient_id: Patient ID (0010,0020), one for all scans of the patient.
        other_id: an insurance number.
        born: date of birth.
        address: street and number.
        telephone: a number that no exchange has.
    """

    family_name: str
    given_name: str
    patient_id: str
    other_id: str
    born: datetime.date
    address: str
    telephone: str


@dataclasses.dataclass(frozen=True)
class StudyHeader:
    """What the headers say of the examination.

    Attributes:
        study_uid: Study Instance UID.
        frame_uid: Frame of Reference UID.
        taken: when.
        accession: Accession Number.
        study_id: Study ID.
        description: Study Description; at some sites it names the patient.
        comments: Patient Comments; empty at sites that leave them out.
        referring: Referring Physician's Name.
        operator: Operators' Name.
        institution: Institution Name.
        institution_address: Institution Address.
        station: Station Name.
        serial: Device Serial Number.
        region: what was scanned.
    """

    study_uid: str
    frame_uid: str
    taken: datetime.datetime
    accession: str
    study_id: str
    description: str
    comments: str
    referring: str
    operator: str
    institution: str
    institution_address: str
    station: str
    serial: str
    region: BodyRegion = BodyRegion.ABDOMEN


@dataclasses.dataclass(frozen=True)
class SeriesHeader:
    """What the headers say of one series.

    Attributes:
        series_uid: Series Instance UID.
        number: Series Number.
        description: Series Description, with words for the phase or without.
        agent: Contrast/Bolus Agent, or None when the tag is left out.
        tags: whether `agent` tells the truth.
        seconds_into_study: when the series was taken.
    """

    series_uid: str
    number: int
    description: str
    agent: str | None
    tags: ContrastTags
    seconds_into_study: int


@dataclasses.dataclass(frozen=True)
class Planted:
    """Identifying values in the headers of one patient, for a search for leaks.

    Attributes:
        names: of patients and staff, whole and in parts.
        texts: free text, institutions and addresses.
        numbers: identifiers, telephone and serial numbers.
        dates: of birth and examination, in three notations, and times.
        uids: of study, series, frame of reference and images.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    uids: tuple[str, ...]


def draw_identity(seed: int, patient: PatientProfile) -> Identity:
    """Draw a made-up identity.

    Args:
        seed: the cohort's seed.
        patient: sex decides the given name, age the year of birth.
    """
    random = random_stream(seed, patient.index, Stream.HEADER)
    given_names = MALE_NAMES if patient.sex is Sex.MALE else FEMALE_NAMES
    examined = _examination_day(seed, patient)
    # A birthday shortly before the examination keeps the age right.
    born = examined - datetime.timedelta(
        days=round(365.25 * patient.age_years) + int(random.integers(5, 355))
    )
    return Identity(
        family_name=_choice(FAMILY_NAMES, random),
        given_name=_choice(given_names, random),
        patient_id=f"{random.integers(10**9, 10**10)}",
        other_id=f"{_choice(('Q', 'X', 'V'), random)}{random.integers(10**8, 10**9)}",
        born=born,
        address=f"{_choice(STREETS, random)} {random.integers(1, 200)}",
        telephone=f"+49 99 {random.integers(10**7, 10**8)}",
    )


def draw_study(
    seed: int,
    patient: PatientProfile,
    site: Site,
    identity: Identity,
    region: BodyRegion = BodyRegion.ABDOMEN,
) -> StudyHeader:
    """Draw the header of an examination.

    Args:
        seed: the cohort's seed.
        patient: who is examined.
        site: decides language and which fields are filled.
        identity: what free text may name.
        region: what was scanned.
    """
    random = random_stream(seed, patient.index, Stream.HEADER, 1)
    place = SITES.index(site)
    day = _examination_day(seed, patient)
    time = datetime.time(int(random.integers(7, 19)), int(random.integers(60)))
    taken = datetime.datetime.combine(day, time) + datetime.timedelta(
        seconds=int(random.integers(60)), microseconds=int(random.integers(1000, 10**6))
    )
    description = _choice(descriptions_of_region(region, site.language).studies, random)
    if random.random() < 0.3:
        title = "Pat." if site.language is Language.GERMAN else "pt"
        description = f"{description} {title} {identity.family_name}"
    return StudyHeader(
        study_uid=_uid(seed, patient.index, "study"),
        frame_uid=_uid(seed, patient.index, "frame"),
        taken=taken,
        accession=f"A{random.integers(10**10, 10**11)}",
        study_id=f"{random.integers(10**7, 10**8)}",
        description=description,
        comments=_comments(site, identity, random),
        referring=f"{_choice(FAMILY_NAMES, random)}^{_choice(FEMALE_NAMES, random)}^^Dr.",
        operator=f"{_choice(FAMILY_NAMES, random)}^{_choice(MALE_NAMES, random)}",
        institution=INSTITUTIONS[place],
        institution_address=ADDRESSES[place],
        station=f"CTAW{88100 + place}",
        serial=f"{70344100 + 17 * place}",
        region=region,
    )


def draw_series(
    seed: int,
    patient: PatientProfile,
    site: Site,
    phase: Phase,
    region: BodyRegion = BodyRegion.ABDOMEN,
) -> SeriesHeader:
    """Draw the header of an axial series.

    About 15 in 100 series lack the contrast tags they should have, and in 4 of
    100 the tags say the opposite of the truth; a quarter of the descriptions
    have no word for the phase.

    Args:
        seed: the cohort's seed.
        patient: who is scanned.
        site: decides the language.
        phase: the true phase.
        region: what was scanned.
    """
    is_contrast = phase == "contrast"
    number = 3 if is_contrast else 2
    random = random_stream(seed, patient.index, Stream.HEADER, number)
    words = descriptions_of_region(region, site.language)
    if random.random() < 0.25:
        description = _choice(words.silent, random)
    else:
        description = _choice(words.contrast if is_contrast else words.noncontrast, random)
    dice = random.random()
    agent = _choice(AGENTS, random)
    tags = ContrastTags.RIGHT
    if dice < 0.04:
        tags = ContrastTags.WRONG
    elif dice < 0.19 and is_contrast:
        tags = ContrastTags.MISSING
    says_contrast = is_contrast != (tags is ContrastTags.WRONG)
    written = agent if says_contrast and tags is not ContrastTags.MISSING else None
    if is_contrast and tags is ContrastTags.WRONG:
        written = "NONE"
    return SeriesHeader(
        series_uid=_uid(seed, patient.index, f"series {number}"),
        number=number,
        description=description,
        agent=written,
        tags=tags,
        seconds_into_study=180 if is_contrast else 90,
    )


def scout_series(seed: int, patient: PatientProfile, site: Site) -> SeriesHeader:
    """Give the header of a localizer series."""
    return SeriesHeader(
        series_uid=_uid(seed, patient.index, "series 1"),
        number=1,
        description=_SCOUTS[site.language],
        agent=None,
        tags=ContrastTags.RIGHT,
        seconds_into_study=30,
    )


def image_uid(series: SeriesHeader, number: int) -> str:
    """Give the SOP Instance UID of an image of a series."""
    return str(generate_uid(entropy_srcs=[series.series_uid, f"image {number}"]))


def planted_values(
    identity: Identity, study: StudyHeader, series: tuple[SeriesHeader, ...], site: Site
) -> Planted:
    """List what a search for leaks should look for.

    DICOM files hold the text in Latin-1; a search in other files should try
    UTF-8 too. Dates are listed in notations that other programs write as well.

    Args:
        identity: the patient's identity.
        study: the examination.
        series: its series.
        site: what it leaves out is not listed.
    """
    names = {identity.family_name, identity.given_name}
    names.add(f"{identity.family_name}^{identity.given_name}")
    for person in (study.referring, study.operator):
        names.update(part for part in person.split("^")[:2])
        names.add(person)
    names.update(name for name in FAMILY_NAMES if name in study.comments)
    texts = {study.institution, study.institution_address}
    dates = {notation for day in (identity.born, study.taken) for notation in _notations(day)}
    dates.update(series_time(study, one) for one in series)
    dates.add(study.taken.strftime("%H%M%S.%f"))
    numbers = {identity.patient_id, study.accession, study.study_id, study.serial, study.station}
    if site.fills_comments:
        numbers |= {identity.other_id, identity.telephone}
        texts |= {identity.address, study.comments}
    return Planted(
        names=tuple(sorted(names)),
        texts=tuple(sorted(texts)),
        numbers=tuple(sorted(numbers)),
        dates=tuple(sorted(dates)),
        uids=tuple(sorted({study.study_uid, study.frame_uid, *(one.series_uid for one in series)})),
    )


def series_time(study: StudyHeader, series: SeriesHeader) -> str:
    """Give Series Time (0008,0031) as DICOM writes it."""
    taken = study.taken + datetime.timedelta(seconds=series.seconds_into_study)
    return taken.strftime("%H%M%S.%f")


def _notations(day: datetime.date) -> tuple[str, str, str]:
    return day.strftime("%Y%m%d"), day.strftime("%Y-%m-%d"), day.strftime("%d.%m.%Y")


def _comments(site: Site, identity: Identity, random: np.random.Generator) -> str:
    if not site.fills_comments:
        return ""
    name = f"{identity.given_name} {identity.family_name}"
    if site.language is Language.GERMAN:
        options = (
            f"{name}, geb. {identity.born.strftime('%d.%m.%Y')}, Tel. {identity.telephone}",
            f"Befund bitte an Praxis {_choice(FAMILY_NAMES, random)}, {identity.address}",
            f"KM-Aufklärung durch Dr. {_choice(FAMILY_NAMES, random)} erfolgt",
        )
    else:
        options = (
            f"{name}, call {identity.telephone} with result",
            f"lives at {identity.address}, carer {_choice(FAMILY_NAMES, random)}",
            f"consent taken by Dr {_choice(FAMILY_NAMES, random)}",
        )
    return _choice(options, random)


def _examination_day(seed: int, patient: PatientProfile) -> datetime.date:
    random = random_stream(seed, patient.index, Stream.HEADER, 9)
    return datetime.date(2009, 1, 1) + datetime.timedelta(days=int(random.integers(0, 4300)))


def _choice(options: tuple[str, ...], random: np.random.Generator) -> str:
    return options[int(random.integers(len(options)))]


def _uid(seed: int, patient_index: int, purpose: str) -> str:
    entropy = ["medsynth phantom", str(seed), str(patient_index), purpose]
    return str(generate_uid(entropy_srcs=entropy))
