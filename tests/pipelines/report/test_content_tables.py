"""Tables of kept content, lesions and domain differences."""

from typing import Any

from pipelines.report.content_tables import (
    content_warnings,
    correlation_table,
    domain_table,
    evenness_table,
    kept_table,
    lesion_table,
)

KEPT = {
    "limit_hu": 5.0,
    "tissues": {
        "bone": {
            "n": 3,
            "change_hu": 6.04,
            "change_ci": [4.0, 9.0],
            "bias_hu": -5.5,
            "patients_beyond_limit": 2,
        }
    },
    "warnings": ["The translation changed bone."],
}
LESIONS: dict[str, Any] = {
    "scans": 4,
    "labelled": 9,
    "too_small": 1,
    "no_host": 0,
    "undetectable": 2,
    "no_truth": 0,
    "truth": 6,
    "kept": 5,
    "kept_share": 5 / 6,
    "ci": [0.36, 1.0],
    "volume_ratio": 0.98,
    "contrast_ratio": 0.9,
    "invented": 3,
    "invented_by_organ": {"kidney": 3},
    "scans_with_invented": 1,
}
DIFFERENCE = {
    "name": "lung_share",
    "contrast": 0.02,
    "noncontrast": 0.35,
    "measure": "auc",
    "size": 0.0,
    "interval": [0.0, 0.0],
    "p_value": 0.0002,
    "patients": [12, 11],
    "finding": "differs",
    "text": "The two training domains differ in lung.",
}


def test_kept_tissues_are_shown_with_their_interval() -> None:
    table = kept_table({"kept": KEPT})
    assert table is not None
    assert table.rows == (("bone", "3", "6.0", "4.0 to 9.0", "-5.5", "-", "2"),)


def test_lesions_show_the_share_with_its_interval() -> None:
    table = lesion_table({"lesions": LESIONS})
    assert table is not None
    shown = [row[0] for row in table.rows]
    assert shown.index("interval of the share") == shown.index("share kept") + 1
    assert ("share kept", "0.83") in table.rows
    assert "visible before, without a truth" not in shown


def test_without_judged_lesions_no_share_is_shown() -> None:
    none = {**LESIONS, "truth": 0, "kept": 0, "kept_share": None, "ci": None}
    table = lesion_table({"lesions": none})
    assert table is not None
    assert "share kept" not in [row[0] for row in table.rows]


def test_correlation_names_its_organs() -> None:
    found = {"value": 0.97, "ci": None, "before": -0.2, "pairs": 8, "organs": ["liver", "kidney"]}
    table = correlation_table({"organ_intensity_correlation": found})
    assert table is not None
    assert table.rows == (("liver, kidney", "-0.20", "0.97", "-", "8"),)


def test_evenness_shows_flicker_and_the_hidden_signal() -> None:
    fidelity = {
        "organs": {"liver": {"flicker_ratio": 0.987}, "bone": {}},
        "hidden_signal": {"hidden_signal_hu": 0.021, "ci": [-0.01, 0.05]},
    }
    table = evenness_table(fidelity)
    assert table is not None
    assert table.rows[0] == ("jumps between slices in liver, over the truth's", "0.99")
    assert table.rows[1][0] == "hidden signal, HU"
    assert table.rows[1][1].startswith("0.02 ")
    assert len(table.rows) == 2


def test_domain_differences_are_listed() -> None:
    table = domain_table([DIFFERENCE])
    assert table is not None
    assert table.rows[0][0] == "lung share"
    assert table.rows[0][-2:] == ("12 + 11", "differs")


def test_warnings_name_domains_tissues_lesions_and_inventions() -> None:
    warnings = content_warnings({"kept": KEPT, "lesions": LESIONS}, [DIFFERENCE])
    assert warnings[:2] == (
        "The two training domains differ in lung.",
        "The translation changed bone.",
    )
    assert warnings[2].startswith("1 of 6 lesions")
    assert warnings[3].startswith("1 of 4 translated scans")


def test_nothing_wrong_is_no_warning() -> None:
    good = {**LESIONS, "kept": 6, "invented": 0, "scans_with_invented": 0}
    alike = {**DIFFERENCE, "finding": "alike"}
    assert content_warnings({"kept": {**KEPT, "warnings": []}, "lesions": good}, [alike]) == ()


def test_results_of_older_runs_have_no_tables() -> None:
    assert kept_table({"organs": {}}) is None
    assert lesion_table(None) is None
    assert correlation_table({}) is None
    assert domain_table([]) is None
    assert content_warnings(None, []) == ()
