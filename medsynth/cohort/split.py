"""Which patient plays which role.

train: the translator learns from it. source: its contrast scan is translated.
holdout: nothing trained has seen it. test: utility is measured on it.
A patient is assigned once, whatever its series and phases.
"""

import csv
import dataclasses
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from medsynth.cohort.phase import Phase
from medsynth.errors import CohortError, RecordError
from medsynth.records.atomic import write_text_atomically

PATIENTS_NAME = "patients.csv"
TRAIN, SOURCE, HOLDOUT, TEST = "train", "source", "holdout", "test"
# Small cohorts fill the roles in this order: without the first two nothing can be made.
_CONTRAST_ORDER = (TRAIN, SOURCE, TEST, HOLDOUT)
_NONCONTRAST_ORDER = (TRAIN, TEST)


@dataclasses.dataclass(frozen=True)
class PatientRoles:
    """One patient's phases and roles.

    Attributes:
        patient: pseudonym.
        phases: "contrast" and "noncontrast", whichever it has, in this order.
        roles: one role; two, train and source, only for the single contrast
            patient of a cohort. A role holds for all its series, but source
            and holdout use contrast series alone.
    """

    patient: str
    phases: tuple[str, ...]
    roles: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class SplitShares:
    """What share of the patients each role gets; what is left of a phase tests.

    Attributes:
        contrast_train: of the contrast patients.
        contrast_source: of the contrast patients.
        contrast_holdout: of the contrast patients.
        noncontrast_train: of the patients with noncontrast series alone.
    """

    contrast_train: float
    contrast_source: float
    contrast_holdout: float
    noncontrast_train: float


def split_patients(
    phases_of_patient: Mapping[str, Iterable[str]],
    shares: SplitShares,
    *,
    seed: int,
    needs_noncontrast: bool = True,
) -> tuple[PatientRoles, ...]:
    """Give every patient its role.

    The result depends on the seed and the pseudonyms alone, not on their
    order. A patient with both phases is counted with the contrast patients.

    Args:
        phases_of_patient: pseudonym -> phases of its series; unknown ones are ignored.
        shares: share of each role; every role with a share gets a patient
            before another gets its second, as far as there are patients, in
            the order train, source, test, holdout.
        seed: another seed gives another split.
        needs_noncontrast: whether something learns from non-contrast scans; a translator that
            is used as it ships does not.

    Returns:
        One record for each patient with a known phase, ordered by pseudonym.

    Raises:
        CohortError: a phase has no patient, or there is one patient only.
    """
    known = _known_phases(phases_of_patient)
    _check_cohort(known, len(phases_of_patient), needs_noncontrast=needs_noncontrast)
    contrast = _hash_order([p for p, phases in known.items() if Phase.CONTRAST in phases], seed)
    others = _hash_order([p for p, phases in known.items() if Phase.CONTRAST not in phases], seed)
    counts = role_counts(len(contrast), _contrast_shares(shares), _CONTRAST_ORDER)
    roles = dict(zip(contrast, _repeat(counts), strict=True))
    if len(contrast) == 1:
        roles[contrast[0]] = (TRAIN, SOURCE)
    noncontrast_shares = {
        TRAIN: shares.noncontrast_train,
        TEST: 1.0 - shares.noncontrast_train,
    }
    counts = role_counts(len(others), noncontrast_shares, _NONCONTRAST_ORDER)
    roles.update(zip(others, _repeat(counts), strict=True))
    return tuple(PatientRoles(patient, known[patient], roles[patient]) for patient in sorted(known))


def role_counts(patients: int, shares: Mapping[str, float], order: Sequence[str]) -> dict[str, int]:
    """Share out a number of patients.

    Each role with a share gets one patient first, in the given order; the
    rest go, one by one, to the role that is furthest below its share.

    Args:
        patients: how many there are.
        shares: role -> share, from 0 to 1; the first of `order` counts even at 0.
        order: which role comes first where patients are few or shares tie.

    Returns:
        Role -> number of patients, in the given order; they sum to `patients`.
    """
    counts = dict.fromkeys(order, 0)
    for _ in range(patients):
        empty = [role for role in order if counts[role] == 0 and _needs_one(role, shares)]
        if empty:
            counts[empty[0]] += 1
        else:
            # max() takes the first of equals, which is the earlier in order.
            counts[max(order, key=lambda role: shares[role] * patients - counts[role])] += 1
    return counts


def write_patients(split_folder: Path, patients: Iterable[PatientRoles]) -> None:
    """Write `patients.csv`; several values in one field are separated by a space."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient", "phases", "roles"])
    for one in patients:
        writer.writerow([one.patient, " ".join(one.phases), " ".join(one.roles)])
    write_text_atomically(split_folder / PATIENTS_NAME, text.getvalue())


def read_patients(split_folder: Path) -> tuple[PatientRoles, ...]:
    """Read the table of patients, ordered by pseudonym.

    Raises:
        RecordError: the table is missing or lacks a column.
    """
    try:
        with (split_folder / PATIENTS_NAME).open(encoding="utf-8", newline="") as stream:
            return tuple(
                PatientRoles(
                    row["patient"], tuple(row["phases"].split()), tuple(row["roles"].split())
                )
                for row in csv.DictReader(stream)
            )
    except FileNotFoundError:
        raise RecordError(
            f"File {PATIENTS_NAME} is missing. Expected it in {split_folder.name}. "
            "Run `medsynth split` first."
        ) from None
    except (KeyError, AttributeError, UnicodeDecodeError):
        raise RecordError(
            f"File {PATIENTS_NAME} is not the table that medsynth wrote. Expected the columns "
            "patient, phases, roles. Delete its folder and run `medsynth split` again."
        ) from None


def _known_phases(
    phases_of_patient: Mapping[str, Iterable[str]],
) -> dict[str, tuple[str, ...]]:
    known = {}
    for patient, phases in phases_of_patient.items():
        found = set(phases)
        ordered = tuple(
            phase.value for phase in (Phase.CONTRAST, Phase.NONCONTRAST) if phase in found
        )
        if ordered:
            known[patient] = ordered
    return known


def _check_cohort(
    known: Mapping[str, tuple[str, ...]], patients: int, *, needs_noncontrast: bool
) -> None:
    contrast = sum(Phase.CONTRAST in phases for phases in known.values())
    noncontrast = sum(Phase.NONCONTRAST in phases for phases in known.values())
    if len(known) >= 2 and contrast and (noncontrast or not needs_noncontrast):
        return
    hint = "" if contrast == 0 else " Without non-contrast scans, train.steps=0 still translates."
    raise CohortError(
        f"Found {patients} patients: {contrast} with a contrast series, {noncontrast} with a "
        f"noncontrast series, {patients - len(known)} of unknown phase only. Expected two patients "
        "or more, with at least one of each phase. Add scans of the missing phase, or look in "
        f"sort/phases.jsonl why a phase is unknown.{hint}"
    )


def _hash_order(patients: Iterable[str], seed: int) -> list[str]:
    return sorted(
        patients,
        key=lambda patient: hashlib.sha256(f"medsynth split {seed} {patient}".encode()).digest(),
    )


def _contrast_shares(shares: SplitShares) -> dict[str, float]:
    given = shares.contrast_train + shares.contrast_source + shares.contrast_holdout
    return {
        TRAIN: shares.contrast_train,
        SOURCE: shares.contrast_source,
        TEST: max(0.0, 1.0 - given),
        HOLDOUT: shares.contrast_holdout,
    }


def _needs_one(role: str, shares: Mapping[str, float]) -> bool:
    # 1 - 0.4 - 0.3 - 0.3 is not quite 0.
    return role in (TRAIN, SOURCE) or shares[role] > 1e-9


def _repeat(counts: Mapping[str, int]) -> list[tuple[str, ...]]:
    return [(role,) for role, count in counts.items() for _ in range(count)]
