"""Whether two domains differ in more than contrast agent."""

import dataclasses

import numpy as np
import pytest

from medsynth.cohort.domain_differences import (
    DomainDifference,
    Finding,
    PatientScan,
    find_domain_differences,
)
from medsynth.cohort.scan_appearance import ScanAppearance

UNKNOWN = float("nan")


def appearance(random: np.random.Generator) -> ScanAppearance:
    """Draw what an abdomen shows."""
    return ScanAppearance(
        lung_share=random.uniform(0, 0.08),
        coverage_mm=160.0,
        field_of_view_mm=358.0,
        cut_share=0.0,
        body_width_mm=random.normal(310, 20),
        body_depth_mm=random.normal(225, 18),
        table_cm2=random.normal(60, 10),
        slice_spacing_mm=5.0,
        slice_thickness_mm=float(random.choice([3.0, 5.0])),
        noise_hu=random.normal(10, 2),
        lesion_share=UNKNOWN,
        has_lesion=float(random.random() < 0.5),
    )


def cohort(seed: int, patients: int = 16) -> list[PatientScan]:
    """Give as many patients of each phase, alike but for chance."""
    random = np.random.default_rng(seed)
    return [
        PatientScan(
            f"{phase}{number}", phase, appearance(random), str(random.choice(["ge", "siemens"]))
        )
        for phase in ("contrast", "noncontrast")
        for number in range(patients)
    ]


def with_noncontrast(scans: list[PatientScan], **changes: float) -> list[PatientScan]:
    """Give the cohort with figures of its noncontrast scans replaced."""
    return [
        scan
        if scan.phase == "contrast"
        else dataclasses.replace(scan, appearance=dataclasses.replace(scan.appearance, **changes))
        for scan in scans
    ]


def differing(scans: list[PatientScan]) -> list[DomainDifference]:
    found = find_domain_differences(scans, seed=0)
    return [one for one in found if one.finding is Finding.DIFFERS]


def test_alike_domains_seldom_give_a_false_alarm() -> None:
    # At a false alarm in two of a hundred, five or more of 60 have a chance of 1 %.
    assert sum(bool(differing(cohort(seed))) for seed in range(60)) <= 4


@pytest.mark.parametrize(
    ("name", "value"),
    [("lung_share", 0.4), ("cut_share", 0.3), ("coverage_mm", 300.0), ("noise_hu", 25.0)],
)
def test_a_figure_of_one_phase_is_found(name: str, value: float) -> None:
    found = differing(with_noncontrast(cohort(1), **{name: value}))
    assert [one.name for one in found] == [name]
    assert found[0].size == 0.0
    assert found[0].noncontrast == pytest.approx(value)
    assert "10.1007/978-3-030-00928-1_60" in found[0].text


def test_lesions_in_one_phase_alone_are_found() -> None:
    scans = with_noncontrast(cohort(2, patients=30), has_lesion=0.0)
    found = differing(scans)
    assert [one.name for one in found] == ["has_lesion"]
    assert found[0].contrast > 0.3
    assert found[0].interval is not None
    assert found[0].interval[0] > 0.5


def test_a_site_that_scans_one_phase_alone_is_found() -> None:
    confounded = [
        dataclasses.replace(scan, origin="ge" if scan.phase == "contrast" else "siemens")
        for scan in cohort(3)
    ]
    found = differing(confounded)
    assert [one.name for one in found] == ["scan_origin"]
    assert found[0].size == pytest.approx(1.0)
    assert {found[0].contrast, found[0].noncontrast} == {0.0, 1.0}


def test_a_large_but_small_sample_is_called_too_few() -> None:
    scans = with_noncontrast(cohort(4, patients=3), lung_share=0.4)
    lung = next(one for one in find_domain_differences(scans, seed=0) if one.name == "lung_share")
    assert lung.finding is Finding.TOO_FEW


def test_likeness_is_not_claimed_where_a_large_difference_may_hide() -> None:
    few = find_domain_differences(cohort(10, patients=7), seed=0)
    many = find_domain_differences(cohort(10, patients=60), seed=0)
    few_of, many_of = ({one.name: one.finding for one in found} for found in (few, many))
    assert few_of["body_width_mm"] is Finding.TOO_FEW
    assert many_of["body_width_mm"] is Finding.ALIKE


def test_a_certain_but_small_difference_is_no_warning() -> None:
    # 300 patients of each phase whose widths differ by 0.3 of their spread: an area of
    # 0.58, which is no chance and hardly matters.
    scans = [
        dataclasses.replace(
            scan,
            appearance=dataclasses.replace(
                scan.appearance,
                body_width_mm=scan.appearance.body_width_mm + 6.0 * (scan.phase == "contrast"),
            ),
        )
        for scan in cohort(5, patients=300)
    ]
    width = next(
        one for one in find_domain_differences(scans, seed=0) if one.name == "body_width_mm"
    )
    assert 0.52 < width.size < 0.65
    assert width.p_value < 0.05
    assert width.finding is Finding.ALIKE


def test_a_patients_scans_count_once() -> None:
    scans = cohort(6)
    many = [*scans, *[scans[0]] * 50]
    once, often = (find_domain_differences(given, seed=0) for given in (scans, many))
    assert [one.p_value for one in often] == [one.p_value for one in once]
    assert [one.patients for one in often] == [one.patients for one in once]


def test_patients_with_both_phases_are_compared_with_themselves() -> None:
    both = [
        dataclasses.replace(scan, patient=scan.patient.removeprefix(scan.phase))
        for scan in with_noncontrast(cohort(7), lung_share=0.4)
    ]
    assert [one.name for one in differing(both)] == ["lung_share"]


def test_figures_that_one_phase_lacks_are_not_compared() -> None:
    scans = with_noncontrast(cohort(8), has_lesion=UNKNOWN)
    names = {one.name for one in find_domain_differences(scans, seed=0)}
    assert "has_lesion" not in names
    assert "lesion_share" not in names
    assert "lung_share" in names


def test_one_domain_alone_cannot_be_compared() -> None:
    alone = [scan for scan in cohort(9) if scan.phase == "contrast"]
    assert find_domain_differences(alone, seed=0) == ()
