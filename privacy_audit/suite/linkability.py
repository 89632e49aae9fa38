"""Linkability: four attackers look for the scan that each released image was made from."""

from privacy_audit.attacks.linkage import check_linkage
from privacy_audit.attacks.linkage_controls import measure_rigid_controls
from privacy_audit.attacks.linkage_deformable import (
    BENDING,
    check_linkage_deformable,
    measure_deformable_controls,
    prepare_deformable,
)
from privacy_audit.attacks.linkage_judgement import linkage_not_measured
from privacy_audit.attacks.linkage_learned import LearnedInputs, check_linkage_learned
from privacy_audit.attacks.linkage_shape import (
    check_linkage_shape,
    find_released_labels,
    measure_shape_controls,
    prepare_shapes,
)
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.suite.prepared import Found, Prepared

_NO_NEED_TO_BEND = (
    "All released images were matched to their sources without bending, which this mode expects. "
    "The modes unlinked and source_free always bend."
)


def check_rigid_linkage(prepared: Prepared) -> Found:
    """Match by anatomy in any pose."""
    controls = None
    if prepared.inputs.source_of is not None:
        controls = measure_rigid_controls(
            prepared.comparer,
            prepared.galleries,
            _known(prepared),
            prepared.unrelated,
            seed=prepared.seed,
        )
    check, flags = check_linkage(
        prepared.against_all,
        prepared.inputs.source_of,
        prepared.self_test,
        mode=prepared.mode,
        seed=prepared.seed,
        controls=controls,
    )
    return Found({"linkage_to_source": check}, tuple(flags))


def check_deformable_linkage(prepared: Prepared) -> Found:
    """Match by anatomy after bending the released image onto each candidate.

    It is the dearest of the attackers. Translations that are not promised to be unlinked,
    and that all images were matched without bending, are not bent.
    """
    if prepared.mode == "translated" and _all_matched(prepared):
        check = linkage_not_measured(BENDING, _NO_NEED_TO_BEND, verdict="not_applicable")
        return Found({"linkage_deformable": check})
    attack = prepare_deformable(prepared.real_images, workers=prepared.processes)
    controls = measure_deformable_controls(
        attack, _known(prepared), prepared.unrelated, seed=prepared.seed
    )
    check, flags = check_linkage_deformable(
        attack,
        prepared.inputs.synthetic.images,
        prepared.inputs.source_of,
        controls,
        mode=prepared.mode,
        seed=prepared.seed,
    )
    return Found({"linkage_deformable": check}, tuple(flags))


def check_shape_linkage(prepared: Prepared) -> Found:
    """Match by the shapes of labelled organs."""
    folder = prepared.inputs.evidence.labels
    attack = None if folder is None else prepare_shapes(prepared.real_images, folder)
    controls = None
    if attack is not None:
        holdout = prepared.inputs.holdout
        unrelated = () if holdout is None else holdout.images
        controls = measure_shape_controls(attack, attack.images, unrelated, seed=prepared.seed)
    check, flags = check_linkage_shape(
        attack,
        find_released_labels(prepared.inputs.synthetic.images, folder),
        prepared.inputs.source_of,
        controls,
        mode=prepared.mode,
        seed=prepared.seed,
    )
    return Found({"linkage_shape": check}, tuple(flags))


def check_learned_linkage(prepared: Prepared) -> Found:
    """Match by what synthetic images of patients never trained on teach of the method."""
    null = prepared.inputs.null
    check, flags = check_linkage_learned(
        LearnedInputs(prepared.real_images, () if null is None else null.images),
        prepared.inputs.synthetic.images,
        prepared.inputs.source_of,
        mode=prepared.mode,
        seed=prepared.seed,
        workers=prepared.processes,
    )
    return Found({"linkage_learned": check}, tuple(flags))


def _all_matched(prepared: Prepared) -> bool:
    """Whether every released image is more alike to its source than to anybody else."""
    source_of = prepared.inputs.source_of
    against_all = prepared.against_all
    if source_of is None or len(against_all.patients) < 2:
        return False
    nearest = against_all.similarity.argmax(axis=1)
    return all(
        against_all.patients[index] == source_of[image.name]
        for index, image in zip(nearest, against_all.probes, strict=True)
    )


def _known(prepared: Prepared) -> tuple[AuditImage, ...]:
    """Give one real image of each patient, those never trained on first."""
    inputs = prepared.inputs
    sets = [images for images in (inputs.holdout, inputs.source, inputs.train) if images]
    first: dict[str, AuditImage] = {}
    for images in sets:
        for image in images.first_images():
            first.setdefault(image.patient, image)
    return tuple(first.values())
