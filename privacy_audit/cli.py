"""The command `privacy-audit`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from medsynth.errors import AuditError, MedsynthError, ReleaseRefusedError
from medsynth.records.atomic import staged_folder

if TYPE_CHECKING:
    from privacy_audit.api import AuditResult

_REPORT_NAME = "audit.json"
_REPORT_ENTRIES = frozenset({_REPORT_NAME, "audit.html", "flagged", "public"})


def main() -> None:
    """Run the command; ends with 0 (pass or inconclusive), 2 (bad input) or 3 (fail or invalid)."""
    typer.run(audit)


def audit(  # noqa: PLR0913  (one parameter an option is how typer declares a command)
    *,
    train: Annotated[Path, typer.Option(help="Real scans of the patients trained on.")],
    synthetic: Annotated[
        Path, typer.Option(help="What is to be released; every file in it is inspected.")
    ],
    report: Annotated[Path, typer.Option(help="Folder to write the report into.")],
    holdout: Annotated[
        Path | None, typer.Option(help="Real scans of patients never trained on.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="Real scans that were translated, if not in --train.")
    ] = None,
    source_map: Annotated[
        Path | None, typer.Option(help="CSV with the columns synthetic and patient.")
    ] = None,
    null: Annotated[
        Path | None, typer.Option(help="Synthetic images of holdout patients, made the same way.")
    ] = None,
    patients: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns image and patient, where folders do not tell."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Label maps named like the images, and labels.json.")
    ] = None,
    attributes: Annotated[
        Path | None, typer.Option(help="CSV with the column patient, and sex, age, site and more.")
    ] = None,
    private_list: Annotated[
        Path | None, typer.Option(help="Names, numbers and dates to look for, one a line.")
    ] = None,
    claims: Annotated[
        Path | None, typer.Option(help="privacy.json with a claim of differential privacy.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The model's folder, if its weights may be known.")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="translated, unlinked, source_free or weights.")
    ] = "translated",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal reports.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Images treated at the same time.")] = 1,
) -> None:
    """Attack a folder of synthetic images before somebody else does.

    A folder is searched for NIfTI, DICOM, PNG, TIFF, npy and npz. A file in it
    is a patient, DICOM files are gathered by the patient in their header, and a
    sub-folder is a patient. Exit code 0: done, passed or inconclusive; 2: the
    input cannot be used; 3: the audit failed, or its self-test did.
    """
    # Imported here, so that --help answers at once.
    from privacy_audit.api import run_audit
    from privacy_audit.given import Given, read_given

    console = Console()
    try:
        folders = {
            "train": train,
            "synthetic": synthetic,
            "source": source,
            "holdout": holdout,
            "null": null,
        }
        given = Given(
            folders={role: path for role, path in folders.items() if path is not None},
            patients=patients,
            source_map=source_map,
            labels=labels,
            attributes=attributes,
            private_list=private_list,
            claims=claims,
            model=model,
        )
        with _told_as_unusable(report):
            # Through a link, the folder that it leads to is replaced, not the link.
            report = _resolved(report)
            _check_report_folder(report)
            _refuse_overlap(report, given.paths())
        inputs = read_given(given)
        with _told_as_unusable(report), staged_folder(report) as folder:
            result = run_audit(
                inputs,
                folder,
                mode=mode,
                seed=seed,
                processes=workers,
                reporter=_ConsoleReporter(console),
            )
    except MedsynthError as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
    _print_result(result, report, console)
    if result.verdict in {"fail", "invalid"}:
        raise typer.Exit(ReleaseRefusedError.exit_code)


class _ConsoleReporter:
    """Says on the console what is being done."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def message(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def progress(self, *, done: float, total: float, text: str) -> None:
        """Say nothing: the parts of an audit are short enough to be named alone."""


@contextmanager
def _told_as_unusable(report: Path) -> Iterator[None]:
    """Make an error of the file system one of the input."""
    try:
        yield
    except OSError as error:
        raise AuditError(
            f"Report {report} cannot be written, or a file of the audit not be read "
            f"({type(error).__name__}). Expected a folder that may be written to and a disk that "
            "is not full. Check both."
        ) from error


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    # So pathlib calls a link that leads to itself.
    except RuntimeError:
        raise AuditError(
            f"{path} is a link that leads to itself. Expected a file or folder. Choose another."
        ) from None


def _check_report_folder(report: Path) -> None:
    """Refuse to replace anything that is not an older report."""
    if not report.exists():
        return
    entries = {entry.name for entry in report.iterdir()} if report.is_dir() else set()
    if not report.is_dir() or (entries and _REPORT_NAME not in entries):
        raise AuditError(
            f"Report folder {report} exists and holds no {_REPORT_NAME}. Expected a new folder or "
            "an older report to replace. Choose another."
        )
    others = sorted(entries - _REPORT_ENTRIES)
    if others:
        raise AuditError(
            f"Report folder {report} holds {len(others)} things that are no part of a report, the "
            f"first is {others[0]}. Expected a new folder or an older report alone, which is "
            "replaced as a whole. Choose another."
        )


def _refuse_overlap(report: Path, given: Iterable[Path]) -> None:
    """Refuse to write among the inputs, or to replace them."""
    for path in given:
        place = _resolved(path)
        if report.is_relative_to(place) or place.is_relative_to(report):
            raise AuditError(
                f"Report folder {report} is, holds or lies within {path}, which is to be read. "
                "Expected a folder apart from all that is given. Choose another."
            )


def _print_result(result: "AuditResult", report: Path, console: Console) -> None:
    table = Table("check", "verdict", "what it means")
    for name, check in result.checks.items():
        table.add_row(name, check.verdict, Text(check.explanation))
    table.add_row("self_test", result.self_test.verdict, Text(result.self_test.explanation))
    console.print(table)
    console.print(f"Verdict: {result.verdict}. Report: {report / 'audit.html'}", markup=False)
