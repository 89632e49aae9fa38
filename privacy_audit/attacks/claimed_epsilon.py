"""Is the epsilon that is claimed refuted by what was seen?

Every attack bounds epsilon from below. A bound above the claim refutes it; a bound below it
proves nothing, so no claim is ever called verified. A record of claims is that of medsynth's
`privacy.json`; another tool's needs "epsilon", "delta" and "unit", and may add "mechanisms"
(name, noise_multiplier, sample_rate, steps), "patients", and what its own audit saw:

    "canaries": {"inserted": m, "guesses": r, "correct": v}
        a one-run audit: of m canary patients, each put in by a fair coin, the attacker guessed
        r, a number set beforehand, and was right v times;
    "gradient_canaries": {"with": n, "found": a, "without": k, "falsely": b}
        a canary gradient was called present in a of n trainings that held it and in b of k
        that did not, by a threshold set beforehand;
    "self_checks": [{"name": "gradient_canaries", "verdict", "statistic", "interval"}, ...]
        as `medsynth train --verify-privacy` records them.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from medsynth.errors import AuditError
from privacy_audit.attacks.epsilon_bounds import (
    NoisyUpdates,
    OneRunAudit,
    epsilon_of_updates,
    gaussian_epsilon,
    one_run_epsilon,
    separation_bound,
)
from privacy_audit.attacks.membership import epsilon_bound
from privacy_audit.verdict import APPLIES_TO, CheckResult

_NAME = "claimed_epsilon"
_UNIT = "patient"
_SELF_CHECK = "gradient_canaries"
_TAIL = 0.025
# Another machine's last digits, and those a record was rounded to.
_ROUNDING = 1e-3
# A canary's bound is watched to come near the claim; half of it would show a claim halved.
_TELLING_SHARE = 0.5
# Beyond any training; what is computed from more would not fit into memory.
_MOST_COUNTED = 10**8
_MOST_CANARIES = 10**6
# Less is none, and its inverse is no number.
_LEAST_NOISE = 1e-100


@dataclasses.dataclass(frozen=True)
class _Claim:
    epsilon: float
    delta: float
    unit: str
    updates: tuple[NoisyUpdates, ...]
    names: tuple[str, ...]
    patients: int


@dataclasses.dataclass(frozen=True)
class _Evidence:
    """A lower bound of epsilon.

    `bound` holds with confidence 95 %, and refutes where `refuting` is above the claim.
    `ceiling` is the largest claim that it could have refuted; `is_telling` whether that is
    enough to say that a false claim would have been seen.
    """

    name: str
    bound: float
    refuting: float
    ceiling: float
    is_telling: bool


def read_claims(path: Path) -> dict[str, object]:
    """Read a record of claims.

    Args:
        path: a JSON file with one object.

    Raises:
        AuditError: it cannot be read or is no object, or what it claims is malformed.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise AuditError(
            f"Claims {path.name} cannot be read ({type(error).__name__}). Expected a JSON file "
            "such as privacy.json. Check the path."
        ) from None
    if not isinstance(content, dict):
        raise _malformed("the file as a whole", "an object with epsilon and delta")
    # Else a malformed record would be told only after hours of attacks.
    check_claimed_epsilon(content, {}, patients=0)
    return content


def check_claimed_epsilon(
    claims: Mapping[str, object], membership: Mapping[str, CheckResult], *, patients: int
) -> CheckResult:
    """Try to refute a claim of differential privacy.

    Fails where the claim contradicts itself or a lower bound is above it. Else it is not
    refuted, which passes only where the evidence could have refuted a claim as large; each
    statistical bound holds with confidence 95 % by itself.

    Args:
        claims: content of privacy.json.
        membership: name -> result of the membership checks that were run; those that are
            invalid are passed over.
        patients: number of training patients, where the claim does not say it.

    Raises:
        AuditError: the record lacks something or holds something of another kind.
    """
    if claims.get("private") is False or ("epsilon" in claims and claims["epsilon"] is None):
        return _not_claimed(patients)
    claim = _read_claim(claims, patients)
    # All that is recorded is read before anything is judged: a malformed record is no claim.
    evidence = [*_recorded_evidence(claims, claim), *_membership_evidence(membership, claim)]
    faults = _faults(claim)
    refuted = [one for one in evidence if one.refuting > claim.epsilon]
    bound = max((one.bound for one in evidence), default=0.0)
    return CheckResult(
        verdict=_verdict(faults, refuted, evidence),
        statistic=bound,
        ci=None,
        threshold=claim.epsilon if math.isfinite(claim.epsilon) else None,
        n=claim.patients,
        explanation=_explanation(claim, faults, refuted, evidence),
        smallest_leak=_smallest_leak(evidence),
        applies_to=APPLIES_TO[_NAME],
        details={
            "claimed_delta": claim.delta,
            "unit": claim.unit,
            "faults": len(faults),
            "ceiling": max((one.ceiling for one in evidence), default=0.0),
            "bound_of_updates": _bound_of_updates(claim),
            **{f"bound_{one.name}": one.bound for one in evidence},
            **{f"ceiling_{one.name}": one.ceiling for one in evidence},
        },
    )


def _not_claimed(patients: int) -> CheckResult:
    return CheckResult(
        verdict="not_applicable",
        statistic=None,
        ci=None,
        threshold=None,
        n=patients,
        explanation="No differential privacy is claimed, so there is no claim to refute.",
        smallest_leak="Nothing was tried.",
        applies_to=APPLIES_TO[_NAME],
        details={},
    )


def _read_claim(claims: Mapping[str, object], patients: int) -> _Claim:
    mechanisms = claims.get("mechanisms", [])
    if not isinstance(mechanisms, list):
        raise _malformed("mechanisms", "a list of objects")
    rows = [_object(one, "a mechanism") for one in mechanisms]
    unit = claims.get("unit")
    if not isinstance(unit, str):
        raise _malformed("unit", "a word such as patient")
    stated = claims.get("patients")
    epsilon, delta = _number(claims, "epsilon"), _number(claims, "delta")
    if epsilon < 0.0 or not 0.0 <= delta < 1.0:
        raise _malformed("epsilon or delta", "epsilon of at least 0 and delta from 0 to below 1")
    return _Claim(
        epsilon=epsilon,
        delta=delta,
        unit=unit,
        updates=tuple(
            NoisyUpdates(
                _number(row, "noise_multiplier"), _number(row, "sample_rate"), _count(row, "steps")
            )
            for row in rows
        ),
        names=tuple(str(row.get("name", "mechanism")) for row in rows),
        patients=patients if stated is None else _count(claims, "patients"),
    )


def _faults(claim: _Claim) -> list[str]:
    """Give the contradictions in a claim, one sentence each."""
    faults = []
    if claim.unit != _UNIT:
        faults.append(
            f"It protects one {claim.unit}, not one patient, who gives more than one of them."
        )
    if not math.isfinite(claim.epsilon):
        faults.append("Its epsilon is not finite, which bounds nothing.")
    if claim.patients and claim.delta >= 1.0 / claim.patients:
        faults.append(
            f"Its delta of {claim.delta:.3g} is not below one over {claim.patients} patients: "
            "publishing a patient at random would meet it."
        )
    for name, one in zip(claim.names, claim.updates, strict=True):
        if not one.noise_multiplier > _LEAST_NOISE:
            faults.append(f"The updates of {name} have no noise.")
        if not 0.0 < one.sample_rate <= 1.0:
            faults.append(f"The sample rate of {name} is {one.sample_rate:g}, not in (0, 1].")
    least = _bound_of_updates(claim)
    if least is not None and least > claim.epsilon + _ROUNDING:
        faults.append(
            f"Its own updates let an attacker reach epsilon {least:.2f} at that delta, so "
            f"{claim.epsilon:.2f} was added up wrongly."
        )
    return faults


def _bound_of_updates(claim: _Claim) -> float | None:
    is_sound = all(
        one.noise_multiplier > _LEAST_NOISE
        and math.isfinite(one.noise_multiplier)
        and 0.0 < one.sample_rate <= 1.0
        for one in claim.updates
    )
    if not is_sound or not claim.updates:
        return None
    return epsilon_of_updates(claim.updates, claim.delta)


def _recorded_evidence(claims: Mapping[str, object], claim: _Claim) -> list[_Evidence]:
    evidence = []
    if claims.get("canaries") is not None:
        evidence.append(_one_run(_object(claims["canaries"], "canaries"), claim))
    if claims.get("gradient_canaries") is not None:
        row = _object(claims["gradient_canaries"], "gradient_canaries")
        evidence.append(_gradient_counts(row, claim))
    checks = claims.get("self_checks", [])
    if not isinstance(checks, list):
        raise _malformed("self_checks", "a list of objects")
    for one in checks:
        row = _object(one, "a self-check")
        if row.get("name") == _SELF_CHECK:
            evidence.append(_self_check(row, claim))
    return evidence


def _one_run(row: Mapping[str, object], claim: _Claim) -> _Evidence:
    audit = OneRunAudit(_count(row, "inserted"), _count(row, "guesses"), _count(row, "correct"))
    if not audit.correct <= audit.guesses <= audit.inserted:
        raise _malformed("canaries", "correct <= guesses <= inserted")
    if audit.inserted > _MOST_CANARIES:
        raise _malformed("canaries", f"at most {_MOST_CANARIES} of them")
    bound = one_run_epsilon(audit, claim.delta)
    perfect = dataclasses.replace(audit, correct=audit.guesses)
    ceiling = one_run_epsilon(perfect, claim.delta)
    return _Evidence("one_run", bound, bound, ceiling, ceiling > claim.epsilon)


def _gradient_counts(row: Mapping[str, object], claim: _Claim) -> _Evidence:
    with_canary, found = _count(row, "with"), _count(row, "found")
    without, falsely = _count(row, "without"), _count(row, "falsely")
    if found > with_canary or falsely > without:
        raise _malformed("gradient_canaries", "found <= with and falsely <= without")
    if not claim.delta > 0.0:
        raise _malformed("gradient_canaries with delta 0", "delta above 0, as normal noise needs")
    separation = separation_bound(found, with_canary, falsely, without, _TAIL)
    perfect = separation_bound(with_canary, with_canary, 0, without, _TAIL)
    bound = gaussian_epsilon(separation, claim.delta)
    ceiling = gaussian_epsilon(perfect, claim.delta)
    return _Evidence("gradient_counts", bound, bound, ceiling, ceiling > claim.epsilon)


def _self_check(row: Mapping[str, object], claim: _Claim) -> _Evidence:
    interval = row.get("interval")
    sure = _number(row, "statistic")
    bound = sure
    if isinstance(interval, list | tuple) and interval:
        bound = _number({"interval": interval[0]}, "interval")
    refuting = math.inf if row.get("verdict") == "refuted" else sure
    # No ceiling of its own: what leaks more is bounded higher.
    return _Evidence(_SELF_CHECK, bound, refuting, bound, bound >= _TELLING_SHARE * claim.epsilon)


def _membership_evidence(membership: Mapping[str, CheckResult], claim: _Claim) -> list[_Evidence]:
    evidence = []
    for name, result in membership.items():
        found, falsely = result.details.get("found_low"), result.details.get("falsely_high")
        ceiling = result.details.get("epsilon_ceiling")
        if result.verdict == "invalid" or not isinstance(ceiling, float | int):
            continue
        if not (isinstance(found, list) and isinstance(falsely, list)):
            continue
        bound = epsilon_bound(found, falsely, claim.delta)
        evidence.append(_Evidence(name, bound, bound, ceiling, ceiling > claim.epsilon))
    return evidence


def _verdict(
    faults: Sequence[str], refuted: Sequence[_Evidence], evidence: Sequence[_Evidence]
) -> str:
    if faults or refuted:
        return "fail"
    return "pass" if any(one.is_telling for one in evidence) else "inconclusive"


def _explanation(
    claim: _Claim,
    faults: Sequence[str],
    refuted: Sequence[_Evidence],
    evidence: Sequence[_Evidence],
) -> str:
    sentences = [f"Epsilon {claim.epsilon:.3g} at delta {claim.delta:.3g} is claimed."]
    sentences += faults
    for one in refuted:
        sentences.append(
            f"The claim is refuted by {_words(one)}: epsilon is at least {one.bound:.2f} with "
            "confidence 95 %."
        )
    if not evidence:
        sentences.append("Nothing was observed that could refute it.")
    elif not refuted:
        best = max(evidence, key=lambda one: one.bound)
        sentences.append(
            f"The highest lower bound, by {_words(best)}, is {best.bound:.2f}: the claim is not "
            "refuted by it, which does not make it true."
        )
    if evidence and not (faults or refuted or any(one.is_telling for one in evidence)):
        sentences.append("What was observed could not have refuted a claim as large.")
    return " ".join(sentences)


def _smallest_leak(evidence: Sequence[_Evidence]) -> str:
    if not evidence:
        return "No claim would have been refuted, as nothing was observed."
    best = max(evidence, key=lambda one: one.ceiling)
    return (
        f"The largest claim that could have been refuted is epsilon {best.ceiling:.2f}, by "
        f"{_words(best)}."
    )


def _words(evidence: _Evidence) -> str:
    return evidence.name.replace("_", " ")


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _malformed(what, "an object")
    return value


def _number(row: Mapping[str, object], key: str) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _malformed(key, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.nan
    if math.isnan(number):
        raise _malformed(key, "a number that is not too large")
    return number


def _count(row: Mapping[str, object], key: str) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_COUNTED:
        raise _malformed(key, f"a whole number from 0 to {_MOST_COUNTED}")
    return value


def _malformed(what: str, expected: str) -> AuditError:
    return AuditError(
        f"The record of claims cannot be read at {what}. Expected {expected}. Mend the record, "
        "or leave out --claims."
    )
