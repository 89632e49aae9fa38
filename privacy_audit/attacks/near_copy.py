"""Is a synthetic image a training patient's image again?

Two checks. `near_copy_exact` looks for equal pixels among all real images.
`near_copy` looks for training patients whose anatomy a synthetic image
repeats: by the likeness to the nearest, and by how far that one leads before
the next. A synthetic image's own source is left out of the second: that it is
alike is no memory of the network but the way it was made, and it is counted
as linkage.
"""

import dataclasses
import math
from collections.abc import Mapping

from privacy_audit.attacks.suspects import (
    FALSE_DISCOVERY_RATE,
    FEWEST_SYNTHETIC_PATIENTS,
    Calibrated,
    Search,
    calibrate,
    call_suspects,
    calls_too_many,
    flag_of,
)
from privacy_audit.likeness.comparison import Comparison, Nearest, References
from privacy_audit.likeness.likeness import measure_likeness
from privacy_audit.likeness.nearer import NearerToTrain
from privacy_audit.likeness.nulls import Null
from privacy_audit.self_tests.self_test import SelfTest
from privacy_audit.statistics import (
    clopper_pearson,
    null_size_to_flag_one,
)
from privacy_audit.verdict import APPLIES_TO, CheckResult, Flag

# Who is beyond the null in one statistic alone has twice the smallest p-value.
_SEARCH = Search("near_copy", smallest_distance=1e-9, smallest_ranks=2)


@dataclasses.dataclass(frozen=True)
class _Power:
    """What the check could see.

    Attributes:
        patients: synthetic patients tested.
        needed: null patients from which one copy among them is told from chance.
        is_enough: whether it would be told.
    """

    patients: int
    needed: int
    is_enough: bool


def check_exact_copies(
    synthetic: Comparison | Nearest, real: tuple[References, ...]
) -> tuple[CheckResult, list[Flag]]:
    """Look for synthetic images whose pixels are a real image's.

    Args:
        synthetic: the synthetic images with their fingerprints.
        real: all real images at hand, of every role.
    """
    owner = {
        fingerprint: image.patient
        for references in real
        for image, fingerprint in zip(references.images, references.fingerprints, strict=True)
    }
    flags = [
        Flag(image.name, owner[fingerprint], "near_copy_exact", 0.0, 1.0)
        for image, fingerprint in zip(synthetic.probes, synthetic.fingerprints, strict=True)
        if fingerprint in owner
    ]
    images = len(synthetic.probes)
    result = CheckResult(
        verdict="fail" if flags else "pass",
        statistic=len(flags) / images,
        ci=clopper_pearson(len(flags), images),
        threshold=0.0,
        n=images,
        explanation=(
            f"{len(flags)} of {images} synthetic images have the pixels of one of {len(owner)} "
            "real images, apart from unit and bit depth."
        ),
        smallest_leak="One image with equal pixels would have been seen.",
        applies_to=APPLIES_TO["near_copy_exact"],
        details={},
    )
    return result, flags


def check_near_copies(
    synthetic: Comparison | Nearest,
    null: Null,
    self_test: SelfTest,
    source_of: Mapping[str, str] | None,
    nearer: NearerToTrain | None = None,
) -> tuple[CheckResult, list[Flag]]:
    """Look for synthetic patients that are too alike to a training patient.

    A patient is flagged by its p-value under false discovery control, or when
    it is more alike than every null patient and closer to the planted copies
    than to them: few null patients cannot give a small p-value, but a copy is
    a copy. The set as a whole fails where far more than half of its patients
    are nearer to train than to holdout.

    Args:
        synthetic: similarity of the synthetic images to the training patients.
        null: the same for patients that cannot have leaked.
        self_test: gives the level of the planted copies.
        source_of: synthetic name -> its source patient, where known.
        nearer: the test of the whole set, where there is a holdout of real images.
    """
    nearest = synthetic.nearest() if isinstance(synthetic, Comparison) else synthetic
    units = measure_likeness(nearest, source_of, by_source=True)
    calibrated = calibrate(units, null, _SEARCH)
    called = call_suspects(units, calibrated, null, self_test, _SEARCH)
    flags = [
        flag_of(unit, nearest, null, float(p), _SEARCH)
        for unit, p, is_called in zip(units, calibrated.p_values, called, strict=True)
        if is_called
    ]
    power = _measure_power(len(units), null, calibrated)
    highest = max(float(unit.similarity.max()) for unit in units)
    result = CheckResult(
        verdict=_verdict(len(flags), null, self_test, power, nearer),
        statistic=len(flags) / len(units),
        ci=clopper_pearson(len(flags), len(units)),
        threshold=FALSE_DISCOVERY_RATE,
        n=len(units),
        explanation=_explanation(len(flags), null, power, calibrated, nearer),
        smallest_leak=_smallest_leak(power, calibrated, self_test),
        applies_to=APPLIES_TO["near_copy"],
        details={
            "null": null.kind,
            "null_n": null.size,
            "null_n_needed": power.needed,
            "resolution": calibrated.resolution,
            "by_tail": int(calibrated.by_tail),
            "highest_similarity": highest,
            "highest_null_similarity": null.highest if null.size else None,
            "copy_level": self_test.copy_level,
            **_nearer_details(nearer),
        },
    )
    return result, flags


def _measure_power(patients: int, null: Null, calibrated: Calibrated) -> _Power:
    needed = null_size_to_flag_one(patients, FALSE_DISCOVERY_RATE)
    resolved = calibrated.resolution <= FALSE_DISCOVERY_RATE / patients + 1e-12
    return _Power(patients, needed, null.size > 0 and resolved)


def _verdict(
    flagged: int, null: Null, self_test: SelfTest, power: _Power, nearer: NearerToTrain | None
) -> str:
    if self_test.verdict == "invalid" and (not flagged or calls_too_many(self_test)):
        return "invalid"
    if flagged or (nearer is not None and nearer.is_suspicious):
        return "fail"
    told = null.can_clear and power.is_enough and power.patients >= FEWEST_SYNTHETIC_PATIENTS
    return "pass" if told and self_test.verdict == "pass" else "inconclusive"


def _explanation(
    flagged: int,
    null: Null,
    power: _Power,
    calibrated: Calibrated,
    nearer: NearerToTrain | None,
) -> str:
    sentences = [
        f"{flagged} of {power.patients} synthetic patients are too alike to a patient that was "
        f"trained on or translated, other than their own source. Likeness was held against "
        f"{null.size} patients: {null.description}. The smallest p-value they allow is "
        f"{calibrated.resolution:.4f}" + (", by a fitted tail." if calibrated.by_tail else ".")
    ]
    if nearer is not None:
        sentences.append(
            f"{nearer.nearer} of {nearer.patients} are nearer to a training patient than to any "
            f"of equally many others ({nearer.each_side}); chance gives as many with "
            f"p = {nearer.p_value:.3g}."
        )
    if not flagged and power.patients < FEWEST_SYNTHETIC_PATIENTS:
        sentences.append(
            f"Fewer than {FEWEST_SYNTHETIC_PATIENTS} synthetic patients say nothing of the next."
        )
    if not flagged and not (null.can_clear and power.is_enough):
        sentences.append(
            f"To tell one copy among {power.patients} patients from chance, at least "
            f"{power.needed} patients that were never trained on are needed."
        )
    return " ".join(sentences)


def _smallest_leak(power: _Power, calibrated: Calibrated, self_test: SelfTest) -> str:
    if self_test.verdict == "pass":
        return (
            "One copy of a patient other than the own source would have been seen where its "
            f"likeness is at least {self_test.copy_level:.2f}, as that of nine tenths of the "
            "planted copies is."
        )
    together = math.ceil(power.patients * calibrated.resolution / FALSE_DISCOVERY_RATE - 1e-9)
    if together > power.patients:
        return "No number of copies would have been told from chance with this few patients."
    return f"{together} copies among {power.patients} patients would have been told from chance."


def _nearer_details(nearer: NearerToTrain | None) -> dict[str, float | list[float] | None]:
    if nearer is None:
        return {}
    return {
        "nearer_to_train": nearer.nearer / nearer.patients if nearer.patients else None,
        "nearer_to_train_ci": list(nearer.interval),
        "nearer_to_train_n": nearer.patients,
        "nearer_to_train_p": nearer.p_value,
    }
