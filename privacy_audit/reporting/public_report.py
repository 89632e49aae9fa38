"""The report that may be published: verdicts, rounded numbers and fixed sentences.

What enters is listed here and nothing else does: no sentence of a check, no
detail, no name, no pair, no picture. Exact counts would let a reader who knows
all patients but one learn about that one.
"""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from privacy_audit.reporting.report_parts import (
    by_risk,
    chip,
    decision,
    fill_template,
    interval_text,
    list_items,
    risk_of,
    table,
    value_text,
)
from privacy_audit.reporting.report_words import (
    LIMITS,
    MODES,
    RISKS,
    ROLES,
    VERDICTS,
    as_words,
    words_for,
)

FEWEST_PATIENTS = 20
"""Below it a count is not told, nor any number that rests on it."""
_SCHEMA = 1


def public_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of an audit may be published.

    Args:
        record: the content of `audit.json`.

    Returns:
        The content of `audit_public.json`: numbers of two digits, counts of patients to
        tens; no number where it rests on fewer than `FEWEST_PATIENTS`.
    """
    checks = record["checks"]
    names = [name for found in by_risk(checks).values() for name in found]
    return {
        "schema": _SCHEMA,
        "verdict": record["verdict"],
        "mode": record["mode"],
        "patients": {
            role: rounded_count(record["patients"][role])
            for role in ROLES
            if role in record["patients"]
        },
        "checks": {name: _public_check(name, record) for name in names},
        "self_test": {
            "verdict": record["self_test"]["verdict"],
            "planted": sorted(record["self_test"].get("kinds", {})),
        },
        "limits": list(LIMITS),
    }


def render_public_page(public: Mapping[str, Any]) -> str:
    """Give the public page.

    Args:
        public: what `public_record` gives.
    """
    kinds = ", ".join(as_words(kind) for kind in public["self_test"]["planted"]) or "none"
    return fill_template(
        "public_report.html",
        {
            "verdict": html.escape(public["verdict"]),
            "verdict_word": html.escape(as_words(public["verdict"])),
            "meaning": html.escape(VERDICTS[public["verdict"]]),
            "mode": html.escape(as_words(public["mode"])),
            "mode_meaning": html.escape(MODES.get(public["mode"], "")),
            "patients": _patients(public["patients"]),
            "risks": "".join(
                _risk(risk, names, public["checks"])
                for risk, names in by_risk(public["checks"]).items()
            ),
            "self_test": chip(public["self_test"]["verdict"]),
            "kinds": html.escape(kinds),
            "fewest": str(FEWEST_PATIENTS),
            "limits": list_items(public["limits"]),
        },
    )


def rounded_count(patients: int) -> str:
    """Give a number of patients in words, to tens."""
    if patients == 0:
        return "0"
    if patients < FEWEST_PATIENTS:
        return f"fewer than {FEWEST_PATIENTS}"
    return f"about {(patients + 5) // 10 * 10}"


def two_digits(value: Any) -> float | str | None:
    """Give a number to two places, or from 1 on to two digits."""
    if not isinstance(value, int | float):
        # What is not finite stands as a word in a record.
        return "infinite" if value in {"inf", "-inf"} else None
    if not math.isfinite(value):
        return None if math.isnan(value) else "infinite"
    return round(float(value), 2) if abs(value) < 1 else float(f"{value:.2g}")


def _public_check(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    check, words = record["checks"][name], words_for(name)
    # Many images or files may be those of few patients.
    patients = check["n"] if words.unit == "patients" else record["patients"].get("synthetic", 0)
    is_told = min(check["n"], patients) >= FEWEST_PATIENTS
    interval = check["ci"] if is_told else None
    return {
        "risk": risk_of(name),
        "title": words.title,
        "attack": words.attack,
        "measure": words.measure,
        "verdict": check["verdict"],
        "decides": record["mode"] in check["applies_to"] and check["verdict"] != "not_applicable",
        "n": rounded_count(check["n"]),
        "unit": words.unit,
        "statistic": two_digits(check["statistic"]) if is_told else None,
        "ci": None if interval is None else [two_digits(bound) for bound in interval],
        "threshold": two_digits(check["threshold"]) if is_told else None,
    }


def _patients(patients: Mapping[str, str]) -> str:
    rows = [
        [html.escape(role), html.escape(count), html.escape(ROLES[role])]
        for role, count in patients.items()
    ]
    return table("Patients by role", ("Role", "Patients", "What they are"), rows)


def _risk(risk: str, names: Sequence[str], checks: Mapping[str, Any]) -> str:
    title, question = RISKS[risk]
    rows = [_row(checks[name]) for name in names]
    headers = ("Check", "Verdict", "Decides", "Found", "95 % interval", "Bound", "Rests on")
    attacks = "".join(
        f"<dt>{html.escape(checks[name]['title'])}</dt><dd>{html.escape(checks[name]['attack'])} "
        f"The number is the {html.escape(checks[name]['measure'])}.</dd>"
        for name in names
    )
    return (
        f"<h2>{html.escape(title)}</h2><p>{html.escape(question)}</p>"
        f'{table(f"Checks of {title.lower()}", headers, rows)}<dl class="attacks">{attacks}</dl>'
    )


def _row(check: Mapping[str, Any]) -> list[str]:
    numbers = [
        _told(check["statistic"]),
        interval_text(check["ci"]) if check["ci"] is not None else _told(None),
        _told(check["threshold"]),
        f"{check['n']} {check['unit']}",
    ]
    return [
        html.escape(check["title"]),
        chip(check["verdict"]),
        decision(check["verdict"], decides=check["decides"]),
        *map(html.escape, numbers),
    ]


def _told(value: float | str | None) -> str:
    return "not told" if value is None else value_text(value)
