"""A made-up audit's record for the tests of its reports."""

from typing import Any

from privacy_audit.verdict import MODES


def make_check(verdict: str = "pass", /, **changed: Any) -> dict[str, Any]:
    """Make a check's record."""
    return {
        "verdict": verdict,
        "statistic": 0.0372,
        "ci": [0.0101, 0.0944],
        "threshold": 0.05,
        "n": 37,
        "explanation": "1 of 27 synthetic patients is too alike.",
        "smallest_leak": "One copy among 27 patients.",
        "applies_to": list(MODES),
        **changed,
    }


def make_record(**changed: Any) -> dict[str, Any]:
    """Make the content of `audit.json`, with one flag found by two checks."""
    flag = {
        "synthetic": "made/one.png",
        "patient": "anna",
        "check": "near_copy",
        "p_value": 0.0123,
        "similarity": 0.87,
    }
    return {
        "verdict": "fail",
        "reasons": ["near_copy: fail. 1 of 27 synthetic patients is too alike."],
        "mode": "weights",
        "seed": 0,
        "patients": {"train": 37, "synthetic": 27, "source": 0, "holdout": 19, "null": 0},
        "checks": {
            "coverage": make_check(applies_to=[]),
            "near_copy": make_check("fail", null_n=19),
            "membership_model": make_check("not_applicable", statistic=None, ci=None, n=0),
        },
        "flagged": [flag, {**flag, "check": "partial_copy"}],
        "self_test": {
            "verdict": "pass",
            "kinds": {"flip": {"planted": 10, "found": 9, "recall": 0.9}},
            "explanation": "9 of 10 planted copies were found.",
        },
        **changed,
    }
