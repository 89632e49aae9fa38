"""Names that stand for patients and series.

Each is a pure function of the project's secret and the value: parallel
workers and later runs agree, and without the secret no value can be tested
against a name.
"""

import hashlib
import hmac


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
