"""The private report as one page: everything that was found, with names and pictures."""

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

from privacy_audit.reporting.report_parts import (
    by_risk,
    chip,
    decision,
    fill_template,
    interval_text,
    list_items,
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

_SHOWN_FLAGS = 500
_KEYS_OF_EVERY_CHECK = frozenset(
    {
        "applies_to",
        "ci",
        "explanation",
        "n",
        "smallest_leak",
        "statistic",
        "threshold",
        "verdict",
    }
)
_PANELS = (
    '<div class="panels" aria-hidden="true"><span>Synthetic</span><span>Real</span>'
    "<span>Both</span></div>"
)
_FIRST_COLUMNS = ("planted", "found", "recall")


def render_page(record: Mapping[str, Any], pictures: Mapping[int, bytes]) -> str:
    """Give the page.

    Args:
        record: the content of `audit.json`.
        pictures: place in `record["flagged"]` -> PNG.
    """
    return fill_template(
        "report.html",
        {
            "verdict": html.escape(record["verdict"]),
            "verdict_word": html.escape(as_words(record["verdict"])),
            "meaning": html.escape(VERDICTS[record["verdict"]]),
            "reasons": "".join(map(_reason, record["reasons"])),
            "mode": html.escape(as_words(record["mode"])),
            "mode_meaning": html.escape(MODES.get(record["mode"], "")),
            "patients": _patients(record["patients"]),
            "notes": list_items(record.get("notes", ())),
            "overview": _overview(record),
            "risks": "".join(_risk(risk, names, record) for risk, names in _risks(record)),
            "self_test": _self_test(record["self_test"]),
            "findings": _findings(record.get("findings", ())),
            "flagged": _flagged(record["flagged"], pictures),
            "limits": list_items(LIMITS),
        },
    )


def _reason(reason: str) -> str:
    """Give a reason with its check called as everywhere on the page."""
    name, _, rest = reason.partition(": ")
    return f"<li><b>{html.escape(words_for(name).title)}:</b> {html.escape(rest)}</li>"


def _risks(record: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    return list(by_risk(record["checks"]).items())


def _patients(patients: Mapping[str, int]) -> str:
    roles = [*(role for role in ROLES if role in patients), *sorted(set(patients) - set(ROLES))]
    rows = [
        [html.escape(role), value_text(patients[role]), html.escape(ROLES.get(role, ""))]
        for role in roles
    ]
    return table("Patients by role", ("Role", "Patients", "What they are"), rows)


def _overview(record: Mapping[str, Any]) -> str:
    rows = []
    for risk, names in _risks(record):
        for name in names:
            check = record["checks"][name]
            link = f'<a href="#{html.escape(name)}">{html.escape(words_for(name).title)}</a>'
            found = [value_text(check["statistic"]), interval_text(check["ci"])]
            numbers = [*found, value_text(check["threshold"]), _rests_on(name, check)]
            rows.append(
                [
                    link,
                    f'<span class="whole">{html.escape(RISKS[risk][0])}</span>',
                    chip(check["verdict"]),
                    decision(check["verdict"], decides=record["mode"] in check["applies_to"]),
                    *map(html.escape, numbers),
                ]
            )
    headers = ("Check", "Risk", "Verdict", "Decides", "Found", "95 % interval", "Bound", "Rests on")
    return table("All checks", headers, rows)


def _risk(risk: str, names: Sequence[str], record: Mapping[str, Any]) -> str:
    title, question = RISKS[risk]
    articles = "".join(_article(name, record["checks"][name], record["mode"]) for name in names)
    return f"<h2>{html.escape(title)}</h2><p>{html.escape(question)}</p>{articles}"


def _article(name: str, check: Mapping[str, Any], mode: str) -> str:
    words = words_for(name)
    is_told_only = mode not in check["applies_to"]
    told_only = '<p class="soft">Does not decide in this mode.</p>' if is_told_only else ""
    figures = {
        f"Found: {words.measure}": value_text(check["statistic"]),
        "95 % interval": interval_text(check["ci"]),
        "Bound": value_text(check["threshold"]),
        "Rests on": _rests_on(name, check),
    }
    numbers = "".join(
        f"<div><dt>{html.escape(label)}</dt><dd>{html.escape(text)}</dd></div>"
        for label, text in figures.items()
    )
    smallest = check.get("smallest_leak") or "Not stated."
    return (
        f'<article id="{html.escape(name)}" class="{html.escape(check["verdict"])}">'
        f"<h3>{html.escape(words.title)} {chip(check['verdict'])}</h3>"
        f'<p class="soft">{html.escape(words.attack)}</p>{told_only}'
        f"<p>{html.escape(check['explanation'])}</p><dl>{numbers}</dl>"
        f"<p><b>Smallest leak it would have shown.</b> {html.escape(smallest)}</p>"
        f"{_details(name, check)}</article>"
    )


def _rests_on(name: str, check: Mapping[str, Any]) -> str:
    return f"{value_text(check['n'])} {words_for(name).unit}"


def _details(name: str, check: Mapping[str, Any]) -> str:
    """Give whatever else the check wrote down, folded."""
    keys = sorted(set(check) - _KEYS_OF_EVERY_CHECK)
    if not keys:
        return ""
    rows = [[html.escape(as_words(key)), html.escape(value_text(check[key]))] for key in keys]
    inside = table(f"Details of {words_for(name).title}", ("Detail", "Value"), rows)
    return f"<details><summary>Details ({len(keys)})</summary>{inside}</details>"


def _self_test(self_test: Mapping[str, Any]) -> str:
    kinds = self_test.get("kinds", {})
    fields = {field for kind in kinds.values() for field in kind}
    columns = [field for field in _FIRST_COLUMNS if field in fields]
    columns += sorted(fields - set(columns))
    rows = [
        [html.escape(as_words(name)), *(html.escape(_field(kind, key)) for key in columns)]
        for name, kind in sorted(kinds.items())
    ]
    headers = ("Kind of copy", *(as_words(column).capitalize() for column in columns))
    shown = table("Planted copies", headers, rows) if rows else ""
    hard = [
        f"{as_words(kind)} may be missed: {why}"
        for kind, why in sorted(self_test.get("known_hard", {}).items())
    ]
    return (
        f"<h2>Self-test {chip(self_test['verdict'])}</h2>"
        f"<p>{html.escape(self_test['explanation'])}</p>{shown}<ul>{list_items(hard)}</ul>"
    )


def _field(kind: Mapping[str, Any], key: str) -> str:
    """Give a cell of the self-test; the check that has to find a kind goes by its title."""
    value = kind.get(key)
    return words_for(value).title.lower() if key == "check" and value else value_text(value)


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    """Give the traces that were found in files, which repeat nothing of what was found."""
    if not findings:
        return ""
    rows = [
        [
            html.escape(finding["file"]),
            html.escape(finding["place"]),
            html.escape(finding.get("meaning") or as_words(finding["kind"])),
        ]
        for finding in findings[:_SHOWN_FLAGS]
    ]
    shown = table(
        f"The first {len(rows)} of {len(findings)} findings", ("File", "Place", "What it is"), rows
    )
    return f'<h2>Findings in files</h2><div class="names">{shown}</div>'


def _flagged(flagged: Sequence[Mapping[str, Any]], pictures: Mapping[int, bytes]) -> str:
    if not flagged:
        return "<p>No pair was flagged.</p>"
    figures = "".join(_figure(index, flagged, pictures[index]) for index in sorted(pictures))
    rows = [
        [
            html.escape(flag["synthetic"]),
            html.escape(flag["patient"]),
            html.escape(words_for(flag["check"]).title),
            f"{flag['p_value']:.4f}",
            f"{flag['similarity']:.2f}",
        ]
        for flag in flagged[:_SHOWN_FLAGS]
    ]
    headers = ("Synthetic image", "Points to patient", "Found by", "p", "Likeness")
    inside = table(f"The first {len(rows)} of {len(flagged)} flags", headers, rows)
    shown = f'<div class="names">{inside}</div>'
    return (
        f"<p>{len(flagged)} flags; {len(pictures)} pairs are shown, the most alike first. All "
        f"stand in audit.json.</p>{figures}"
        f"<details><summary>Table of flags ({len(flagged)})</summary>{shown}</details>"
    )


def _figure(index: int, flagged: Sequence[Mapping[str, Any]], content: bytes) -> str:
    """Give a pair with all that was flagged of it."""
    shown = flagged[index]
    pair = (shown["synthetic"], shown["patient"])
    found = "; ".join(
        f"{words_for(flag['check']).title.lower()}, p = {flag['p_value']:.4f}, likeness "
        f"{flag['similarity']:.2f}"
        for flag in flagged
        if (flag["synthetic"], flag["patient"]) == pair
    )
    caption = f"{pair[0]} points to patient {pair[1]}. Found by: {found}."
    data = base64.b64encode(content).decode("ascii")
    words = f"Synthetic image {pair[0]}, the real image of {pair[1]}, and both on each other"
    return (
        f'<figure>{_PANELS}<img alt="{html.escape(words)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
