import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import CohortError, ConfigurationError
from medsynth.privacy.admission import AdmittedPlan, admit_patients, admit_plan
from medsynth.privacy.patients import PrivatePatient

PLAN = AdmittedPlan(engine="cycle", steps=100, image_pool=0, early_stop=False, processes=1)


def _volume(seed: int, slices: int = 4) -> NDArray[np.int16]:
    generator = np.random.default_rng(seed)
    return generator.integers(-1000, 1000, (slices, 6, 6)).astype(np.int16)


def _cohort(count: int) -> list[PrivatePatient]:
    return [
        PrivatePatient(f"p{place:04d}", (_volume(place),), (_volume(1000 + place),))
        for place in range(count)
    ]


def test_plan_that_can_be_private_is_let_in() -> None:
    admit_plan(PLAN)


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (dataclasses.replace(PLAN, engine="contrastive"), r"train\.engine"),
        (dataclasses.replace(PLAN, steps=None), r"train\.steps"),
        (dataclasses.replace(PLAN, image_pool=50), r"train\.image_pool is 50"),
        (dataclasses.replace(PLAN, early_stop=True), r"train\.early_stop"),
        (dataclasses.replace(PLAN, processes=2), "2 processes"),
    ],
)
def test_plan_that_voids_the_accounting_is_refused_by_name(plan: AdmittedPlan, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        admit_plan(plan)


def test_twenty_different_patients_are_let_in() -> None:
    admit_patients(_cohort(20), delta=1 / 200)


def test_nineteen_patients_are_refused() -> None:
    with pytest.raises(CohortError, match="19 patients"):
        admit_patients(_cohort(19), delta=1 / 200)


@pytest.mark.parametrize("delta", [1 / 20, 0.5, 0.0])
def test_delta_of_a_whole_patient_is_refused(delta: float) -> None:
    with pytest.raises(ConfigurationError, match="Delta"):
        admit_patients(_cohort(20), delta=delta)


def test_pseudonym_that_stands_twice_is_refused() -> None:
    cohort = _cohort(20)
    cohort[3] = dataclasses.replace(cohort[3], patient=cohort[2].patient)
    with pytest.raises(CohortError, match="twice"):
        admit_patients(cohort, delta=1 / 200)


def test_same_scan_under_two_pseudonyms_is_refused_across_phases() -> None:
    cohort = _cohort(20)
    cohort[7] = dataclasses.replace(cohort[7], contrast=(), noncontrast=(cohort[2].contrast[0],))
    with pytest.raises(CohortError, match="p0002 and p0007"):
        admit_patients(cohort, delta=1 / 200)


def test_most_slices_of_a_scan_under_another_pseudonym_are_refused() -> None:
    cohort = _cohort(20)
    # Three of the five slices are another patient's, in another order.
    mixed = np.concatenate([cohort[2].contrast[0][[3, 1, 0]], _volume(77, slices=2)])
    cohort[7] = dataclasses.replace(cohort[7], contrast=(mixed,))
    with pytest.raises(CohortError, match="share 3 of the"):
        admit_patients(cohort, delta=1 / 200)


def test_short_part_of_a_long_scan_under_another_pseudonym_is_refused() -> None:
    cohort = _cohort(20)
    cohort[2] = dataclasses.replace(cohort[2], contrast=(_volume(88, slices=30),))
    part = cohort[2].contrast[0][10:14]
    cohort[7] = dataclasses.replace(cohort[7], contrast=(part,))
    with pytest.raises(CohortError, match="p0007"):
        admit_patients(cohort, delta=1 / 200)


def test_one_shared_slice_in_four_is_let_in() -> None:
    cohort = _cohort(20)
    shared = cohort[7].contrast[0].copy()
    shared[0] = cohort[2].contrast[0][0]
    cohort[7] = dataclasses.replace(cohort[7], contrast=(shared,))
    admit_patients(cohort, delta=1 / 200)


def test_slices_of_air_that_all_patients_share_are_let_in() -> None:
    cohort = [
        dataclasses.replace(
            patient,
            contrast=(
                np.concatenate([np.full((9, 6, 6), -1024, dtype=np.int16), *patient.contrast]),
            ),
        )
        for patient in _cohort(20)
    ]
    admit_patients(cohort, delta=1 / 200)


def test_scan_that_a_patient_has_twice_is_let_in() -> None:
    cohort = _cohort(20)
    cohort[7] = dataclasses.replace(cohort[7], noncontrast=cohort[7].contrast)
    admit_patients(cohort, delta=1 / 200)
