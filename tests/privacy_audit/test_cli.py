import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from rich.console import Console
from typer.testing import CliRunner

from privacy_audit.api import AuditResult
from privacy_audit.cli import _print_result, audit
from privacy_audit.images.image_sets import ImageSet
from privacy_audit.self_tests.self_test import SelfTest
from privacy_audit.verdict import CheckResult

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, body: Body, write_set: WriteSet) -> Run:
    """Give a function that runs the command on five train and six holdout patients."""
    write_set(tmp_path / "train", {f"t{seed}": body(seed) for seed in range(5)})
    write_set(tmp_path / "holdout", {f"h{seed}": body(seed) for seed in range(50, 56)})
    write_set(tmp_path / "clean", {"s0": body(90), "s1": body(91)})
    write_set(tmp_path / "copies", {"s0": body(2, invert=True)})
    write_set(tmp_path / "translated", {f"s{seed}": body(seed, invert=True) for seed in range(5)})
    rows = "".join(f"s{seed}.npy,t{seed}\n" for seed in range(5))
    (tmp_path / "map.csv").write_text("synthetic,patient\n" + rows)
    application = typer.Typer()
    application.command()(audit)

    def call(*more: str, synthetic: str = "clean", report: str = "report") -> tuple[int, str]:
        folders = {"train": "train", "holdout": "holdout", "synthetic": synthetic, "report": report}
        options = [
            part
            for name, folder in folders.items()
            for part in (f"--{name}", str(tmp_path / folder))
        ]
        result = CliRunner().invoke(application, [*options, *more])
        return result.exit_code, result.output

    return call


def test_failed_audit_ends_with_three_and_a_report(tmp_path: Path, run: Run) -> None:
    code, output = run(synthetic="copies")
    assert code == 3
    assert "Verdict: fail." in output
    assert (tmp_path / "report" / "flagged" / "0000.png").is_file()


def test_linkage_decides_by_mode(tmp_path: Path, run: Run) -> None:
    source_map = ("--source-map", str(tmp_path / "map.csv"))
    assert run(*source_map, "--mode", "translated", synthetic="translated")[0] == 0
    assert run(*source_map, "--mode", "unlinked", synthetic="translated", report="b")[0] == 3


def test_bad_input_ends_with_two_one_message_and_no_report(tmp_path: Path, run: Run) -> None:
    np.save(tmp_path / "clean" / "s2.npy", np.full((9, 9), np.nan))
    code, output = run()
    assert code == 2
    assert "\nImage s2.npy holds values that are not finite." in output
    assert not (tmp_path / "report").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_missing_folder_ends_with_two(run: Run) -> None:
    code, output = run(synthetic="absent")
    assert code == 2
    assert "is not there" in output


def test_folder_that_is_no_report_is_not_replaced(tmp_path: Path, run: Run) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "thesis.txt").write_text("years of work")
    assert run()[0] == 2
    assert (tmp_path / "report" / "thesis.txt").read_text() == "years of work"


def test_inconclusive_audit_ends_with_zero_and_replaces_an_older_report(
    tmp_path: Path, run: Run
) -> None:
    (tmp_path / "report" / "flagged").mkdir(parents=True)
    (tmp_path / "report" / "flagged" / "0099.png").write_bytes(b"")
    (tmp_path / "report" / "audit.json").write_text("{}")
    code, output = run()
    assert code == 0
    assert "Verdict: inconclusive." in output
    assert not list((tmp_path / "report" / "flagged").iterdir())


@pytest.mark.parametrize("report", ["train", "train/report", ".", "map.csv/report"])
def test_report_among_the_inputs_is_refused_and_nothing_is_lost(
    tmp_path: Path, run: Run, report: str
) -> None:
    (tmp_path / "train" / "audit.json").write_text("{}")
    before = sorted(path for path in tmp_path.rglob("*"))
    code, output = run("--source-map", str(tmp_path / "map.csv"), report=report)
    assert (code, "Choose another." in output) == (2, True)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_report_behind_a_link_into_an_input_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "train" / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "train" / "empty")
    code, output = run(report="link")
    assert code == 2
    assert "lies within" in output


def test_older_report_with_other_things_in_it_is_not_replaced(tmp_path: Path, run: Run) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "audit.json").write_text("{}")
    (tmp_path / "report" / "thesis.txt").write_text("years of work")
    code, output = run()
    assert code == 2
    assert "thesis.txt" in output
    assert (tmp_path / "report" / "thesis.txt").is_file()


def test_file_is_not_replaced_by_a_report(tmp_path: Path, run: Run) -> None:
    (tmp_path / "audit.json").write_text("years of work")
    assert run(report="audit.json")[0] == 2
    assert (tmp_path / "audit.json").read_text() == "years of work"


def test_place_that_cannot_be_written_ends_with_two(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    code, output = run(report="file/report")
    assert code == 2
    assert "cannot be written" in output
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert run(report="round")[0] == 2


def test_negative_seed_ends_with_two(run: Run) -> None:
    code, output = run("--seed", "-1")
    assert code == 2
    assert "Traceback" not in output


def test_brackets_of_an_explanation_are_shown_as_they_are() -> None:
    explanation = "Not in (0, 1], see [/bold] and [red]."
    check = CheckResult("fail", None, None, None, 1, explanation, "", (), {})
    self_test = SelfTest("pass", {}, 0.9, 10, 0, "[/]")
    console = Console(record=True, width=200, quiet=False, file=io.StringIO())
    _print_result(
        AuditResult("fail", (), {"near_copy": check}, (), self_test), Path("report"), console
    )
    shown = console.export_text()
    assert explanation in shown
    assert "[/]" in shown


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, privacy_audit.cli; "
        "print([name for name in ('numpy', 'scipy', 'torch', 'pydicom') if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert loaded.strip() == "[]"
