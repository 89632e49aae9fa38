"""The content of fidelity.json."""

from typing import Any

import pytest

from medsynth.evaluation.fidelity_report import (
    NO_LABELS,
    NO_TRANSLATIONS,
    NO_TRUTH,
    GroupMeasurements,
)
from medsynth.evaluation.fidelity_report import fidelity_report as report_of
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement


def fidelity_report(source: list[Measurement], holdout: list[Measurement]) -> dict[str, Any]:
    """Give the report with fixed resampling, as JSON."""
    groups = (GroupMeasurements(tuple(source)), GroupMeasurements(tuple(holdout)))
    return report_of(*groups, Resampling(resamples=100, seed=0))


def paired(patient: str, mae_hu: float, input_mae_hu: float) -> list[Measurement]:
    """Give a patient's measurements of liver and body, with truth."""
    values = {
        "mae_hu": mae_hu,
        "bias_hu": -mae_hu,
        "input_mae_hu": input_mae_hu,
        "input_bias_hu": input_mae_hu,
    }
    rows = [
        Measurement(patient, region, name, value)
        for region in ("liver", None)
        for name, value in values.items()
    ]
    return [
        *rows,
        Measurement(patient, "liver", "before_hu", 100.0),
        Measurement(patient, "liver", "after_hu", 50.0),
        Measurement(patient, None, "change_hu", 20.0),
        Measurement(patient, None, "ssim", 0.9),
    ]


def test_report_has_the_contracts_keys_with_truth() -> None:
    report = fidelity_report([*paired("a", 4.0, 20.0), *paired("b", 6.0, 30.0)], [])
    liver = report["organs"]["liver"]
    assert liver["mae_hu"] == 5.0
    assert liver["mae_ci"] == [4.0, 6.0]
    assert liver["bias_hu"] == -5.0
    assert liver["input_mae_hu"] == 25.0
    assert liver["n"] == 2
    assert liver["typical_hu"] == [45.0, 65.0]
    assert report["body_mae_hu"] == 5.0
    assert report["input_body_mae_hu"] == 25.0
    assert report["ratio"] == pytest.approx(0.2)
    assert report["ssim"] == pytest.approx(0.9)
    assert report["n_patients"] == 2
    assert report["not_measured"] == []
    assert "holdout" not in report


def test_without_truth_the_error_keys_are_absent_and_the_report_says_so() -> None:
    rows = [
        row for row in paired("a", 4.0, 20.0) if row.quantity.endswith(("before_hu", "after_hu"))
    ]
    report = fidelity_report(rows, [])
    assert report["organs"]["liver"]["before_hu"] == 100.0
    assert report["organs"]["liver"]["after_hu"] == 50.0
    assert report["organs"]["liver"]["n"] == 1
    assert "mae_hu" not in report["organs"]["liver"]
    assert not {"body_mae_hu", "input_body_mae_hu", "ratio", "ssim"} & set(report)
    assert report["not_measured"] == [NO_TRUTH]


def test_without_labels_the_report_says_so() -> None:
    report = fidelity_report([Measurement("a", None, "change_hu", 20.0)], [])
    assert report["organs"] == {}
    assert report["body_change_hu"] == 20.0
    assert report["not_measured"] == [NO_LABELS, NO_TRUTH]


def test_without_translations_the_report_says_so() -> None:
    assert fidelity_report([], [])["not_measured"] == [NO_TRANSLATIONS]


def test_patients_without_truth_do_not_count_in_the_errors_n() -> None:
    report = fidelity_report(
        [*paired("a", 4.0, 20.0), Measurement("b", "liver", "before_hu", 120.0)], []
    )
    assert report["organs"]["liver"]["n"] == 1
    assert report["organs"]["liver"]["mae_ci"] is None
    assert report["organs"]["liver"]["before_hu"] == 110.0
    assert report["n_patients"] == 2
    assert report["n_patients_with_truth"] == 1


def test_holdout_patients_are_reported_apart() -> None:
    report = fidelity_report(paired("a", 4.0, 20.0), paired("h", 8.0, 20.0))
    assert report["body_mae_hu"] == 4.0
    assert report["holdout"]["body_mae_hu"] == 8.0


def test_kept_content_is_reported_beside_the_errors() -> None:
    rows = [
        Measurement("a", None, "kept_bone_change_hu", 2.0),
        Measurement("a", None, "kept_bone_bias_hu", -1.0),
    ]
    assert fidelity_report(rows, [])["kept"]["tissues"]["bone"]["change_hu"] == 2.0
    assert "kept" not in fidelity_report(paired("a", 4.0, 20.0), [])


def test_lesions_are_absent_where_no_scan_could_be_searched() -> None:
    assert "lesions" not in fidelity_report(paired("a", 4.0, 20.0), [])
