"""Whether a mode of release is open, and why: one pure function for the gate and the report."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from medsynth.synthesis.index import GateCounts
from privacy_audit.verdict import APPLIES_TO, gate

_LEAST_SEVERE_FIRST = ("pass", "inconclusive", "invalid", "fail")
LINKAGE_CHECK = "linkage_to_source"
_CLAIM_CHECK = "privacy_claim"
# What today's synthesis makes are translations that keep the anatomy, which bars these modes.
_MODES_WITHOUT_DATASET = {
    "unlinked": "volumes translated after an anatomy change",
    "source_free": "volumes made without any patient's scan as input",
}


@dataclasses.dataclass(frozen=True)
class ReleaseDecision:
    """What the gate says of one mode.

    Attributes:
        mode: the mode asked for.
        released: whether a bundle may be packed.
        verdict: the audit's verdict over the checks that apply to the mode.
        reasons: whole sentences, the deciding one first; never empty.
    """

    mode: str
    released: bool
    verdict: str
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Shortfall:
    # Why an audit is inconclusive, and what would mend it; parts of a sentence.
    cause: str
    remedy: str


def decide(
    audit: Mapping[str, Any],
    privacy: Mapping[str, Any],
    mode: str,
    accept_inconclusive: bool,
    volumes: GateCounts | None = None,
) -> ReleaseDecision:
    """Decide whether the workspace's result may be released in a mode.

    Args:
        audit: content of `audit.json`.
        privacy: content of `privacy.json`, the training's budget ledger.
        mode: "weights", "translated", "unlinked" or "source_free".
        accept_inconclusive: release although a check lacked the patients to
            tell. It never outweighs a failed or invalid check.
        volumes: what the gate in Hounsfield units said of the translated volumes;
            None where it is not known. A bundle of weights holds no volume.

    Returns:
        The decision; equal arguments give an equal one.
    """
    verdict, reasons = _audit_verdict(audit, privacy, mode)
    counts = None if mode == "weights" else volumes
    obstacles = (
        *_missing_dataset(audit["checks"], mode),
        *_unbounded_weights(privacy, mode),
        *_nothing_left(counts),
    )
    if obstacles:
        unsaid = tuple(reason for reason in reasons if LINKAGE_CHECK not in reason)
        return ReleaseDecision(mode, False, verdict, (*obstacles, *unsaid))
    shortfall = _claim_not_tried() if _lacks_claim(audit, privacy, mode) else _too_few_patients()
    decision = _decide_by_verdict(mode, verdict, reasons, accept_inconclusive, shortfall)
    return dataclasses.replace(decision, reasons=(*decision.reasons, *_told_of_volumes(counts)))


def is_private(privacy: Mapping[str, Any]) -> bool:
    """Tell whether the ledger states a training with a finite privacy budget."""
    epsilon = privacy.get("epsilon")
    return bool(privacy.get("private")) and epsilon is not None and math.isfinite(epsilon)


def checks_to_hold(
    audit: Mapping[str, Any], privacy: Mapping[str, Any], mode: str
) -> Mapping[str, Mapping[str, Any]]:
    """Give the audit's checks, with one that a mode needs and that was not run as inconclusive.

    Args:
        audit: content of `audit.json`.
        privacy: content of the training's `privacy.json`.
        mode: the release mode.

    Returns:
        Name of the check -> its record, as in `audit.json`.
    """
    checks: Mapping[str, Mapping[str, Any]] = audit["checks"]
    if not _lacks_claim(audit, privacy, mode):
        return checks
    not_run = {
        "verdict": "inconclusive",
        "explanation": "The check was not run.",
        "applies_to": list(APPLIES_TO[_CLAIM_CHECK]),
    }
    return {**checks, _CLAIM_CHECK: not_run}


def _lacks_claim(audit: Mapping[str, Any], privacy: Mapping[str, Any], mode: str) -> bool:
    """Tell whether weights rest on a claim of privacy that nobody tried to refute."""
    return (
        mode == "weights" and bool(privacy.get("private")) and _CLAIM_CHECK not in audit["checks"]
    )


def _audit_verdict(
    audit: Mapping[str, Any], privacy: Mapping[str, Any], mode: str
) -> tuple[str, tuple[str, ...]]:
    verdict, reasons = gate(checks_to_hold(audit, privacy, mode), mode)
    # The audit's own verdict also covers its self-test, which is no check of a mode.
    own_verdict = audit["verdict"]
    counts = own_verdict == "invalid" or audit["mode"] == mode
    rank = _LEAST_SEVERE_FIRST.index
    if counts and rank(own_verdict) > rank(verdict):
        return own_verdict, (*reasons, f"The audit as a whole, self-test included: {own_verdict}.")
    return verdict, reasons


def _too_few_patients() -> _Shortfall:
    return _Shortfall("it had too few patients to tell", "Audit with more held-out patients")


def _claim_not_tried() -> _Shortfall:
    return _Shortfall(
        "it did not try to refute the training's claim of privacy", "Run `medsynth audit` again"
    )


def _decide_by_verdict(
    mode: str,
    verdict: str,
    audit_reasons: tuple[str, ...],
    accept_inconclusive: bool,
    shortfall: _Shortfall,
) -> ReleaseDecision:
    if verdict == "pass":
        opening = f"No check that applies to the mode {mode} found more than it allows."
        return ReleaseDecision(mode, True, verdict, (opening, *audit_reasons))
    if verdict == "inconclusive" and accept_inconclusive:
        opening = (
            f"The audit is inconclusive: {shortfall.cause}. The bundle is packed because "
            "release.accept_inconclusive is set."
        )
        return ReleaseDecision(mode, True, verdict, (opening, *audit_reasons))
    if verdict == "inconclusive":
        opening = (
            f"The audit is inconclusive: {shortfall.cause}. {shortfall.remedy}, or set "
            "release.accept_inconclusive, which the bundle will state."
        )
        return ReleaseDecision(mode, False, verdict, (opening, *audit_reasons))
    if verdict == "fail":
        opening = f"The audit found more than the mode {mode} allows."
    else:
        opening = "The audit is invalid: its result cannot be relied on."
    return ReleaseDecision(mode, False, verdict, (opening, *audit_reasons))


def _missing_dataset(checks: Mapping[str, Any], mode: str) -> tuple[str, ...]:
    needed = _MODES_WITHOUT_DATASET.get(mode)
    if needed is None:
        return ()
    sentence = (
        f"The mode {mode} needs {needed}; the volumes at hand are translations that keep the "
        "anatomy of their source scans."
    )
    linkage = checks.get(LINKAGE_CHECK, {}).get("explanation")
    return (sentence,) if linkage is None else (sentence, str(linkage))


def _unbounded_weights(privacy: Mapping[str, Any], mode: str) -> tuple[str, ...]:
    if mode != "weights" or is_private(privacy):
        return ()
    return (
        "The mode weights needs a training with differential privacy; this one had none, so "
        "nothing bounds what the weights reveal of the training patients.",
    )


def _nothing_left(volumes: GateCounts | None) -> tuple[str, ...]:
    if volumes is None or volumes.outside == 0 or volumes.outside < volumes.total:
        return ()
    return (
        f"All {volumes.total} translated volumes are flagged: in each, an organ lies outside what "
        "patients measure without contrast, so none is left to release.",
    )


def _told_of_volumes(volumes: GateCounts | None) -> tuple[str, ...]:
    """Say what nobody may overlook of volumes that were left out, or that nobody judged."""
    if volumes is None:
        return ()
    total = volumes.total
    told = (
        (
            volumes.outside,
            f"{volumes.outside} of {total} translated volumes are left out: an organ lies outside "
            "what patients measure without contrast.",
        ),
        (
            volumes.unjudged,
            f"{volumes.unjudged} of {total} translated volumes were not judged in Hounsfield "
            "units: too little of any organ was found in them.",
        ),
        (
            volumes.off,
            f"{volumes.off} of {total} translated volumes were not judged in Hounsfield units, "
            "because synthesize.gate is off.",
        ),
        (
            volumes.by_other_engine,
            f"{volumes.by_other_engine} of {total} translated volumes were made by the public "
            "start, because the trained translator's lay outside.",
        ),
    )
    return tuple(sentence for count, sentence in told if count)
