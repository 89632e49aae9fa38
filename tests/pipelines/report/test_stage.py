import re
from pathlib import Path

import pytest

from medsynth.records.progress import SilentReporter
from pipelines.project_config import ProjectConfig
from pipelines.report.stage import write_report
from tests.pipelines.made_workspace import INPUTS, SOURCES, Parts, make_workspace

SECTIONS = (
    "verdict",
    "pictures",
    "hounsfield",
    "training",
    "segmentation",
    "audit",
    "cohort",
    "provenance",
)


def page_of(workspace: Path, config: ProjectConfig | None = None) -> str:
    page = write_report(workspace, config or ProjectConfig(), SilentReporter())
    assert page == workspace / "report" / "index.html"
    return page.read_text("utf-8")


def test_the_page_has_every_part_and_begins_with_the_verdict(tmp_path: Path) -> None:
    page = page_of(make_workspace(tmp_path / "w"))
    assert re.findall(r'<section id="(\w+)">', page) == list(SECTIONS)
    assert re.findall(r'href="#(\w+)"', page) == list(SECTIONS)
    assert "A release in mode translated is open" in page.split("<section")[1]
    assert SOURCES[0].patient in page
    assert page.count("not measured") == 0


def test_the_page_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    page = page_of(make_workspace(tmp_path / "w"))
    addresses = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert not re.search(r"https?:|@import|url\(|<script|<link", page)


def test_an_empty_workspace_gives_a_page_that_says_what_was_not_measured(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert "No decision yet on a release" in page
    assert page.count('class="absent"') == 8
    assert re.findall(r'<section id="(\w+)">', page) == list(SECTIONS)


@pytest.mark.parametrize(
    "missing",
    [("ingest", "train"), ("sort", "synthesize"), ("split", "evaluate"), ("prepare", "audit")],
)
def test_any_stage_may_be_missing(tmp_path: Path, missing: tuple[str, ...]) -> None:
    workspace = make_workspace(tmp_path / "w")
    for stage in missing:
        (workspace / stage / "manifest.json").unlink()
    page = page_of(workspace)
    assert 'class="absent"' in page
    assert "</html>" in page


def test_a_page_without_labels_and_truth_says_so(tmp_path: Path) -> None:
    page = page_of(make_workspace(tmp_path / "w", Parts(has_labels=False, has_truth=False)))
    assert "No scan has labels, so no segmenter was trained." in page
    assert "Organs: not measured, because the translated scans have no labels." in page


def test_no_path_secret_or_promise_is_on_the_page(tmp_path: Path) -> None:
    config = ProjectConfig.model_validate({"input": {"dicom": [str(tmp_path / "scans")]}})
    page = page_of(make_workspace(tmp_path / "w"), config)
    assert str(tmp_path) not in page
    assert INPUTS.secret not in page
    text = re.sub(r"data:image/png;base64,[^\"]*", "", page)
    assert not re.search(r"\b(anonym\w*|safe|compliant)\b", text, re.IGNORECASE)


def test_words_from_files_are_escaped(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    audit = workspace / "audit" / "audit.json"
    audit.write_text(audit.read_text("utf-8").replace("What was found.", "<script>x</script>"))
    page = page_of(workspace)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_writing_again_replaces_the_page(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    (workspace / "report").mkdir()
    (workspace / "report" / "index.html").write_text("outdated")
    assert "outdated" not in page_of(workspace)
