"""Singling out: copies of training patients, whole or in part."""

from privacy_audit.attacks.near_copy import check_exact_copies, check_near_copies
from privacy_audit.attacks.partial_copy import check_partial_copies
from privacy_audit.attacks.source_returned import check_source_returned
from privacy_audit.likeness.nearer import compare_sides
from privacy_audit.likeness.partial_comparison import PartialComparer, measure_partial_null
from privacy_audit.self_tests.self_test import SelfTest, merge_self_tests, run_partial_self_test
from privacy_audit.suite.prepared import Found, Prepared, exposed_images


def check_whole_copies(prepared: Prepared) -> Found:
    """Look for training patients' images as a whole: equal pixels, and repeated anatomy."""
    inputs = prepared.inputs
    nearer = None
    if inputs.holdout is not None:
        nearer = compare_sides(
            prepared.comparer,
            inputs.synthetic,
            inputs.train if inputs.members is None else inputs.members,
            inputs.holdout,
            source_of=inputs.source_of,
            seed=prepared.seed,
        )
    exact, exact_flags = check_exact_copies(prepared.synthetic, prepared.galleries)
    near, near_flags = check_near_copies(
        prepared.synthetic, prepared.null, prepared.self_test, inputs.source_of, nearer
    )
    returned, returned_flags = check_source_returned(
        inputs.synthetic.images, prepared.exposed.images, inputs.source_of
    )
    checks = {"near_copy_exact": exact, "near_copy": near, "source_returned": returned}
    return Found(checks, (*exact_flags, *near_flags, *returned_flags))


def check_parts(prepared: Prepared) -> tuple[Found, SelfTest]:
    """Look for parts of training patients' images.

    Returns:
        What was found, and the self-test of whole copies and parts together.
    """
    inputs = prepared.inputs
    comparer = PartialComparer(prepared.processes)
    exposed = comparer.prepare(exposed_images(inputs))
    null = measure_partial_null(comparer, exposed, null=inputs.null, holdout=inputs.holdout)
    self_test = run_partial_self_test(
        comparer, exposed, null, train=inputs.train, holdout=inputs.holdout, seed=prepared.seed
    )
    synthetic = comparer.find_nearest(inputs.synthetic.images, exposed)
    check, flags = check_partial_copies(synthetic, null, self_test, inputs.source_of)
    together = merge_self_tests(prepared.self_test, self_test)
    return Found({"partial_copy": check}, tuple(flags)), together
