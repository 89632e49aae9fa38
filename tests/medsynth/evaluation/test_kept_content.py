"""What a translation must leave alone."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.evaluation.fidelity import TranslatedScan
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.kept_content import kept_report, kept_tissues, measure_kept_content
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import organ_table

ORGANS = organ_table({1: "kidney", 2: "bone"})
SHAPE = (4, 64, 64)
BONE = (slice(None), slice(40, 48), slice(28, 36))
KIDNEY = (slice(None), slice(24, 34), slice(40, 50))
FAT = (slice(None), slice(10, 20), slice(12, 52))
GAS = (slice(None), slice(24, 30), slice(14, 20))
LUNG = (slice(None), slice(31, 37), slice(14, 20))


def scan() -> TranslatedScan:
    """Muscle of 50 HU with bone, fat, lung, gas and a kidney as dense as bone."""
    hu = np.full(SHAPE, -1000, dtype=np.int16)
    hu[:, 8:56, 8:56] = 50
    for place, value in ((BONE, 700), (KIDNEY, 260), (FAT, -100), (GAS, -980), (LUNG, -800)):
        hu[place] = value
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[KIDNEY], labels[BONE] = 1, 2
    return TranslatedScan("p", hu, hu.copy(), labels, None, (5.0, 2.0, 2.0))


def changed(
    place: tuple[slice, ...], by_hu: int, base: TranslatedScan | None = None
) -> TranslatedScan:
    """Give the scan with a translation that shifts one region."""
    base = base or scan()
    synthetic = base.synthetic_hu.copy()
    synthetic[place] += by_hu
    return dataclasses.replace(base, synthetic_hu=synthetic)


def masks(of: TranslatedScan, *, labelled: bool = True) -> dict[str, NDArray[np.bool_]]:
    return {tissue.name: tissue.mask for tissue in kept_tissues(of, ORGANS if labelled else None)}


def value(measurements: list[Measurement], quantity: str) -> float:
    return next(m.value for m in measurements if m.quantity == quantity)


def report(measurements: list[Measurement]) -> Any:
    return kept_report(measurements, Resampling(resamples=100, seed=0))


@pytest.mark.parametrize("labelled", [True, False])
def test_an_enhanced_kidney_is_no_bone(labelled: bool) -> None:
    bone = masks(scan(), labelled=labelled)["bone"]
    assert bone[BONE].all()
    assert not bone[KIDNEY].any()


def test_the_edge_of_fat_is_left_out() -> None:
    fat = masks(scan())["fat"]
    assert fat[:, 11:19, 13:51].all()
    assert np.count_nonzero(fat) == 4 * 8 * 38


def test_lung_and_gas_are_told_apart_and_outer_air_is_neither() -> None:
    found = masks(scan())
    assert np.count_nonzero(found["lung"]) == 4 * 6 * 6
    assert np.count_nonzero(found["gas"]) == 4 * 6 * 6


def test_change_and_bias_are_means_over_the_tissue() -> None:
    # Half of the bone is 8 HU brighter, half is 4 HU darker.
    half = changed((slice(0, 2), *BONE[1:]), 8, changed((slice(2, 4), *BONE[1:]), -4))
    measured = measure_kept_content(half, ORGANS)
    assert value(measured, "kept_bone_change_hu") == pytest.approx(6.0)
    assert value(measured, "kept_bone_bias_hu") == pytest.approx(2.0)
    assert value(measured, "kept_fat_change_hu") == 0.0


def test_a_translation_of_organs_alone_gives_no_warning() -> None:
    found = report(measure_kept_content(changed(KIDNEY, -200), ORGANS))
    assert found["warnings"] == []
    assert found["tissues"]["bone"]["patients_beyond_limit"] == 0


@pytest.mark.parametrize(("place", "name"), [(BONE, "bone"), (FAT, "fat"), (GAS, "gas")])
def test_six_hounsfield_units_too_many_give_a_warning(place: tuple[slice, ...], name: str) -> None:
    found = report(measure_kept_content(changed(place, -6), ORGANS))
    assert [name in warning for warning in found["warnings"]] == [True]
    assert report(measure_kept_content(changed(place, -4), ORGANS))["warnings"] == []


def test_what_the_truth_loses_may_be_lost() -> None:
    truth_hu = scan().input_hu.copy()
    truth_hu[BONE] -= 10
    paired = dataclasses.replace(scan(), truth_hu=truth_hu)
    for change_hu, beyond in ((0, 0), (-10, 0), (-14, 0), (-16, 1), (6, 1)):
        found = report(measure_kept_content(changed(BONE, change_hu, paired), ORGANS))
        assert found["tissues"]["bone"]["patients_beyond_limit"] == beyond
        assert found["tissues"]["bone"]["truth_bias_hu"] == pytest.approx(-10.0)


def test_patients_are_the_unit() -> None:
    one = measure_kept_content(changed(BONE, -2), ORGANS)
    two = measure_kept_content(dataclasses.replace(changed(BONE, -10), patient="q"), ORGANS)
    bone = report(one + two)["tissues"]["bone"]
    assert bone["change_hu"] == pytest.approx(6.0)
    assert bone["change_ci"] == [2.0, 10.0]
    assert (bone["n"], bone["patients_beyond_limit"]) == (2, 1)


def test_nothing_measured_is_no_report() -> None:
    assert kept_report([], Resampling(10, 0)) is None
