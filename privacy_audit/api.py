"""The audit as one function."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from medsynth.records.progress import Reporter, SilentReporter
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.images.usable_images import (
    check_roles,
    describe_equal_images,
    equal_images_of_two_patients,
    fingerprint_roles,
)
from privacy_audit.inputs import AuditInputs, check_inputs
from privacy_audit.reporting.pictures import draw_flagged
from privacy_audit.reporting.report import MOST_PICTURES, write_report
from privacy_audit.self_tests.self_test import SelfTest
from privacy_audit.suite.copies import check_parts, check_whole_copies
from privacy_audit.suite.inference import check_attribute_inference, check_membership
from privacy_audit.suite.linkability import (
    check_deformable_linkage,
    check_learned_linkage,
    check_rigid_linkage,
    check_shape_linkage,
)
from privacy_audit.suite.prepared import Found, Prepared, prepare
from privacy_audit.suite.representation import check_repeats, check_who_is_covered
from privacy_audit.suite.traces import check_traces
from privacy_audit.verdict import HEADINGS, CheckResult, Flag, gate

Part = tuple[str, Callable[[Prepared], Found]]

_LINKAGE: tuple[Part, ...] = (
    ("matching sources in any pose", check_rigid_linkage),
    ("matching sources after bending", check_deformable_linkage),
    ("matching sources by their organs' shapes", check_shape_linkage),
    ("matching sources by what the method's own output teaches", check_learned_linkage),
)
_OTHERS: tuple[Part, ...] = (
    ("asking who was trained on", check_membership),
    ("guessing what the sources are like", check_attribute_inference),
    ("looking for repeats", check_repeats),
    ("asking who was left out", check_who_is_covered),
)


@dataclasses.dataclass(frozen=True)
class AuditResult:
    """What the audit found.

    Attributes:
        verdict: "pass", "fail", "inconclusive" or "invalid".
        reasons: one for each check that keeps the verdict from passing.
        checks: name -> result.
        flagged: synthetic images that point to a real patient, the most alike first.
        self_test: whether planted copies were found.
    """

    verdict: str
    reasons: tuple[str, ...]
    checks: Mapping[str, CheckResult]
    flagged: tuple[Flag, ...]
    self_test: SelfTest


@dataclasses.dataclass(frozen=True)
class _Told:
    """What the record says beside the result.

    Attributes:
        notes: sentences about the input.
        findings: traces of patients in files.
    """

    notes: list[str]
    findings: list[dict[str, Any]]


def run_audit(
    inputs: AuditInputs,
    report_folder: Path,
    *,
    mode: str,
    seed: int,
    processes: int = 1,
    reporter: Reporter | None = None,
) -> AuditResult:
    """Attack the synthetic images and write what was found.

    Args:
        inputs: the images, their roles, and what else is known.
        report_folder: an existing, empty folder; receives `audit.json`, `audit.html`,
            `flagged/`, and `public/` with what may be shown.
        mode: release mode: "translated", "unlinked", "source_free" or "weights".
        seed: equal inputs and seeds give equal files.
        processes: how many images are treated at the same time; changes no result.
        reporter: hears what is being done; None for nobody.

    Raises:
        AuditError: images cannot be used, roles overlap, or the source map does not fit.
    """
    listener = SilentReporter() if reporter is None else reporter
    check_inputs(inputs, mode)
    listener.message("reading the images")
    notes = _look_at_images(inputs, processes)
    traces, findings = check_traces(inputs)
    listener.message("planting copies and looking for them")
    prepared = prepare(inputs, mode=mode, seed=seed, processes=processes)
    found = [traces, check_whole_copies(prepared)]
    listener.message("looking for parts of copies")
    parts, self_test = check_parts(prepared)
    found.append(parts)
    for words, part in _parts(inputs, mode):
        listener.message(words)
        found.append(part(prepared))
    if inputs.evidence.claim is not None:
        found.append(Found({"privacy_claim": inputs.evidence.claim}))
    result = _result(found, self_test, mode)
    pictures = draw_flagged(
        result.flagged,
        inputs.synthetic.images,
        _every_real_image(inputs),
        prepared.comparer.search,
        most=MOST_PICTURES,
    )
    record = _to_record(result, inputs, _Told(notes, findings), mode=mode, seed=seed)
    write_report(report_folder, record, pictures)
    return result


def _parts(inputs: AuditInputs, mode: str) -> tuple[Part, ...]:
    """Give what is to be tried after the search for copies."""
    if inputs.source_of is not None:
        return (*_LINKAGE, *_OTHERS)
    # That linkage was not measured must be told where images are made from scans.
    return (_LINKAGE[0], *_OTHERS) if mode in {"translated", "unlinked"} else _OTHERS


def _look_at_images(inputs: AuditInputs, processes: int) -> list[str]:
    """Refuse images that cannot be used and scans in two roles; tell of what is odd."""
    roles = inputs.roles()
    fingerprints = fingerprint_roles(roles, workers=processes)
    check_roles(fingerprints)
    notes = [*inputs.notes]
    notes += [f"{role}: {note}" for role, images in roles.items() for note in images.notes]
    for role, pairs in fingerprints.items():
        notes += describe_equal_images(role, equal_images_of_two_patients(pairs))
    return notes


def _result(found: list[Found], self_test: SelfTest, mode: str) -> AuditResult:
    checks = {name: check for part in found for name, check in part.checks.items()}
    ordered = {
        name: checks[name] for names in HEADINGS.values() for name in names if name in checks
    }
    flags = [flag for part in found for flag in part.flags]
    verdict, reasons = gate({name: check.to_record() for name, check in ordered.items()}, mode)
    flagged = sorted(flags, key=lambda flag: (-round(flag.similarity, 6), flag.synthetic))
    return AuditResult(verdict, reasons, ordered, tuple(flagged), self_test)


def _every_real_image(inputs: AuditInputs) -> list[AuditImage]:
    sets = (inputs.train, inputs.source, inputs.holdout)
    return [image for image_set in sets if image_set is not None for image in image_set.images]


def _to_record(
    result: AuditResult, inputs: AuditInputs, told: _Told, *, mode: str, seed: int
) -> dict[str, Any]:
    roles = dict.fromkeys(("train", "synthetic", "source", "holdout", "null"), 0)
    return {
        "verdict": result.verdict,
        "reasons": list(result.reasons),
        "mode": mode,
        "seed": seed,
        "patients": roles | {role: len(one.patients) for role, one in inputs.roles().items()},
        "checks": {name: check.to_record() for name, check in result.checks.items()},
        "flagged": [dataclasses.asdict(flag) for flag in result.flagged],
        "self_test": result.self_test.to_record(),
        "notes": told.notes,
        "findings": told.findings,
    }
