from typing import Any

from pipelines.project_config import ProjectConfig
from pipelines.report.tables import (
    body_table,
    check_rows,
    dice_tables,
    is_linkage,
    organ_table,
    self_test_table,
    settings_table,
)
from tests.pipelines.made_workspace import example_audit


def test_organs_with_truth_are_tabulated_by_their_errors() -> None:
    kidney = {"n": 3, "input_bias_hu": 150.26, "bias_hu": -4.04, "bias_ci": [-9.0, 1.0]}
    fidelity: dict[str, Any] = {
        "organs": {"kidney": {**kidney, "input_mae_hu": 151.0, "mae_hu": 9.0}}
    }
    table = organ_table(fidelity)
    assert table is not None
    assert table.rows == (("kidney", "3", "150.3", "-4.0", "-9.0 to 1.0", "151.0", "9.0"),)


def test_organs_without_truth_are_tabulated_by_their_medians() -> None:
    liver = {"n": 1, "before_hu": 110.0, "after_hu": 61.5, "typical_hu": [45.0, 65.0]}
    table = organ_table({"organs": {"liver": liver}})
    assert table is not None
    assert table.rows == (("liver", "1", "110.0", "61.5", "45 to 65"),)


def test_nothing_measured_gives_no_table() -> None:
    assert organ_table(None) is None
    assert organ_table({"organs": {}}) is None
    assert body_table(None) is None
    assert dice_tables({"arms": {}}) == ()
    assert check_rows(None, "translated") == ()
    assert self_test_table({"self_test": {}}) is None


def test_held_out_patients_have_a_column_of_their_own() -> None:
    table = body_table({"body_mae_hu": 8.04, "holdout": {"body_mae_hu": 9.0}})
    assert table is not None
    assert table.header == ("inside the body", "source patients", "held-out patients")
    assert table.rows == (("mean absolute error after, HU", "8.0", "9.0"),)


def test_dice_of_an_arm_that_lacks_an_organ_is_left_open() -> None:
    arms = {
        "contrast_only": {"out_of_distribution": {"liver": {"dice": 0.5, "ci": [0.4, 0.6]}}},
        "cyclegan_mix": {"out_of_distribution": {"kidney": {"dice": 0.75, "ci": None}}},
    }
    ((title, table),) = dice_tables({"arms": arms})
    assert "non-contrast" in title
    assert table.header == ("organ", "contrast_only", "cyclegan_mix")
    assert table.rows == (("liver", "0.50 (0.40 to 0.60)", "-"), ("kidney", "-", "0.75"))


def test_checks_tell_whether_they_decide_in_the_mode() -> None:
    rows = {row.name: row for row in check_rows(example_audit(), "translated")}
    assert rows["near_copy"].decides
    assert not rows["linkage_to_source"].decides
    assert [name for name, row in rows.items() if is_linkage(row)] == ["linkage_to_source"]
    assert rows["near_copy_exact"].interval == "-"


def test_settings_are_shown_without_any_path() -> None:
    config = ProjectConfig.model_validate(
        {"input": {"dicom": ["/data/of/someone"]}, "ingest": {"key_file": "/secret/key"}}
    )
    table = settings_table(config)
    names = [name for name, _ in table.rows]
    assert "release.mode" in names
    assert not any("/" in value for _, value in table.rows)
    assert not any(name.startswith("input") for name in names)
