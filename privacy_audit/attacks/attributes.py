"""Can an attribute of a patient be read off the image that was made from its scan?

The attacker knows a few patients' images and attributes, learns to tell the
attribute, and guesses it for the source of every released image. It is held
against the same guesses after the sources were exchanged: what is known about
anybody is no leak (control of Giomi and others 2023, "A unified framework for
quantifying privacy risk in synthetic data").
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.attacks.attribute_learner import guess_groups
from privacy_audit.attacks.attribute_rates import (
    HIGHEST_RISK,
    Outcome,
    describe_outcome,
    exchange_rate,
    fewest_right,
    risk_above,
    sources_needed,
    wilson_interval,
)
from privacy_audit.images.attributes_table import (
    Attributes,
    Grouping,
    Value,
    attribute_names,
    group_values,
)
from privacy_audit.images.features import (
    FeatureTable,
    PatientFeatures,
    average_by_patient,
    standardise,
)
from privacy_audit.verdict import APPLIES_TO, CheckResult, not_measured

_NAME = "attributes"
FEWEST_REFERENCE = 20
"""Patients to learn from."""
_FEWEST_IN_GROUP = 5
_FEWEST_FOR_CONTROLS = 60


@dataclasses.dataclass(frozen=True)
class Reference:
    """Images that the attacker learns from.

    Attributes:
        features: their numbers; patients that are sources of released images are left out.
        kind: "null" for synthetic images of patients never trained on, made the
            same way, "holdout" for real ones. The latter may differ in contrast from
            the released images, so each set is brought to its own scale.
    """

    features: FeatureTable
    kind: str


@dataclasses.dataclass(frozen=True)
class _Sides:
    """(patients, features) on one scale: of whom the attacker learns and whom it guesses."""

    reference: NDArray[np.float64]
    released: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class _Controls:
    """Whether a planted spot was told, and a coin that nothing was planted for."""

    spot: Outcome
    coin: Outcome

    @property
    def passed(self) -> bool:
        return self.spot.verdict == "fail" and self.coin.verdict != "fail"


def check_attributes(
    released: FeatureTable,
    reference: Reference | None,
    source_of: Mapping[str, str] | None,
    attributes: Attributes | None,
    *,
    seed: int,
) -> CheckResult:
    """Guess each attribute of the source of each released image.

    Hand it the released images and, to learn from, the images of patients that
    nothing was trained on. The risk is (attack rate - control rate) /
    (1 - control rate): of the guesses that chance would miss, the share that the
    images set right. Its intervals are Wilson's, corrected for the number of
    attributes (Bonferroni), with the control rate taken as known: it is the mean
    over all exchanges, not a draw. Fails when the lower bound of any attribute is
    above `HIGHEST_RISK`, passes when all upper bounds are below.

    Args:
        released: the released images.
        reference: what the attacker learns from; None where there is nothing.
        source_of: synthetic name -> source patient; None where there are no sources.
        attributes: of the sources and of the reference patients; None where not given.
        seed: deals the planted attribute of the controls.

    Raises:
        AuditError: the table of attributes names no source, or an image is not in the map.
    """
    if source_of is None or attributes is None:
        missing = "source map" if source_of is None else "table of attributes"
        return _not_measured("not_applicable", f"No {missing} was given.")
    sources = average_by_patient(released, source_of)
    if not set(sources.patients) & set(attributes):
        raise AuditError(
            f"The table of attributes names none of {len(sources.patients)} source patients. "
            "Expected the patients of the source map. Mend the column patient."
        )
    others = None if reference is None else _without(reference, sources.patients)
    if reference is None or others is None or len(others.patients) < FEWEST_REFERENCE:
        count = 0 if others is None else len(others.patients)
        return _not_measured(
            "inconclusive",
            f"There are {count} patients to learn from who are no sources. At least "
            f"{FEWEST_REFERENCE} are needed: give a holdout, or synthetic images of one.",
        )
    own_scale = reference.kind == "holdout"
    sides = _scale(others.values, sources.values, own_scale=own_scale)
    names = attribute_names(attributes)
    guessed = [
        _attack(
            name,
            sides,
            _values_of(name, others.patients, attributes),
            _values_of(name, sources.patients, attributes),
            tests=len(names),
        )
        for name in names
    ]
    outcomes = [outcome for outcome in guessed if outcome is not None]
    untried = [name for name, outcome in zip(names, guessed, strict=True) if outcome is None]
    controls = _run_controls(others, sources, own_scale=own_scale, seed=seed)
    return _judge(outcomes, untried, controls, len(others.patients))


def _without(reference: Reference, sources: tuple[str, ...]) -> PatientFeatures | None:
    """Give the reference patients that are no sources: of those the attacker would know more."""
    patients = average_by_patient(reference.features, None)
    rows = [row for row, patient in enumerate(patients.patients) if patient not in sources]
    return _take(patients, rows) if rows else None


def _take(features: PatientFeatures, rows: list[int]) -> PatientFeatures:
    return PatientFeatures(
        tuple(features.patients[row] for row in rows),
        features.values[rows],
        features.with_spot[rows],
    )


def _scale(
    reference: NDArray[np.float64], released: NDArray[np.float64], *, own_scale: bool
) -> _Sides:
    return _Sides(
        standardise(reference, like=reference),
        standardise(released, like=released if own_scale else reference),
    )


def _values_of(name: str, patients: tuple[str, ...], attributes: Attributes) -> list[Value | None]:
    return [attributes.get(patient, {}).get(name) for patient in patients]


def _attack(
    name: str,
    sides: _Sides,
    known: list[Value | None],
    true: list[Value | None],
    *,
    tests: int,
) -> Outcome | None:
    """Guess one attribute.

    Args:
        name: the attribute.
        sides: features of the reference and of the released patients.
        known: value of each reference patient.
        true: value of each released patient.
        tests: how many attributes are guessed.

    Returns:
        None where the attribute makes no two groups on either side.
    """
    grouping = group_values(name, [value for value in known if value is not None], _FEWEST_IN_GROUP)
    if grouping is None:
        return None
    learnt = _rows_in(grouping, known)
    tried = _rows_in(grouping, true)
    groups = len(grouping.names)
    so = _groups_of(grouping, true, tried)
    if len(learnt) < FEWEST_REFERENCE or np.unique(so).size < 2:
        return None
    guesses = guess_groups(
        sides.reference[learnt],
        [value for row in learnt if (value := known[row]) is not None],
        sides.released[tried],
        grouping,
    )
    rate = float((guesses.released == so).mean())
    control = exchange_rate(guesses.released, so, groups)
    return Outcome(
        attribute=name,
        patients=len(tried),
        rate=rate,
        rate_interval=wilson_interval(rate, len(tried), tests),
        control=control,
        control_interval=wilson_interval(control, len(tried), tests),
        majority=float(np.bincount(so).max() / so.size),
        reference_interval=_reference_interval(
            guesses.reference, _groups_of(grouping, known, learnt), groups, tests
        ),
    )


def _reference_interval(
    guessed: NDArray[np.int64], true: NDArray[np.int64], groups: int, tests: int
) -> tuple[float, float]:
    control = exchange_rate(guessed, true, groups)
    low, high = wilson_interval(float((guessed == true).mean()), guessed.size, tests)
    return risk_above(low, control), risk_above(high, control)


def _rows_in(grouping: Grouping, values: list[Value | None]) -> list[int]:
    return [
        row
        for row, value in enumerate(values)
        if value is not None and grouping.index_of(value) is not None
    ]


def _groups_of(
    grouping: Grouping, values: list[Value | None], rows: list[int]
) -> NDArray[np.int64]:
    groups = [grouping.index_of(value) for row in rows if (value := values[row]) is not None]
    return np.array(groups, dtype=np.int64)


def _run_controls(
    reference: PatientFeatures, sources: PatientFeatures, *, own_scale: bool, seed: int
) -> _Controls | None:
    """Guess a coin that decides who has a spot, and a coin that decides nothing.

    None where there are too few patients for either to be told.
    """
    if min(len(sources.patients), len(reference.patients)) < _FEWEST_FOR_CONTROLS:
        return None
    generator = np.random.default_rng(seed)
    known = _deal(generator, len(reference.patients))
    true = _deal(generator, len(sources.patients))
    spotted = _scale(_spot(reference, known), _spot(sources, true), own_scale=own_scale)
    plain = _scale(reference.values, sources.values, own_scale=own_scale)
    spot = _attack("planted spot", spotted, known, true, tests=1)
    coin = _attack("coin", plain, known, true, tests=1)
    if spot is None or coin is None:
        raise AssertionError("a dealt coin always makes two groups")
    return _Controls(spot, coin)


def _deal(generator: np.random.Generator, patients: int) -> list[Value | None]:
    """Give half of the patients, picked at random, "yes" and the others "no"."""
    yes = set(generator.permutation(patients)[: patients // 2].tolist())
    return ["yes" if patient in yes else "no" for patient in range(patients)]


def _spot(features: PatientFeatures, dealt: list[Value | None]) -> NDArray[np.float64]:
    has_spot = np.array([value == "yes" for value in dealt])
    return np.where(has_spot[:, np.newaxis], features.with_spot, features.values)


def _judge(
    outcomes: list[Outcome], untried: list[str], controls: _Controls | None, reference: int
) -> CheckResult:
    if not outcomes:
        return _not_measured(
            "inconclusive",
            f"None of {len(untried)} attributes makes two groups of at least "
            f"{_FEWEST_IN_GROUP} patients to learn from, and of sources.",
        )
    worst = max(outcomes, key=lambda outcome: (outcome.interval[0], outcome.risk))
    return CheckResult(
        verdict=_verdict(outcomes, controls),
        statistic=worst.risk,
        ci=worst.interval,
        threshold=HIGHEST_RISK,
        n=worst.patients,
        explanation=_explanation(outcomes, untried, controls, reference),
        smallest_leak=_smallest_leak(outcomes, len(outcomes) + len(untried)),
        applies_to=APPLIES_TO[_NAME],
        details=_details(outcomes, controls, reference),
    )


def _verdict(outcomes: list[Outcome], controls: _Controls | None) -> str:
    verdicts = {outcome.verdict for outcome in outcomes}
    if "fail" in verdicts:
        return "fail"
    if controls is None:
        return "inconclusive"
    if not controls.passed:
        return "invalid"
    return "inconclusive" if "inconclusive" in verdicts else "pass"


def _explanation(
    outcomes: list[Outcome], untried: list[str], controls: _Controls | None, reference: int
) -> str:
    sentences = [f"The attacker learnt from {reference} patients that are no sources."]
    sentences += [describe_outcome(outcome) for outcome in outcomes]
    if untried:
        sentences.append(
            f"Not tried, as they make no two groups of {_FEWEST_IN_GROUP} patients: "
            f"{', '.join(untried)}."
        )
    tests = len(outcomes) + len(untried)
    needed = max(sources_needed(outcome, tests) for outcome in outcomes)
    if any(outcome.verdict == "inconclusive" for outcome in outcomes):
        sentences.append(f"To clear images that leak nothing, about {needed} sources are needed.")
    if controls is None:
        sentences.append(
            f"Fewer than {_FEWEST_FOR_CONTROLS} sources, or patients to learn from, cannot clear."
        )
    elif not controls.passed:
        sentences.append(
            f"A planted spot was told with a risk of {controls.spot.risk:.2f} and a coin with "
            f"{controls.coin.risk:.2f}: on these images the attacker cannot be relied on."
        )
    return " ".join(sentences)


def _smallest_leak(outcomes: list[Outcome], tests: int) -> str:
    sentences = []
    for outcome in outcomes:
        fewest = fewest_right(outcome, tests)
        if fewest is None:
            sentences.append(f"{outcome.attribute}: not even all guesses right would have failed.")
        else:
            risk = risk_above(fewest / outcome.patients, outcome.control)
            sentences.append(
                f"{outcome.attribute}: {fewest} of {outcome.patients} guessed right, a risk of "
                f"{risk:.2f}, would have failed."
            )
    return " ".join(sentences)


def _details(
    outcomes: list[Outcome], controls: _Controls | None, reference: int
) -> dict[str, float | int | str | list[float] | None]:
    details: dict[str, float | int | str | list[float] | None] = {
        "reference_patients": reference,
        "planted_spot_risk": None if controls is None else controls.spot.risk,
        "coin_risk": None if controls is None else controls.coin.risk,
    }
    for outcome in outcomes:
        name = outcome.attribute
        details[f"{name}: verdict"] = outcome.verdict
        details[f"{name}: patients"] = outcome.patients
        details[f"{name}: attack_rate"] = outcome.rate
        details[f"{name}: attack_rate_ci"] = list(outcome.rate_interval)
        details[f"{name}: control_rate"] = outcome.control
        details[f"{name}: control_rate_ci"] = list(outcome.control_interval)
        details[f"{name}: majority_rate"] = outcome.majority
        details[f"{name}: risk"] = outcome.risk
        details[f"{name}: risk_ci"] = list(outcome.interval)
        details[f"{name}: reference_risk_ci"] = list(outcome.reference_interval)
    return details


def _not_measured(verdict: str, why: str) -> CheckResult:
    return not_measured(_NAME, verdict, f"Attributes were not inferred. {why}")
