"""The command line `medsynth`: one verb a stage, and a few that look after them."""

import errno
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from medsynth import __version__
from medsynth.errors import MedsynthError

if TYPE_CHECKING:
    from medsynth.records.progress import Reporter
    from pipelines.project_config import ProjectConfig

app = typer.Typer(
    name="medsynth",
    help="Synthetic non-contrast CT from contrast-enhanced CT, with its worth and leaks measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# The words of `medsynth.phantom.options.BodyRegion`, which is too heavy to import for --help.
Region = Literal["abdomen", "chest"]
Workspace = Annotated[
    Path, typer.Option("--workspace", "-w", help="Folder in which the project lives.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="TOML file with settings.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as train.minutes=5. May be repeated."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Dicom = Annotated[
    list[Path] | None, typer.Option("--dicom", help="Folder with CT scans. May be repeated.")
]
Labels = Annotated[
    Path | None, typer.Option("--labels", help="Folder with organ labels and labels.json.")
]
Truth = Annotated[
    Path | None, typer.Option("--truth", help="Folder with paired non-contrast truth.")
]


class StoppedError(BaseException):
    """The user asked the run to stop; not an `Exception`, which a library might swallow."""


def main() -> None:
    """Run the command line and end the process with its exit code.

    Exit codes: 0 done; 1 a defect of medsynth, with a traceback; 2 the user can
    mend it, with one message; 3 the audit failed or the release was refused.
    """
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except StoppedError as stop:
        _fail(str(stop), 2)
    except MedsynthError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        message = _explain_system_error(error)
        if message is None:
            raise
        _fail(message, 2)


@app.command()
def run(
    workspace: Workspace,
    dicom: Dicom = None,
    labels: Labels = None,
    truth: Truth = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Run all stages that are not up to date, in order, and write the report."""
    from pipelines.run import run_all

    def work(workspace: Path, config: "ProjectConfig", reporter: "Reporter") -> None:
        run_all(workspace, config, reporter)

    _in_workspace(workspace, work, config, _input_options(dicom, labels, truth), overrides, quiet)


@app.command()
def ingest(
    workspace: Workspace,
    dicom: Dicom = None,
    labels: Labels = None,
    truth: Truth = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Read DICOM folders into de-identified volumes in HU, with a verdict for each series."""
    options = _input_options(dicom, labels, truth)
    _run_stage("ingest", workspace, config, options, overrides, quiet)


@app.command()
def sort(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Tell contrast from non-contrast series."""
    _run_stage("sort", workspace, config, {}, overrides, quiet)


@app.command()
def split(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Give each patient its roles: train, source, holdout, test."""
    _run_stage("split", workspace, config, {}, overrides, quiet)


@app.command()
def prepare(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Write the slice store that networks are trained on."""
    _run_stage("prepare", workspace, config, {}, overrides, quiet)


@app.command()
def train(
    workspace: Workspace,
    config: ConfigFile = None,
    verify_privacy: Annotated[
        bool, typer.Option("--verify-privacy", help="Try to refute the private step first.")
    ] = False,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Train the translator; goes on where an interrupted training stopped."""
    from pipelines.train import follow_training, is_follower

    if is_follower():
        follow_training()
        return
    options = {"privacy": {"verify": True}} if verify_privacy else {}
    _run_stage("train", workspace, config, options, overrides, quiet)


@app.command()
def synthesize(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Translate the source patients' scans into NIfTI volumes and DICOM series."""
    _run_stage("synthesize", workspace, config, {}, overrides, quiet)


@app.command()
def evaluate(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Measure HU errors, and what the synthetic scans are worth to a segmenter."""
    _run_stage("evaluate", workspace, config, {}, overrides, quiet)


@app.command()
def audit(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Measure what the synthetic scans leak about the patients behind them."""
    _run_stage("audit", workspace, config, {}, overrides, quiet)


@app.command()
def release(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Pack the bundle, or refuse (exit code 3) with the reason."""
    _run_stage("release", workspace, config, {}, overrides, quiet)


@app.command()
def report(
    workspace: Workspace,
    config: ConfigFile = None,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Write the report again from what the workspace holds."""
    from pipelines.report.stage import write_report

    def work(workspace: Path, config: "ProjectConfig", reporter: "Reporter") -> None:
        reporter.message(f"Report: {write_report(workspace, config, reporter)}")

    _in_workspace(workspace, work, config, {}, overrides, quiet)


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    patients: Annotated[int, typer.Option(min=1, help="Number of made-up patients.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the patients.")] = 0,
    region: Annotated[Region, typer.Option(help="Part of the body that is scanned.")] = "abdomen",
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Write made-up patients as DICOM, with labels and paired non-contrast truth."""
    from medsynth.phantom.options import BodyRegion
    from pipelines.console import console_reporter
    from pipelines.phantom import write_phantom
    from pipelines.project_config import load_config

    config = load_config([{"phantom": {"patients": patients, "seed": seed}}], overrides or ())
    with console_reporter(None, quiet=quiet) as reporter:
        write_phantom(out, config.phantom, reporter, region=BodyRegion(region))
        reporter.message(f"Made-up patients: {out}")


@app.command()
def deidentify(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Folder with CT scans as DICOM.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.")],
    key: Annotated[
        Path | None, typer.Option(help="Key of the pseudonyms; made if missing. Default: OUT.key.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="basic (PS3.15 profile) or release (closed list).")
    ] = None,
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; 0: one a core.")] = 0,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Write de-identified copies of CT slices, after DICOM PS3.15 Annex E."""
    from pipelines.console import console_reporter
    from pipelines.deidentify import deidentify_folder, load_settings

    settings = load_settings(mode, overrides or ())
    with console_reporter(None, quiet=quiet) as reporter:
        deidentify_folder(source, out, settings, reporter, key_file=key, processes=processes)
        reporter.message(f"De-identified scans: {out}")


@app.command()
def demo(
    workspace: Workspace = Path("demo"),
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Run the whole pipeline on made-up patients and end with the report's path."""
    from medsynth.records.configuration import read_toml
    from pipelines.demo import DEMO_CONFIG, run_demo

    _in_workspace(workspace, run_demo, None, read_toml(DEMO_CONFIG), overrides, quiet)


@app.command()
def status(workspace: Workspace) -> None:
    """Tell which stages are done, stale, interrupted or missing."""
    from pipelines.status import workspace_status

    typer.echo(workspace_status(workspace))


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A workspace, a stage's folder or a bundle.")],
) -> None:
    """Compare every file with the hashes that were written down for it."""
    from pipelines.verify import verify_folder

    typer.echo(verify_folder(folder))


@app.command()
def doctor() -> None:
    """Tell what this machine offers: versions, device, decoders, space."""
    from pipelines.doctor import machine_report

    typer.echo(machine_report())


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Synthetic non-contrast CT from contrast-enhanced CT, with its worth and leaks measured."""


def _run_stage(
    name: str,
    workspace: Path,
    config_file: Path | None,
    options: dict[str, Any],
    overrides: list[str] | None,
    quiet: bool,
) -> None:
    from pipelines.run import run_one

    def work(workspace: Path, config: "ProjectConfig", reporter: "Reporter") -> None:
        run_one(name, workspace, config, reporter)

    _in_workspace(workspace, work, config_file, options, overrides, quiet)


def _in_workspace(
    workspace: Path,
    work: "Callable[[Path, ProjectConfig, Reporter], None]",
    config_file: Path | None,
    options: dict[str, Any],
    overrides: list[str] | None,
    quiet: bool,
) -> None:
    from pipelines.console import console_reporter
    from pipelines.workspace import log_file, open_workspace, workspace_config

    with open_workspace(workspace) as held:
        config = workspace_config(
            held, config_file=config_file, options=options, overrides=overrides or ()
        )
        with console_reporter(log_file(held), quiet=quiet) as reporter:
            work(held, config, reporter)


def _input_options(
    dicom: list[Path] | None, labels: Path | None, truth: Path | None
) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if dicom:
        named["dicom"] = [str(folder.absolute()) for folder in dicom]
    if labels is not None:
        named["labels"] = str(labels.absolute())
    if truth is not None:
        named["truth"] = str(truth.absolute())
    return {"input": named} if named else {}


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise StoppedError(
        "Stopped before the end. What was finished is kept, and nothing is half-written. "
        "Run the same command to go on."
    )


def _explain_system_error(error: OSError) -> str | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "The disk is full. Expected room for the workspace. Free some space and run the same "
            "command to go on: what was finished is kept, and nothing is half-written."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        # The file is not named: names of scans often hold those of patients.
        return (
            f"A file or folder cannot be written or read: {error.strerror}. Expected access to the "
            "workspace and to all that is handed over. Change the permissions, or choose another "
            "folder."
        )
    return None


def _fail(message: str, exit_code: int) -> None:
    typer.echo(f"medsynth: {message}", err=True)
    sys.exit(exit_code)
