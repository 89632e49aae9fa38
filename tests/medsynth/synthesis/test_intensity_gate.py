import pytest

from medsynth.networks.organ_segmenter import ORGANS
from medsynth.synthesis.intensity_gate import (
    NONCONTRAST_RANGES,
    GateVerdict,
    OrganSample,
    judge,
)

LIVER = OrganSample("liver", 58.0, 900.0)


def test_every_organ_that_is_found_has_a_range() -> None:
    assert tuple(one.organ for one in NONCONTRAST_RANGES) == ORGANS


def test_a_volume_with_all_organs_within_their_ranges_is_inside() -> None:
    result = judge([LIVER, OrganSample("aorta", 41.0, 40.0)])
    assert result.verdict is GateVerdict.INSIDE
    assert result.excess_hu == 0.0
    assert [sample.organ for sample in result.judged] == ["liver", "aorta"]


def test_one_bright_vessel_puts_a_volume_outside_by_its_excess() -> None:
    # The aorta's range ends at 70 HU.
    result = judge([LIVER, OrganSample("aorta", 81.5, 40.0)])
    assert result.verdict is GateVerdict.OUTSIDE
    assert result.excess_hu == pytest.approx(11.5)


def test_an_organ_that_is_too_dark_is_outside_as_well() -> None:
    # The kidney's range begins at 5 HU.
    assert judge([OrganSample("kidney", -10.0, 100.0)]).excess_hu == pytest.approx(15.0)


@pytest.mark.parametrize("median_hu", [-15.0, 25.0, 80.0])
def test_fatty_and_iron_rich_livers_are_patients(median_hu: float) -> None:
    assert judge([OrganSample("liver", median_hu, 900.0)]).verdict is GateVerdict.INSIDE


def test_too_little_of_an_organ_is_not_judged() -> None:
    # 2 cm3 of aorta are less than the 5 that are asked for.
    result = judge([OrganSample("aorta", 300.0, 2.0)])
    assert result.verdict is GateVerdict.UNJUDGED
    assert result.judged == ()


def test_a_volume_without_organs_is_unjudged_and_not_inside() -> None:
    assert judge([]).verdict is GateVerdict.UNJUDGED
