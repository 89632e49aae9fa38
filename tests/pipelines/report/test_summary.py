import dataclasses
from pathlib import Path

import pytest

from medsynth.cohort.split import PatientRoles
from medsynth.records.json_lines import read_json
from pipelines.project_config import ProjectConfig
from pipelines.report.results import WorkspaceResults, read_results
from pipelines.report.summary import make_headline, make_key_figures, make_warnings
from tests.pipelines.made_workspace import Parts, finish, make_workspace


def results_of(folder: Path, parts: Parts | None = None) -> WorkspaceResults:
    return read_results(make_workspace(folder / "w", parts))


def config(**release: object) -> ProjectConfig:
    return ProjectConfig.model_validate({"release": release})


def patients(contrast: int, noncontrast: int) -> tuple[PatientRoles, ...]:
    phases = ["contrast"] * contrast + ["noncontrast"] * noncontrast
    return tuple(PatientRoles(f"p{i:010d}", (x,), ("train",)) for i, x in enumerate(phases))


def test_the_headline_follows_the_gate(tmp_path: Path) -> None:
    results = results_of(tmp_path)
    assert make_headline(results, config()).tone == "open"
    refused = make_headline(results, config(mode="unlinked"))
    assert refused.tone == "refused"
    assert refused.sentence == "Release refused in mode unlinked."
    assert "keep the anatomy" in refused.reasons[0]


def test_a_packed_bundle_makes_the_headline_a_release(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    (workspace / "release").mkdir()
    finish(workspace / "release", "train", "synthesize", "evaluate", "audit")
    headline = make_headline(read_results(workspace), config())
    assert headline.tone == "released"
    assert "can be matched to its source" in headline.sentence


def test_without_an_audit_there_is_no_decision(tmp_path: Path) -> None:
    results = dataclasses.replace(results_of(tmp_path), audit=None)
    assert make_headline(results, config()).tone == "open"
    assert "has not been run" in make_headline(results, config()).reasons[0]


@pytest.mark.parametrize(
    ("contrast", "noncontrast", "warned"), [(2, 2, True), (10, 9, True), (10, 10, False)]
)
def test_fewer_than_ten_patients_of_either_phase_are_warned_of(
    tmp_path: Path, contrast: int, noncontrast: int, warned: bool
) -> None:
    results = dataclasses.replace(results_of(tmp_path), patients=patients(contrast, noncontrast))
    warnings = make_warnings(results, config())
    assert any("far too few to learn from" in warning for warning in warnings) == warned
    if warned:
        assert f"{contrast} contrast and {noncontrast} non-contrast patients" in warnings[0]


def test_results_made_from_a_folder_that_changed_since_are_warned_of(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    (workspace / "train" / "metrics.jsonl").write_text('{"step": 1}\n')
    finish(workspace / "train", "prepare")
    warnings = make_warnings(read_results(workspace), config())
    assert any("synthesize, audit" in warning for warning in warnings)


def test_linkage_is_a_warning_where_the_mode_expects_it(tmp_path: Path) -> None:
    results = results_of(tmp_path)
    expected = "2 of 2 released volumes can be matched"
    assert any(expected in warning for warning in make_warnings(results, config()))
    assert not any(expected in x for x in make_warnings(results, config(mode="unlinked")))


def test_what_was_not_measured_is_warned_of(tmp_path: Path) -> None:
    results = results_of(tmp_path, Parts(has_labels=False))
    assert any("no segmenter was trained" in x for x in make_warnings(results, config()))


def test_key_figures_keep_memorisation_and_linkage_apart(tmp_path: Path) -> None:
    values = [figure.value for figure in make_key_figures(results_of(tmp_path))]
    assert values == ["4.9 HU", "Dice 0.74", "none found", "100 %"]


def test_key_figures_say_what_was_not_measured(tmp_path: Path) -> None:
    results = results_of(tmp_path, Parts(has_labels=False, has_truth=False))
    empty = dataclasses.replace(results, audit=None)
    assert {figure.value for figure in make_key_figures(empty)} == {"not measured"}


def test_the_audit_file_is_read_as_written(tmp_path: Path) -> None:
    results = results_of(tmp_path, Parts(verdict="fail"))
    assert results.audit == read_json(results.workspace / "audit" / "audit.json")
