"""Inference: who was trained on, what the sources are like, and what is claimed of that."""

import dataclasses
from collections.abc import Mapping

from privacy_audit.attacks.attributes import Reference, check_attributes
from privacy_audit.attacks.claimed_epsilon import check_claimed_epsilon
from privacy_audit.attacks.membership import not_measured
from privacy_audit.attacks.membership_blind import BlindBaseline, measure_blind_baseline
from privacy_audit.attacks.membership_density import describe_shapes
from privacy_audit.attacks.membership_model import check_membership_model
from privacy_audit.attacks.membership_released import (
    RealPatients,
    ReleasedImages,
    check_membership_released,
    compare_released,
    sources_by_patient,
    sources_of,
)
from privacy_audit.images.features import describe_images
from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.suite.prepared import Found, Prepared
from privacy_audit.verdict import CheckResult


def check_membership(prepared: Prepared) -> Found:
    """Ask the released images, and the model where it is given, who was trained on.

    Where a claim of differential privacy comes along, it is held against what was found.
    """
    inputs = prepared.inputs
    if inputs.holdout is None:
        count = len(inputs.train.patients)
        missing = {"membership_released": not_measured("membership_released", count, 0)}
        if inputs.evidence.model is not None:
            missing["membership_model"] = not_measured("membership_model", count, 0)
        return Found({**missing, **_claimed(prepared, {})})
    members = inputs.train if inputs.members is None else inputs.members
    blind = measure_blind_baseline(members, inputs.holdout, seed=prepared.seed)
    checks = {"membership_released": _attack_released(prepared, members, inputs.holdout, blind)}
    if inputs.evidence.model is not None:
        checks["membership_model"] = check_membership_model(
            members, inputs.holdout, inputs.evidence.model, seed=prepared.seed, blind=blind
        )
    return Found({**checks, **_claimed(prepared, checks)})


def check_attribute_inference(prepared: Prepared) -> Found:
    """Ask the released images what their sources are like."""
    inputs = prepared.inputs
    attributes = inputs.evidence.attributes
    if attributes is None:
        return Found({})
    learnt_from = inputs.null or inputs.holdout
    reference = None
    if learnt_from is not None:
        kind = "null" if inputs.null is not None else "holdout"
        described = describe_images(learnt_from.images, prepared.processes)
        reference = Reference(described, kind)
    check = check_attributes(
        describe_images(inputs.synthetic.images, prepared.processes),
        reference,
        inputs.source_of,
        attributes,
        seed=prepared.seed,
    )
    return Found({"attributes": check})


def _attack_released(
    prepared: Prepared, members: ImageSet, others: ImageSet, blind: BlindBaseline
) -> CheckResult:
    inputs = prepared.inputs
    real = (*members.images, *others.images)
    everybody = RealPatients(members.patients, others.patients, describe_shapes(real))
    null = None
    if inputs.null is not None:
        null = _released(prepared, inputs.null, sources_by_patient(inputs.null.images), real)
    sources = sources_of(inputs.synthetic.images, inputs.source_of)
    synthetic = _released(prepared, inputs.synthetic, sources, real)
    return check_membership_released(everybody, synthetic, null, blind=blind, seed=prepared.seed)


def _released(
    prepared: Prepared,
    images: ImageSet,
    sources: tuple[str | None, ...],
    real: tuple[AuditImage, ...],
) -> ReleasedImages:
    compared = compare_released(prepared.comparer, real, images.images, sources)
    return dataclasses.replace(compared, shapes=describe_shapes(images.images))


def _claimed(prepared: Prepared, membership: Mapping[str, CheckResult]) -> dict[str, CheckResult]:
    """Hold a claim of differential privacy against what was found."""
    claims = prepared.inputs.evidence.claims
    if claims is None:
        return {}
    patients = len(prepared.inputs.train.patients)
    return {"claimed_epsilon": check_claimed_epsilon(claims, membership, patients=patients)}
