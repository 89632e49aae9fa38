"""What a private training must not be: whatever would make its epsilon untrue is refused."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import CohortError, ConfigurationError
from medsynth.privacy.patients import PrivatePatient
from medsynth.training.batches import PatientSlices

FEWEST_PATIENTS = 20
_MOST_SHARED_SLICES = 0.5


@dataclasses.dataclass(frozen=True)
class AdmittedPlan:
    """What of a training's plan decides whether it can be private.

    Attributes:
        engine: what learns to translate.
        steps: budget in steps; None where it is in minutes.
        image_pool: past translations shown to the discriminators.
        early_stop: whether slices of patients decide when to stop.
        processes: that train together.
    """

    engine: str
    steps: int | None
    image_pool: int
    early_stop: bool
    processes: int


def admit_plan(plan: AdmittedPlan) -> None:
    """Refuse a plan under which the accounting does not hold.

    Raises:
        ConfigurationError: another engine than "cycle", no number of steps, an image pool,
            an early stop, or several processes.
    """
    if plan.engine != "cycle":
        raise ConfigurationError(
            f'train.engine is "{plan.engine}" in a private training. Expected "cycle", the one '
            'whose losses are a sum over patients. Set train.engine to "cycle".'
        )
    if plan.steps is None:
        raise ConfigurationError(
            "A private training has no number of steps. Expected train.steps, since epsilon "
            "grows with each of them. Set train.steps and leave train.minutes out."
        )
    if plan.image_pool > 0:
        raise ConfigurationError(
            f"train.image_pool is {plan.image_pool} in a private training. Expected 0: a pool "
            "shows patients who were not drawn. Set train.image_pool to 0."
        )
    if plan.early_stop:
        raise ConfigurationError(
            "train.early_stop is on in a private training. Expected it off: when to stop would "
            "tell of the patients who decide it. Set train.early_stop to false."
        )
    if plan.processes != 1:
        raise ConfigurationError(
            f"A private training runs in {plan.processes} processes. Expected one, which alone "
            "draws patients and noise. Start it without torchrun."
        )


def admit_patients(patients: Sequence[PrivatePatient], *, delta: float) -> None:
    """Refuse a cohort in which a patient is not one patient, or too few share the noise.

    Args:
        patients: one a pseudonym; all of their slices are read.
        delta: chance that epsilon does not hold.

    Raises:
        CohortError: there are fewer than 20 patients, or one scan has two pseudonyms.
        ConfigurationError: delta is not below one over the number of patients.
    """
    count = len(patients)
    if count < FEWEST_PATIENTS:
        raise CohortError(
            f"{count} patients are to train in private. Expected at least {FEWEST_PATIENTS}: "
            "among fewer, no useful noise hides one. Add patients, or train without privacy "
            "and release nothing."
        )
    if not 0 < delta < 1 / count:
        raise ConfigurationError(
            f"Delta is {delta:g} for {count} patients. Expected less than one over their number, "
            f"{1 / count:.2g}: above it, a patient's scans could be published in full. Leave it "
            f"out, for {1 / (10 * count):.2g}."
        )
    names = [patient.patient for patient in patients]
    if len(set(names)) < count:
        raise CohortError(
            "A pseudonym stands twice among the training patients. Expected each once, with all "
            "of its scans. Join what belongs to one patient."
        )
    _check_scans(patients)


def admit_public(public: Sequence[PatientSlices], patients: Sequence[PrivatePatient]) -> None:
    """Refuse public scans among which is a scan of a private patient.

    Args:
        public: what is said to need no protection; all slices are read.
        patients: the private ones, with all of their scans.

    Raises:
        CohortError: there is no public scan, or most of a private scan is among them.
    """
    if not public:
        raise CohortError(
            "The public source holds no contrast scan. Expected at least one. Prepare a workspace "
            'of public contrast scans, or set privacy.public_source to "made_up".'
        )
    known = {mark for one in public for volume in one.volumes_hu for mark in _slice_marks(volume)}
    for patient in patients:
        for volume in _volumes(patient):
            marks = list(_slice_marks(volume))
            shared = sum(mark in known for mark in marks)
            if shared > _MOST_SHARED_SLICES * len(marks):
                raise CohortError(
                    f"{shared} of the {len(marks)} slices of a scan of private patient "
                    f"{patient.patient} are in the public source. Expected scans of others: what "
                    "is public is not protected. Take them out of privacy.public_source."
                )


def _check_scans(patients: Sequence[PrivatePatient]) -> None:
    """Refuse the same scan under two pseudonyms: whole, or most of its slices."""
    slices_of = [[list(_slice_marks(v)) for v in _volumes(patient)] for patient in patients]
    holders: dict[bytes, set[int]] = {}
    for place, volumes in enumerate(slices_of):
        for mark in {mark for volume in volumes for mark in volume}:
            holders.setdefault(mark, set()).add(place)
    for place, volumes in enumerate(slices_of):
        for marks in volumes:
            shared = Counter(other for mark in marks for other in holders[mark] - {place})
            for other, count in shared.most_common(1):
                if count > _MOST_SHARED_SLICES * len(marks):
                    raise CohortError(
                        f"Patients {patients[place].patient} and {patients[other].patient} share "
                        f"{count} of the {len(marks)} slices of a scan. Expected one pseudonym a "
                        "person. Put both under one pseudonym, or leave one out."
                    )


def _volumes(patient: PrivatePatient) -> tuple[NDArray[np.int16], ...]:
    return (*patient.contrast, *patient.noncontrast)


def _slice_marks(volume_hu: NDArray[np.int16]) -> Iterator[bytes]:
    for slice_hu in volume_hu:
        # Slices of air alone are the same in everybody.
        if slice_hu.min() != slice_hu.max():
            yield hashlib.blake2b(slice_hu.tobytes(), digest_size=16).digest()
