"""Is a synthetic image a training patient's image again?

Two checks. `near_copy_exact` looks for equal pixels among all real images.
`near_copy` looks for training patients whose anatomy a synthetic image
repeats. A synthetic image's own source is left out of the second: that it is
alike is no memory of the network but the way it was made, and it is counted
as linkage.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from privacy_audit.comparison import Comparison, References
from privacy_audit.nulls import Null
from privacy_audit.self_test import SelfTest
from privacy_audit.statistics import (
    benjamini_hochberg,
    clopper_pearson,
    empirical_p_values,
    null_size_to_flag_one,
)
from privacy_audit.verdict import APPLIES_TO, CheckResult, Flag

FALSE_DISCOVERY_RATE = 0.05


@dataclasses.dataclass(frozen=True)
class _Suspect:
    """A synthetic patient's most alike training patient."""

    synthetic: str
    patient: str
    similarity: float


def check_exact_copies(
    synthetic: Comparison, real: tuple[References, ...]
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
    synthetic: Comparison,
    null: Null,
    self_test: SelfTest,
    source_of: Mapping[str, str] | None,
) -> tuple[CheckResult, list[Flag]]:
    """Look for synthetic patients that are too alike to a training patient.

    A patient is flagged by its p-value under false discovery control, or when
    it is more alike than every null patient and closer to the planted copies
    than to them: few null patients cannot give a small p-value, but a copy is
    a copy.

    Args:
        synthetic: similarity of the synthetic images to the training patients.
        null: the same for patients that cannot have leaked.
        self_test: gives the level of the planted copies.
        source_of: synthetic name -> its source patient, where known.
    """
    suspects = _most_alike(synthetic, source_of)
    similarity = np.array([suspect.similarity for suspect in suspects])
    p_values = empirical_p_values(similarity, null.similarity)
    called = benjamini_hochberg(p_values, FALSE_DISCOVERY_RATE)
    if self_test.verdict == "pass":
        called |= (similarity >= self_test.copy_level) & (similarity > null.highest)
    flags = [
        Flag(suspect.synthetic, suspect.patient, "near_copy", float(p), suspect.similarity)
        for suspect, p, is_called in zip(suspects, p_values, called, strict=True)
        if is_called
    ]
    needed = null_size_to_flag_one(len(suspects), FALSE_DISCOVERY_RATE)
    result = CheckResult(
        verdict=_verdict(len(flags), null, self_test, needed),
        statistic=len(flags) / len(suspects),
        ci=clopper_pearson(len(flags), len(suspects)),
        threshold=FALSE_DISCOVERY_RATE,
        n=len(suspects),
        explanation=_explanation(len(flags), len(suspects), null, needed),
        smallest_leak=_smallest_leak(len(suspects), null, self_test),
        applies_to=APPLIES_TO["near_copy"],
        details={
            "null": null.kind,
            "null_n": null.size,
            "null_n_needed": needed,
            "resolution": 1 / (null.size + 1),
            "highest_similarity": float(similarity.max()),
            "highest_null_similarity": null.highest if null.size else None,
            "copy_level": self_test.copy_level,
        },
    )
    return result, flags


def _smallest_leak(patients: int, null: Null, self_test: SelfTest) -> str:
    if self_test.verdict == "pass":
        return (
            "One copy of a training patient would have been seen where its likeness is at least "
            f"{self_test.copy_level:.2f}, as that of nine tenths of the planted copies is."
        )
    together = math.ceil(patients / (FALSE_DISCOVERY_RATE * (null.size + 1)))
    if together > patients:
        return "No number of copies would have been told from chance with this few patients."
    return f"{together} copies among {patients} patients would have been told from chance."


def _most_alike(synthetic: Comparison, source_of: Mapping[str, str] | None) -> list[_Suspect]:
    """Give each synthetic patient's nearest training patient other than its own source."""
    best: dict[str, _Suspect] = {}
    for image, row in zip(synthetic.probes, synthetic.similarity, strict=True):
        others = row.copy()
        source = None if source_of is None else source_of[image.name]
        if source in synthetic.patients:
            others[synthetic.patients.index(source)] = -1.0
        nearest = int(others.argmax())
        suspect = _Suspect(image.name, synthetic.patients[nearest], float(others[nearest]))
        unit = image.patient if source is None else source
        if unit not in best or suspect.similarity > best[unit].similarity:
            best[unit] = suspect
    return [best[unit] for unit in sorted(best)]


def _verdict(flagged: int, null: Null, self_test: SelfTest, needed: int) -> str:
    if self_test.verdict == "invalid":
        return "invalid"
    if flagged:
        return "fail"
    return "pass" if null.can_clear and null.size >= needed else "inconclusive"


def _explanation(flagged: int, patients: int, null: Null, needed: int) -> str:
    sentence = (
        f"{flagged} of {patients} synthetic patients are too alike to a training patient other "
        f"than their own source. Likeness was held against {null.size} patients: "
        f"{null.description}. The smallest p-value they allow is {1 / (null.size + 1):.4f}."
    )
    if not flagged and (not null.can_clear or null.size < needed):
        sentence += (
            f" To tell one copy among {patients} patients from chance, at least {needed} patients "
            "that were never trained on are needed."
        )
    return sentence
