"""The audit as one function."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.linkage import check_linkage
from privacy_audit.attacks.near_copy import check_exact_copies, check_near_copies
from privacy_audit.comparison import Comparer, Comparison, References, merge_columns
from privacy_audit.image_sets import AuditImage, ImageSet
from privacy_audit.nulls import measure_null
from privacy_audit.pictures import draw_pair
from privacy_audit.report import MOST_PICTURES, write_report
from privacy_audit.self_test import SelfTest, run_self_test
from privacy_audit.verdict import MODES, CheckResult, Flag, gate


@dataclasses.dataclass(frozen=True)
class AuditInputs:
    """What is audited.

    Attributes:
        train: real images of the patients that something was trained on.
        synthetic: the images to be released.
        source: real images that were translated; None where they are among `train`.
        source_of: synthetic name -> source patient, for every synthetic image;
            None where it is not known or there is no source.
        holdout: real images of patients never trained on.
        null: synthetic images of patients never trained on, made the same way.
        claim: what checks of the training's claim of differential privacy found, which need
            its code and are the caller's; None where nothing is claimed.
    """

    train: ImageSet
    synthetic: ImageSet
    source: ImageSet | None
    source_of: Mapping[str, str] | None
    holdout: ImageSet | None
    null: ImageSet | None
    claim: CheckResult | None = None


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


def run_audit(
    inputs: AuditInputs, report_folder: Path, *, mode: str, seed: int, processes: int = 1
) -> AuditResult:
    """Attack the synthetic images and write what was found.

    Args:
        inputs: the images and their roles.
        report_folder: an existing, empty folder; receives `audit.json`,
            `audit.html` and `flagged/`.
        mode: release mode: "translated", "unlinked", "source_free" or "weights".
        seed: equal inputs and seeds give equal files.
        processes: how many images are treated at the same time; changes no result.

    Raises:
        AuditError: an image cannot be read, roles overlap, or the source map does not fit.
    """
    _check_inputs(inputs, mode)
    comparer = Comparer(processes)
    train = comparer.prepare(inputs.train.images)
    others = _prepare_others(inputs, comparer)
    synthetic = comparer.compare(inputs.synthetic.images, train)
    null = measure_null(comparer, train, null=inputs.null, holdout=inputs.holdout)
    self_test = run_self_test(
        comparer, train, null, train=inputs.train, holdout=inputs.holdout, seed=seed
    )
    real = (train,) if others is None else (train, others)
    exact, flags = check_exact_copies(synthetic, real)
    near, near_flags = check_near_copies(synthetic, null, self_test, inputs.source_of)
    checks = {"near_copy_exact": exact, "near_copy": near}
    if inputs.claim is not None:
        checks["privacy_claim"] = inputs.claim
    flags += near_flags
    if inputs.source_of is not None or mode in {"translated", "unlinked"}:
        against_all = _compare_with_all(comparer, inputs.synthetic, synthetic, others)
        checks["linkage_to_source"], linked = check_linkage(
            against_all, inputs.source_of, self_test, mode=mode, seed=seed
        )
        flags += linked
    verdict, reasons = gate({name: check.to_record() for name, check in checks.items()}, mode)
    flagged = tuple(sorted(flags, key=lambda flag: (-round(flag.similarity, 6), flag.synthetic)))
    result = AuditResult(verdict, reasons, checks, flagged, self_test)
    pictures = _draw_flagged(flagged, inputs, comparer)
    write_report(report_folder, _to_record(result, inputs, mode, seed), pictures)
    return result


def _check_inputs(inputs: AuditInputs, mode: str) -> None:
    if mode not in MODES:
        raise AuditError(
            f'Release mode is "{mode}". Expected one of {", ".join(MODES)}. Change the mode.'
        )
    for role, images in (("holdout", inputs.holdout), ("null", inputs.null)):
        shared = set() if images is None else set(images.patients) & set(inputs.train.patients)
        if shared:
            raise AuditError(
                f"{len(shared)} patients are both in train and in {role}, the first is "
                f"{min(shared)}. Expected patients that were never trained on. Move them."
            )
    if inputs.source_of is None:
        return
    names = {image.name for image in inputs.synthetic.images}
    unmapped = sorted(names - set(inputs.source_of))
    unknown = sorted(set(inputs.source_of) - names)
    if unmapped or unknown:
        raise AuditError(
            f"The source map lacks {len(unmapped)} synthetic images and names {len(unknown)} that "
            f"are not there, the first is {(unmapped + unknown)[0]}. Expected one row for each "
            "synthetic image. Mend the source map."
        )


def _prepare_others(inputs: AuditInputs, comparer: Comparer) -> References | None:
    """Make the real images that were not trained on searchable."""
    images: dict[tuple[Path, ...], AuditImage] = {}
    for image_set in (inputs.source, inputs.holdout):
        for image in () if image_set is None else image_set.images:
            images.setdefault(image.paths, image)
    return comparer.prepare(tuple(images.values())) if images else None


def _compare_with_all(
    comparer: Comparer, synthetic: ImageSet, with_train: Comparison, others: References | None
) -> Comparison:
    if others is None:
        return with_train
    return merge_columns(with_train, comparer.compare(synthetic.images, others))


def _draw_flagged(
    flagged: Sequence[Flag], inputs: AuditInputs, comparer: Comparer
) -> dict[int, NDArray[np.uint8]]:
    synthetic = {image.name: image for image in inputs.synthetic.images}
    real = [
        image
        for image_set in (inputs.train, inputs.source, inputs.holdout)
        if image_set is not None
        for image in image_set.images
    ]
    pictures = {}
    for index, flag in enumerate(flagged[:MOST_PICTURES]):
        candidates = tuple(image for image in real if image.patient == flag.patient)
        pictures[index] = draw_pair(synthetic[flag.synthetic], candidates, comparer.search)
    return pictures


def _to_record(result: AuditResult, inputs: AuditInputs, mode: str, seed: int) -> dict[str, Any]:
    roles = {
        "train": inputs.train,
        "synthetic": inputs.synthetic,
        "source": inputs.source,
        "holdout": inputs.holdout,
        "null": inputs.null,
    }
    return {
        "verdict": result.verdict,
        "reasons": list(result.reasons),
        "mode": mode,
        "seed": seed,
        "patients": {
            role: 0 if images is None else len(images.patients) for role, images in roles.items()
        },
        "checks": {name: check.to_record() for name, check in result.checks.items()},
        "flagged": [dataclasses.asdict(flag) for flag in result.flagged],
        "self_test": result.self_test.to_record(),
    }
