from pathlib import Path

import pytest

from medsynth.cohort.split import (
    PatientRoles,
    SplitShares,
    read_patients,
    role_counts,
    split_patients,
    write_patients,
)
from medsynth.errors import CohortError, RecordError

SHARES = SplitShares(
    contrast_train=0.4, contrast_source=0.3, contrast_holdout=0.15, noncontrast_train=0.6
)


def cohort(contrast: int, noncontrast: int, both: int = 0) -> dict[str, list[str]]:
    phases = {f"pc{number:02d}": ["contrast"] for number in range(contrast)}
    phases |= {f"pn{number:02d}": ["noncontrast"] for number in range(noncontrast)}
    return phases | {f"pb{number:02d}": ["noncontrast", "contrast"] for number in range(both)}


def roles_with(patients: tuple[PatientRoles, ...], phase: str) -> list[str]:
    return sorted(role for one in patients if phase in one.phases for role in one.roles)


def test_shares_are_kept_in_a_large_cohort() -> None:
    patients = split_patients(cohort(20, 10), SHARES, seed=0)
    contrast = roles_with(patients, "contrast")
    # 40, 30, 15 and the remaining 15 percent of 20; 60 percent of 10.
    assert [contrast.count(role) for role in ("train", "source", "holdout", "test")] == [8, 6, 3, 3]
    assert roles_with(patients, "noncontrast").count("train") == 6


@pytest.mark.parametrize(("contrast", "noncontrast"), [(2, 2), (3, 1), (7, 5), (24, 16)])
def test_each_patient_appears_once_with_one_role(contrast: int, noncontrast: int) -> None:
    patients = split_patients(cohort(contrast, noncontrast, both=2), SHARES, seed=4)
    assert len({one.patient for one in patients}) == len(patients) == contrast + noncontrast + 2
    assert all(len(one.roles) == 1 for one in patients)


def test_split_does_not_depend_on_the_order_of_patients() -> None:
    phases = cohort(9, 7, both=2)
    turned = dict(reversed(phases.items()))
    assert split_patients(phases, SHARES, seed=1) == split_patients(turned, SHARES, seed=1)


def test_another_seed_gives_another_split() -> None:
    splits = {split_patients(cohort(12, 8), SHARES, seed=seed) for seed in range(5)}
    assert len(splits) == 5


def test_two_patients_of_each_phase_are_enough() -> None:
    patients = split_patients(cohort(2, 2), SHARES, seed=0)
    assert roles_with(patients, "contrast") == ["source", "train"]
    assert roles_with(patients, "noncontrast") == ["test", "train"]


def test_a_single_contrast_patient_trains_and_is_translated() -> None:
    patients = split_patients(cohort(1, 2), SHARES, seed=0)
    assert next(one.roles for one in patients if "contrast" in one.phases) == ("train", "source")


@pytest.mark.parametrize(
    ("count", "roles"),
    [
        (3, ["source", "test", "train"]),
        (4, ["holdout", "source", "test", "train"]),
    ],
)
def test_few_contrast_patients_fill_train_source_test_holdout_in_this_order(
    count: int, roles: list[str]
) -> None:
    assert roles_with(split_patients(cohort(count, 2), SHARES, seed=0), "contrast") == roles


def test_a_role_without_share_stays_empty() -> None:
    shares = SplitShares(0.5, 0.5, 0.0, 1.0)
    patients = split_patients(cohort(6, 4), shares, seed=0)
    assert set(roles_with(patients, "contrast")) == {"train", "source"}
    assert set(roles_with(patients, "noncontrast")) == {"train"}


def test_source_and_holdout_are_contrast_patients() -> None:
    for one in split_patients(cohort(10, 10, both=3), SHARES, seed=2):
        if {"source", "holdout"} & set(one.roles):
            assert "contrast" in one.phases


def test_patients_of_unknown_phase_are_left_out() -> None:
    phases = cohort(2, 2) | {"px": ["unknown"]}
    assert "px" not in {one.patient for one in split_patients(phases, SHARES, seed=0)}


@pytest.mark.parametrize(
    "phases",
    [{}, cohort(3, 0), cohort(0, 3), cohort(0, 0, both=1), {"p1": ["unknown"], "p2": ["contrast"]}],
)
def test_one_phase_or_one_patient_is_refused(phases: dict[str, list[str]]) -> None:
    with pytest.raises(CohortError, match="Expected two patients or more"):
        split_patients(phases, SHARES, seed=0)


def test_the_refusal_counts_what_was_found() -> None:
    with pytest.raises(CohortError, match="Found 4 patients: 3 with a contrast series, 0 with"):
        split_patients(cohort(3, 0) | {"px": ["unknown"]}, SHARES, seed=0)


@pytest.mark.parametrize("patients", range(12))
def test_role_counts_sum_to_the_patients(patients: int) -> None:
    shares = {"train": 0.6, "test": 0.4}
    assert sum(role_counts(patients, shares, ("train", "test")).values()) == patients


def test_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    patients = split_patients(cohort(1, 2, both=1), SHARES, seed=0)
    write_patients(tmp_path, patients)
    assert read_patients(tmp_path) == patients


def test_table_has_one_field_for_several_values(tmp_path: Path) -> None:
    write_patients(tmp_path, [PatientRoles("p1", ("contrast", "noncontrast"), ("train", "source"))])
    expected = "patient,phases,roles\np1,contrast noncontrast,train source\n"
    assert (tmp_path / "patients.csv").read_text("utf-8") == expected


def test_a_missing_table_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="medsynth split"):
        read_patients(tmp_path)


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("patient\np1\n", "utf-8")
    with pytest.raises(RecordError, match="columns"):
        read_patients(tmp_path)
