import re
from html.parser import HTMLParser

import pytest

from privacy_audit.reporting.public_report import public_record, render_public_page
from privacy_audit.reporting.report import as_plain
from privacy_audit.reporting.report_page import render_page
from privacy_audit.reporting.report_words import MODES, VERDICTS, words_for
from privacy_audit.verdict import APPLIES_TO, HEADINGS
from privacy_audit.verdict import MODES as KNOWN_MODES
from tests.privacy_audit.audit_records import make_check, make_record


class _Outline(HTMLParser):
    """Collects open tags, headings and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _pages() -> list[str]:
    every = {name: make_check("pass", recall=0.5) for name in [*APPLIES_TO, "house_check"]}
    record = as_plain(make_record(checks=every))
    return [render_page(record, {0: b"png"}), render_public_page(public_record(record))]


@pytest.mark.parametrize("page", _pages(), ids=["private", "public"])
def test_page_is_whole_accessible_and_asks_nobody(page: str) -> None:
    outline = _Outline()
    outline.feed(page)
    assert outline.open == []
    names = [tag for tag, _ in outline.tags]
    assert "script" not in names
    assert "link" not in names
    assert "http" not in page
    assert all(
        attributes.get("scope") in {"col", "row"} for tag, attributes in outline.tags if tag == "th"
    )
    assert all(attributes.get("alt") for tag, attributes in outline.tags if tag == "img")
    assert names.count("table") == names.count("caption")
    assert not re.search(r"\bsafe\b|anonymous|compliant", page.lower())


@pytest.mark.parametrize("page", _pages(), ids=["private", "public"])
def test_checks_stand_under_the_heading_of_their_risk(page: str) -> None:
    titles = ["Singling out", "Linkability", "Inference", "Representation", "Further checks"]
    places = [page.index(f"<h2>{title}</h2>") for title in titles]
    assert places == sorted(places)
    for place, following, checks in zip(
        places, [*places[1:], len(page)], HEADINGS.values(), strict=False
    ):
        for check in checks:
            assert f"{words_for(check).title}" in page[place:following]
    assert "house check" in page[places[-1] :]


@pytest.mark.parametrize("verdict", list(VERDICTS))
def test_verdict_is_a_word_and_not_a_colour_alone(verdict: str) -> None:
    page = render_page(as_plain(make_record(checks={"near_copy": make_check(verdict)})), {})
    assert re.search(
        rf'<h3>Near copies <span class="chip {verdict}">{verdict.replace("_", " ")}<', page
    )


def test_every_check_and_mode_has_its_words() -> None:
    assert [name for name in APPLIES_TO if words_for(name).measure == words_for("?").measure] == []
    assert set(MODES) == set(KNOWN_MODES)


def test_pair_that_two_checks_found_is_shown_once_with_both() -> None:
    page = render_page(as_plain(make_record()), {0: b"png"})
    assert page.count("<figure>") == 1
    caption = page[page.index("<figcaption>") : page.index("</figcaption>")]
    assert "near copies, p = 0.0123" in caption
    assert "partial copies, p = 0.0123" in caption


def test_text_from_outside_cannot_become_html() -> None:
    bad = "<b>&\"'"
    record = make_record(notes=[bad], reasons=[f"{bad}: {bad}"])
    record["flagged"] = [{**record["flagged"][0], "synthetic": bad, "patient": bad}]
    record["checks"]["near_copy"] |= {"explanation": bad, "smallest_leak": bad, bad: bad}
    page = render_page(as_plain(record), {0: b"png"})
    assert bad not in page
    assert page.count("&lt;b&gt;&amp;&quot;&#x27;") >= 8


def test_details_hold_every_further_number() -> None:
    check = make_check(rank_5=0.25, organs={"liver": 3}, intervals=[0.1, None])
    page = render_page(as_plain(make_record(checks={"near_copy": check})), {})
    details = page[page.index("Details (3)") :]
    for text in ("rank 5", "0.25", "liver: 3", "0.1, not measured"):
        assert text in details


def test_findings_in_files_and_hard_kinds_are_listed() -> None:
    finding = {"file": "a.dcm", "place": "(0010,0010)", "kind": "real_uid"}
    record = make_record(findings=[finding, {**finding, "meaning": "a number of a real image"}])
    record["self_test"]["known_hard"] = {"flip": "nobody sees it"}
    record["self_test"]["kinds"]["flip"]["check"] = "partial_copy"
    page = render_page(as_plain(record), {})
    for text in (
        "<td>(0010,0010)</td><td>real uid</td>",
        "<td>a number of a real image</td>",
        "<li>flip may be missed: nobody sees it</li>",
        "<td>partial copies</td>",
    ):
        assert text in page
    assert "Findings in files" not in render_page(as_plain(make_record()), {})


def test_what_a_check_rests_on_has_its_unit() -> None:
    checks = {"near_copy_exact": make_check(n=1234), "metadata": make_check(n=30)}
    page = render_page(as_plain(make_record(checks=checks)), {})
    assert "1,234 images" in page
    assert "30 files" in page
