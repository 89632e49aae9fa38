import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privacy_audit.reporting.public_report import public_record, rounded_count, two_digits
from privacy_audit.reporting.report import write_report
from privacy_audit.verdict import APPLIES_TO
from tests.privacy_audit.audit_records import make_check, make_record

_SECRET = "anna-7731"


def _record_full_of_names() -> dict[str, Any]:
    """Put a name into every place of a record that takes text."""
    checks = {
        name: make_check(
            explanation=f"{_SECRET} was found.",
            smallest_leak=_SECRET,
            nearest=_SECRET,
            names=[_SECRET],
            **{_SECRET: 1},
        )
        for name in APPLIES_TO
    }
    flag = {"check": "near_copy", "p_value": 0.0123, "similarity": 0.87}
    return make_record(
        checks=checks,
        reasons=[f"near_copy: fail. {_SECRET}"],
        notes=[_SECRET],
        patients={**make_record()["patients"], _SECRET: 12},
        flagged=[{**flag, "synthetic": f"{_SECRET}.png", "patient": _SECRET}],
        self_test={
            "verdict": "pass",
            "kinds": {"flip": {"planted": 10, "found": 9, "worst": _SECRET}},
            "explanation": _SECRET,
        },
        inputs={"train": _SECRET},
        findings=[{"file": _SECRET, "place": _SECRET, "kind": _SECRET}],
    )


def test_nothing_of_a_patient_or_an_image_is_public(tmp_path: Path) -> None:
    write_report(tmp_path, _record_full_of_names(), {0: np.full((4, 4, 3), 77, np.uint8)})
    assert _SECRET in (tmp_path / "audit.json").read_text()
    assert _SECRET in (tmp_path / "audit.html").read_text()
    files = sorted((tmp_path / "public").rglob("*"))
    assert [path.name for path in files] == ["audit_public.html", "audit_public.json"]
    for path in files:
        text = path.read_text()
        assert _SECRET not in text
        # Neither pictures, nor the exact counts and numbers, nor the p-value of the pair.
        for private in ("data:image", "<img", "37", "27", "0.0372", "0.0944", "0.0123", "0.87"):
            assert private not in html.unescape(text.split("</style>")[-1])


def test_public_record_says_what_was_attacked_how_and_found() -> None:
    public = public_record(make_record())
    near = public["checks"]["near_copy"]
    assert near["risk"] == "singling_out"
    assert (near["verdict"], near["decides"], near["n"]) == ("fail", True, "about 40")
    assert (near["statistic"], near["ci"], near["threshold"]) == (0.04, [0.01, 0.09], 0.05)
    assert "poses" in near["attack"]
    assert public["mode"] == "weights"
    assert public["patients"] == {
        "train": "about 40",
        "synthetic": "about 30",
        "source": "0",
        "holdout": "fewer than 20",
        "null": "0",
    }
    assert any("does not say that other attacks fail" in limit for limit in public["limits"])


def test_numbers_that_rest_on_few_patients_are_not_public() -> None:
    checks = {"near_copy": make_check("fail", n=19), "partial_copy": make_check(n=20)}
    public = public_record(make_record(checks=checks))
    few = public["checks"]["near_copy"]
    assert (few["verdict"], few["n"]) == ("fail", "fewer than 20")
    assert few["statistic"] is few["ci"] is few["threshold"] is None
    assert public["checks"]["partial_copy"]["statistic"] == 0.04


def test_many_files_of_few_patients_are_few_patients() -> None:
    checks = {"metadata": make_check("fail", n=500)}
    told = public_record(make_record(checks=checks))["checks"]["metadata"]
    assert told["statistic"] == 0.04
    few = {**make_record()["patients"], "synthetic": 3}
    untold = public_record(make_record(checks=checks, patients=few))["checks"]["metadata"]
    assert untold["statistic"] is None


def test_public_record_is_made_from_what_the_private_file_holds(tmp_path: Path) -> None:
    write_report(tmp_path, make_record(), {})
    private = json.loads((tmp_path / "audit.json").read_text())
    written = json.loads((tmp_path / "public" / "audit_public.json").read_text())
    assert written == public_record(private)


@pytest.mark.parametrize(
    ("patients", "words"),
    [
        (0, "0"),
        (1, "fewer than 20"),
        (19, "fewer than 20"),
        (20, "about 20"),
        (24, "about 20"),
        (25, "about 30"),
        (1004, "about 1000"),
    ],
)
def test_counts_are_told_to_tens(patients: int, words: str) -> None:
    assert rounded_count(patients) == words


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0372, 0.04),
        (0.996, 1.0),
        (12.64, 13.0),
        (1.26, 1.3),
        (1234, 1200.0),
        (None, None),
        ("inf", "infinite"),
        (float("nan"), None),
    ],
)
def test_numbers_are_told_with_two_digits(value: Any, told: object) -> None:
    assert two_digits(value) == told
