"""Usual ranges without contrast."""

from medsynth.evaluation.typical_hu import typical_noncontrast_range


def test_both_sides_of_an_organ_share_its_range() -> None:
    kidney = typical_noncontrast_range("kidney")
    assert kidney is not None
    assert typical_noncontrast_range("kidney_left") == kidney
    assert typical_noncontrast_range("Right Kidney") == kidney


def test_organ_without_a_known_range_has_none() -> None:
    assert typical_noncontrast_range("lesion") is None
