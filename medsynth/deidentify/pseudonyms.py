"""Names that stand for patients, series and objects, and the days their dates move.

Each is a pure function of the project's secret and the value: parallel
workers and later runs agree, and without the secret no value can be tested
against a name.
"""

import hashlib
import hmac
import uuid

# Ten years: an examination cannot be found by the calendar of a hospital.
_FURTHEST_SHIFT_DAYS = 3650


def patient_pseudonym(secret: str, identity: str) -> str:
    """Give the name that stands for a patient: "p" and 10 hexadecimal digits.

    Args:
        secret: the project's secret.
        identity: Patient ID, or what stands for it.
    """
    return "p" + keyed_digits(secret, "patient", identity)[:10]


def series_pseudonym(secret: str, identity: str, part: int = 0) -> str:
    """Give the name that stands for a series: "s" and 12 hexadecimal digits.

    Args:
        secret: the project's secret.
        identity: Series Instance UID, or what stands for it.
        part: which group of the series' files, 0 for the largest.
    """
    value = identity if part == 0 else f"{identity} part {part}"
    return "s" + keyed_digits(secret, "series", value)[:12]


def keyed_uid(secret: str, identity: str) -> str:
    """Give the UID that stands for a UID: below 2.25, the root of UUIDs.

    Args:
        secret: the project's secret.
        identity: the UID, or what a damaged header holds in its place.

    Source: DICOM PS3.5 section B.2, UIDs made from a UUID.
    """
    digits = keyed_digits(secret, "uid", identity)
    return f"2.25.{uuid.UUID(hex=digits[:32], version=4).int}"


def shift_days(secret: str, identity: str) -> int:
    """Give the number of days by which all dates of a patient move: from -3650 to -1.

    Args:
        secret: the project's secret.
        identity: Patient ID, or what stands for it.
    """
    number = int(keyed_digits(secret, "date shift", identity)[:16], 16)
    return -1 - number % _FURTHEST_SHIFT_DAYS


def keyed_digits(secret: str, domain: str, value: str) -> str:
    """Give 64 hexadecimal digits that depend on all three arguments.

    Equal values of different domains give unrelated digits.

    Args:
        secret: the project's secret.
        domain: what the value is, without a line break.
        value: the value.
    """
    message = f"medsynth {domain}\n{value}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
