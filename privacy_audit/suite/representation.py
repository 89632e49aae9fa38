"""Representation: whom the synthetic images stand for, and whether they repeat each other."""

from privacy_audit.images.features import describe_images
from privacy_audit.representation.coverage import check_coverage
from privacy_audit.representation.duplicates import (
    check_duplicates,
    draw_size,
    measure_self_likeness,
)
from privacy_audit.suite.prepared import Found, Prepared


def check_repeats(prepared: Prepared) -> Found:
    """Ask whether the synthetic images repeat each other more than real patients do."""
    inputs = prepared.inputs
    real = inputs.train if inputs.holdout is None else inputs.holdout
    patients = draw_size(inputs.synthetic, real, inputs.source_of)
    own, others = (
        measure_self_likeness(
            prepared.comparer, images, patients, patient_of=patient_of, seed=prepared.seed
        )
        for images, patient_of in ((inputs.synthetic, inputs.source_of), (real, None))
    )
    check, flags = check_duplicates(own, others, prepared.synthetic.nearest())
    return Found({"duplicates_within": check}, tuple(flags))


def check_who_is_covered(prepared: Prepared) -> Found:
    """Ask how much of the real patients the synthetic ones stand for."""
    inputs = prepared.inputs
    real = inputs.train if inputs.source is None else inputs.source
    holdout = None
    if inputs.holdout is not None:
        holdout = describe_images(inputs.holdout.images, prepared.processes)
    check = check_coverage(
        describe_images(inputs.synthetic.images, prepared.processes),
        describe_images(real.images, prepared.processes),
        holdout,
        inputs.evidence.attributes,
        seed=prepared.seed,
    )
    return Found({"coverage": check})
