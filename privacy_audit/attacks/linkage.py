"""Can a released image be matched to the scan it was made from?

The attacker holds real scans of many patients and looks for the one that is
most alike to the released image, laid on it rigidly.
"""

from collections.abc import Mapping

from privacy_audit.attacks.linkage_controls import Controls
from privacy_audit.attacks.linkage_judgement import (
    Attacker,
    Standing,
    judge_linkage,
    linkage_not_measured,
)
from privacy_audit.likeness.comparison import Comparison
from privacy_audit.self_tests.self_test import SelfTest
from privacy_audit.verdict import CheckResult, Flag

NO_SOURCE_MAP = (
    "It is not known which patient each synthetic image was made from. Give a source map."
)
ONE_PATIENT = "The gallery has one patient. At least 2 are needed."
_RIGID = Attacker("linkage_to_source", "laying the two on each other in every pose")


def check_linkage(
    synthetic: Comparison,
    source_of: Mapping[str, str] | None,
    self_test: SelfTest,
    *,
    mode: str,
    seed: int,
    controls: Controls | None = None,
) -> tuple[CheckResult, list[Flag]]:
    """Match each released image to the patients of a gallery.

    Args:
        synthetic: similarity of the released images to all real patients: the
            sources, and others as distractors.
        source_of: synthetic name -> source patient.
        self_test: an audit that misses planted copies cannot clear.
        mode: the release mode, for the wording alone.
        seed: for the intervals.
        controls: of `measure_rigid_controls`; None where they were not measured.

    Raises:
        AuditError: a source patient is not among the real patients.
    """
    if source_of is None:
        return linkage_not_measured(_RIGID, NO_SOURCE_MAP), []
    if len(synthetic.patients) < 2:
        return linkage_not_measured(_RIGID, ONE_PATIENT), []
    standing = Standing(
        is_invalid=self_test.verdict == "invalid",
        can_clear=self_test.verdict == "pass",
        controls=controls,
    )
    return judge_linkage(_RIGID, synthetic, source_of, standing, mode=mode, seed=seed)
