"""What a check found, and what the checks together decide in each release mode."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from medsynth.errors import AuditError

MODES = ("translated", "unlinked", "source_free", "weights")
_WHERE_LINKAGE_IS_BROKEN = ("unlinked", "source_free")
APPLIES_TO: Mapping[str, tuple[str, ...]] = {
    "near_copy_exact": MODES,
    "near_copy": MODES,
    "partial_copy": MODES,
    "source_returned": MODES,
    "metadata": MODES,
    "linkage_to_source": _WHERE_LINKAGE_IS_BROKEN,
    "linkage_deformable": _WHERE_LINKAGE_IS_BROKEN,
    "linkage_shape": _WHERE_LINKAGE_IS_BROKEN,
    "linkage_learned": _WHERE_LINKAGE_IS_BROKEN,
    "membership_released": MODES,
    "membership_model": ("weights",),
    "privacy_claim": MODES,
    "claimed_epsilon": MODES,
    "attributes": _WHERE_LINKAGE_IS_BROKEN,
    "duplicates_within": (),
    "coverage": (),
}
"""The modes in which each check decides; elsewhere it is told, and decides nothing."""

HEADINGS: Mapping[str, tuple[str, ...]] = {
    "singling_out": (
        "near_copy_exact",
        "near_copy",
        "partial_copy",
        "source_returned",
        "metadata",
    ),
    "linkability": (
        "linkage_to_source",
        "linkage_deformable",
        "linkage_shape",
        "linkage_learned",
    ),
    "inference": (
        "membership_released",
        "membership_model",
        "attributes",
        "privacy_claim",
        "claimed_epsilon",
    ),
    "representation": ("duplicates_within", "coverage"),
}
"""The checks under the three risks of WP 216 (Article 29 Working Party), and who is left out."""

# A release without sources has nothing to link; if a source map is given, linkage decides too.
_ATTACK = "membership_model"
_ALWAYS = ("near_copy_exact", "near_copy", "partial_copy", "metadata", "membership_released")
_LINKAGE = ("linkage_to_source", "linkage_deformable", "linkage_learned")
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "translated": _ALWAYS,
    "unlinked": (*_ALWAYS, *_LINKAGE),
    "source_free": _ALWAYS,
    "weights": (*_ALWAYS, _ATTACK),
}
_WORST_FIRST = ("fail", "invalid", "inconclusive", "pass")


Details = Mapping[str, float | int | str | list[float] | None]


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        verdict: "pass", "fail", "inconclusive", "invalid", or "not_applicable" where
            there is nothing of the kind to check.
        statistic: the number that was tested; None where it could not be computed.
        ci: its 95 % interval; None where it could not be computed.
        threshold: the bound it was held against.
        n: how many patients it rests on.
        explanation: sentences for the reader.
        smallest_leak: a sentence: the smallest leak that these images would have shown.
        applies_to: the release modes in which the check decides.
        details: further numbers and words, by name.
    """

    verdict: str
    statistic: float | None
    ci: tuple[float, float] | None
    threshold: float | None
    n: int
    explanation: str
    smallest_leak: str
    applies_to: tuple[str, ...]
    details: Details

    def to_record(self) -> dict[str, Any]:
        """Give the check as it stands in `audit.json`."""
        record = dataclasses.asdict(self)
        return {**record.pop("details"), **record}


def not_measured(
    name: str, verdict: str, explanation: str, details: Details | None = None
) -> CheckResult:
    """Give the result of a check that had nothing to measure.

    Args:
        name: of the check.
        verdict: "inconclusive", or "not_applicable" where there is nothing of the kind.
        explanation: sentences on what was missing and what to give.
        details: numbers that are known all the same.
    """
    return CheckResult(
        verdict=verdict,
        statistic=None,
        ci=None,
        threshold=None,
        n=0,
        explanation=explanation,
        smallest_leak="Nothing would have been seen.",
        applies_to=APPLIES_TO[name],
        details=details or {},
    )


@dataclasses.dataclass(frozen=True)
class Flag:
    """A synthetic image that points to a real patient.

    Attributes:
        synthetic: name of the image in the synthetic set.
        patient: the real patient.
        check: the check that found it.
        p_value: how often as much likeness is seen by chance; never below what n resolves.
        similarity: from -1 to 1.
    """

    synthetic: str
    patient: str
    check: str
    p_value: float
    similarity: float


def gate(checks: Mapping[str, Mapping[str, Any]], mode: str) -> tuple[str, tuple[str, ...]]:
    """Decide from the checks that apply in a release mode.

    A found leak outweighs a failed self-test, which outweighs missing power. Weights whose
    claim of differential privacy stands up to its checks need no membership attack with
    power of its own, if it was made: the claim bounds every such attack. One that succeeds
    still fails.

    Args:
        checks: name of the check -> its record, as in `audit.json`.
        mode: "translated", "unlinked", "source_free" or "weights".

    Returns:
        "pass", "fail", "inconclusive" or "invalid", and one reason for each
        check that did not pass.

    Raises:
        AuditError: the mode is unknown.
    """
    if mode not in MODES:
        raise AuditError(
            f'Release mode is "{mode}". Expected one of {", ".join(MODES)}. Change the mode.'
        )
    verdicts: dict[str, str] = {}
    for name, modes in APPLIES_TO.items():
        if name in checks and mode in modes:
            verdicts[name] = str(checks[name]["verdict"])
        elif name in _REQUIRED[mode]:
            verdicts[name] = "inconclusive"
        if verdicts.get(name) == "not_applicable":
            # What a mode needs cannot be waived.
            verdicts[name] = "inconclusive"
            if name not in _REQUIRED[mode]:
                del verdicts[name]
    has_claim = verdicts.get("privacy_claim") == "pass"
    if has_claim and _ATTACK in checks and verdicts.get(_ATTACK) == "inconclusive":
        del verdicts[_ATTACK]
    worst = min(verdicts.values(), key=_WORST_FIRST.index)
    reasons = tuple(
        f"{name}: {verdict}. {_explanation(checks, name)}"
        for name, verdict in verdicts.items()
        if verdict != "pass"
    )
    return worst, reasons


def verdict_for_mode(checks: Mapping[str, Mapping[str, Any]], mode: str) -> str:
    """Give the verdict alone; see `gate`."""
    return gate(checks, mode)[0]


def _explanation(checks: Mapping[str, Mapping[str, Any]], name: str) -> str:
    if name not in checks:
        return "The check was not run."
    return str(checks[name]["explanation"])
