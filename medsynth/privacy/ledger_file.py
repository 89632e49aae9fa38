"""The ledger's file: its form, and the code that shows when it was altered."""

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medsynth.errors import PrivacyError
from medsynth.privacy.accounting import Mechanism
from medsynth.privacy.budget import mechanism_from_plain
from medsynth.privacy.fingerprints import PatientMarks
from medsynth.records.atomic import write_text_atomically

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class TrainingAccount:
    """One training in the ledger.

    Attributes:
        training_id: random, hexadecimal.
        delta: chance that its epsilon does not hold.
        patients: marks of those it trained on.
        charged: updates that may have reached a disk, lost ones counted.
        planned: updates it may be charged before it is asked again.
        lost_steps: training steps that were charged and whose weights were lost.
        has_ended: it plans no more than it was charged.
        written: the ledger's counter when this account last changed.
    """

    training_id: str
    delta: float
    patients: tuple[PatientMarks, ...]
    charged: tuple[Mechanism, ...]
    planned: tuple[Mechanism, ...]
    lost_steps: int
    has_ended: bool
    written: int = 0


@dataclasses.dataclass(frozen=True)
class LedgerContent:
    """All that a ledger holds.

    Attributes:
        counter: how often it was written.
        trainings: in the order in which they began.
    """

    counter: int
    trainings: tuple[TrainingAccount, ...]

    def account(self, training_id: str) -> TrainingAccount | None:
        """Give a training's account; None where there is none."""
        found = [one for one in self.trainings if one.training_id == training_id]
        return found[0] if found else None

    def with_account(self, account: TrainingAccount) -> "LedgerContent":
        """Give the content with one account new or changed, counted as one write more."""
        changed = dataclasses.replace(account, written=self.counter + 1)
        kept = [
            changed if one.training_id == account.training_id else one for one in self.trainings
        ]
        if self.account(account.training_id) is None:
            kept.append(changed)
        return LedgerContent(self.counter + 1, tuple(kept))


def write_ledger(path: Path, content: LedgerContent, key: bytes) -> None:
    """Write a ledger in one atomic step that a power cut cannot take back.

    Args:
        path: the file; its folder must exist.
        content: all of it.
        key: secret bytes.
    """
    plain = {"schema": SCHEMA, **dataclasses.asdict(content)}
    sealed = {"content": plain, "code": _code(plain, key)}
    write_text_atomically(path, json.dumps(sealed, indent=1, sort_keys=True) + "\n")


def read_ledger(path: Path, key: bytes) -> LedgerContent:
    """Read a ledger that was not altered since it was written.

    Args:
        path: the file.
        key: the secret bytes it was written with.

    Raises:
        PrivacyError: it is missing, altered, under another key, or no ledger.
    """
    try:
        sealed = json.loads(path.read_bytes())
        plain, code = sealed["content"], str(sealed["code"])
        is_whole = hmac.compare_digest(code.encode("utf-8"), _code(plain, key).encode("utf-8"))
    except FileNotFoundError:
        raise PrivacyError(
            f"The ledger {path.name} is missing. Expected the one that the training was begun "
            "with. Bring it back; without it what the patients spent is not known."
        ) from None
    except (ValueError, TypeError, KeyError):
        is_whole = False
    if not is_whole:
        raise PrivacyError(
            f"The ledger {path.name} was altered, or is under another key. Expected it as it was "
            "last written, and the cohort's key. Bring back the ledger or the key."
        )
    return _content_from_plain(plain, path)


def _content_from_plain(plain: Mapping[str, Any], path: Path) -> LedgerContent:
    try:
        if plain["schema"] != SCHEMA:
            raise ValueError("another schema")
        trainings = tuple(_account_from_plain(one) for one in plain["trainings"])
        return LedgerContent(int(plain["counter"]), trainings)
    except (KeyError, TypeError, ValueError):
        raise PrivacyError(
            f"The ledger {path.name} has a form that this version cannot read. Expected schema "
            f"{SCHEMA}. Use the version of medsynth that wrote it."
        ) from None


def _account_from_plain(plain: Mapping[str, Any]) -> TrainingAccount:
    return TrainingAccount(
        training_id=str(plain["training_id"]),
        delta=float(plain["delta"]),
        patients=tuple(PatientMarks(tuple(map(str, one["marks"]))) for one in plain["patients"]),
        charged=tuple(mechanism_from_plain(one) for one in plain["charged"]),
        planned=tuple(mechanism_from_plain(one) for one in plain["planned"]),
        lost_steps=int(plain["lost_steps"]),
        has_ended=bool(plain["has_ended"]),
        written=int(plain["written"]),
    )


def _code(plain: object, key: bytes) -> str:
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    mac = hmac.new(key, b"medsynth ledger code\x00", hashlib.sha256)
    mac.update(canonical.encode("utf-8"))
    return mac.hexdigest()
