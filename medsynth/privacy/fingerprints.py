"""Keyed marks by which the cohort's ledger knows a patient again, and nobody else can."""

import dataclasses
import hashlib
import hmac
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import ConfigurationError
from medsynth.privacy.patients import PrivatePatient

_FEWEST_KEY_BYTES = 32
# 128 bits: no two patients share a mark by chance.
_MARK_DIGITS = 32


@dataclasses.dataclass(frozen=True)
class PatientMarks:
    """What a ledger keeps of a patient. One mark in common makes two patients one.

    Attributes:
        marks: hexadecimal, sorted: one of the pseudonym and one of each volume's pixels.
    """

    marks: tuple[str, ...]


def fingerprint_patients(
    patients: Sequence[PrivatePatient], key: bytes
) -> tuple[PatientMarks, ...]:
    """Make the marks of patients under a secret key.

    The pixels' marks know a patient again under another pseudonym, as after an ingest with
    another key file; the pseudonym's does after another preparation. Where both changed, none
    does: keep the key file of the ingest.

    Args:
        patients: one a person; all of their slices are read.
        key: secret bytes, the same for all trainings of the cohort.

    Returns:
        One for each patient, in their order.

    Raises:
        ConfigurationError: the key is too short to be a secret.
    """
    check_key(key)
    return tuple(
        PatientMarks(
            tuple(
                sorted(
                    {
                        _mark(key, b"pseudonym", [patient.patient.encode("utf-8")]),
                        *(_scan_mark(key, v) for v in (*patient.contrast, *patient.noncontrast)),
                    }
                )
            )
        )
        for patient in patients
    )


def check_key(key: bytes) -> None:
    """Refuse a key that could be guessed.

    Raises:
        ConfigurationError: it has fewer than 32 bytes.
    """
    if len(key) < _FEWEST_KEY_BYTES:
        raise ConfigurationError(
            f"The ledger's key has {len(key)} bytes. Expected at least {_FEWEST_KEY_BYTES} random "
            "ones. Name another key file."
        )


def _scan_mark(key: bytes, volume_hu: NDArray[np.int16]) -> str:
    # Slice by slice, so that a memory-mapped volume is never in memory as a whole.
    shape = ",".join(str(size) for size in volume_hu.shape).encode("ascii")
    return _mark(key, b"scan", [shape, *(slice_hu.tobytes() for slice_hu in volume_hu)])


def _mark(key: bytes, kind: bytes, parts: Sequence[bytes]) -> str:
    mac = hmac.new(key, b"medsynth ledger " + kind, hashlib.sha256)
    for part in parts:
        mac.update(b"\x00" + part)
    return mac.hexdigest()[:_MARK_DIGITS]
