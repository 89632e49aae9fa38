"""The content of utility.json."""

from typing import Any, cast

import pytest

from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import organ_table
from medsynth.evaluation.segmentation_utility import ArmResult
from medsynth.evaluation.utility_report import utility_report


def result(arm: str, inside: tuple[float, ...], outside: tuple[float, ...]) -> ArmResult:
    """Give an arm's result with one kidney Dice a patient."""
    return ArmResult(
        arm=arm,
        training_patients=3,
        training_scans=4,
        in_distribution=tuple(
            Measurement(f"c{i}", "kidney", "dice", v) for i, v in enumerate(inside)
        ),
        out_of_distribution=tuple(
            Measurement(f"n{i}", "kidney", "dice", v) for i, v in enumerate(outside)
        ),
    )


def report() -> dict[str, Any]:
    """Give the report of two arms."""
    results = [
        result("contrast_only", (0.9, 0.9), (0.1, 0.3)),
        result("cyclegan_mix", (0.9, 0.8), (0.6, 0.8)),
    ]
    content = utility_report(
        results,
        organ_table({1: "liver", 2: "kidney"}),
        Resampling(resamples=200, seed=0),
        not_measured=["Nothing was left out."],
    )
    return cast(dict[str, Any], content)


def test_each_arm_has_dice_interval_and_number_of_patients() -> None:
    kidney = report()["arms"]["contrast_only"]["out_of_distribution"]["kidney"]
    assert kidney["dice"] == pytest.approx(0.2)
    assert kidney["ci"] == pytest.approx([0.1, 0.3])
    assert kidney["n"] == 2


def test_organ_that_no_test_patient_has_is_absent() -> None:
    assert "liver" not in report()["arms"]["cyclegan_mix"]["in_distribution"]


def test_gain_is_the_mean_of_each_patients_own_difference() -> None:
    # 0.6 - 0.1 and 0.8 - 0.3 are both 0.5, so the interval has no width.
    kidney = report()["gains"]["cyclegan_mix"]["out_of_distribution"]["kidney"]
    assert kidney["dice"] == pytest.approx(0.5)
    assert kidney["ci"] == pytest.approx([0.5, 0.5])
    assert "contrast_only" not in report()["gains"]
