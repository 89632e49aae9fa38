"""Pieces of HTML that the private and the public report share."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

from privacy_audit.reporting.report_words import as_words
from privacy_audit.verdict import HEADINGS

_NOT_MEASURED = "not measured"


def fill_template(name: str, parts: Mapping[str, str]) -> str:
    """Fill one of the package's pages.

    Args:
        name: file of the page.
        parts: place -> HTML.
    """
    package = resources.files("privacy_audit.reporting")
    page = Template(package.joinpath(name).read_text("utf-8"))
    style = package.joinpath("report_style.html").read_text("utf-8")
    return page.substitute(parts, style=style)


def risk_of(check: str) -> str:
    """Give the heading a check stands under; "other" for one that is under none."""
    return next((risk for risk, checks in HEADINGS.items() if check in checks), "other")


def by_risk(checks: Iterable[str]) -> dict[str, list[str]]:
    """Sort the names of checks under the headings, in their fixed order; others by name."""
    names = set(checks)
    sorted_names = {
        risk: [check for check in known if check in names] for risk, known in HEADINGS.items()
    }
    sorted_names["other"] = sorted(check for check in names if risk_of(check) == "other")
    return {risk: found for risk, found in sorted_names.items() if found}


def chip(verdict: str) -> str:
    """Give a verdict as a coloured word."""
    word = html.escape(verdict)
    return f'<span class="chip {word}">{html.escape(as_words(verdict))}</span>'


def decision(verdict: str, *, decides: bool) -> str:
    """Give the cell that says whether a check takes part in the audit's verdict."""
    if verdict == "not_applicable":
        return "no"
    return "yes" if decides else '<span class="whole">told only</span>'


def list_items(sentences: Iterable[str]) -> str:
    """Give sentences as the items of a list."""
    return "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table whose first column names the rows.

    Args:
        caption: what the table shows, plain text.
        headers: plain text.
        rows: cells as HTML.
    """
    head = "".join(f'<th scope="col">{html.escape(header)}</th>' for header in headers)
    body = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in rows
    )
    return (
        f'<div class="scroll"><table><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def value_text(value: Any) -> str:
    """Give a number, a word, a list or nothing, as plain text."""
    if value is None:
        return _NOT_MEASURED
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{as_words(str(key))}: {value_text(value[key])}" for key in sorted(value))
    return ", ".join(value_text(item) for item in value) or "none"


def interval_text(interval: Sequence[float] | None) -> str:
    """Give an interval as plain text."""
    if interval is None:
        return _NOT_MEASURED
    return " to ".join(value_text(bound) for bound in interval)


def _number_text(value: float) -> str:
    if math.isfinite(value) and abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
