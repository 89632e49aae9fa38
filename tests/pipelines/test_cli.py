import errno
from typing import get_args

import pytest
from typer.testing import CliRunner

from medsynth.phantom.options import BodyRegion
from pipelines import cli


def test_help_names_every_verb_of_the_contract() -> None:
    shown = CliRunner().invoke(cli.app, ["--help"])
    assert shown.exit_code == 0
    for verb in (
        *(
            "run",
            "ingest",
            "deidentify",
            "sort",
            "split",
            "prepare",
            "train",
            "synthesize",
            "evaluate",
        ),
        *("audit", "release", "phantom", "demo", "status", "verify", "doctor"),
    ):
        assert verb in shown.output


def test_full_disk_and_forbidden_places_are_explained() -> None:
    full = cli._explain_system_error(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None
    assert "same command" in full
    forbidden = cli._explain_system_error(PermissionError(errno.EACCES, "denied", "doe_jane.dcm"))
    assert forbidden is not None
    assert "denied" in forbidden
    assert "doe" not in forbidden


def test_other_system_errors_are_our_own_defects() -> None:
    assert cli._explain_system_error(OSError(errno.EBADF, "bad descriptor")) is None


def test_stop_asks_for_the_same_command() -> None:
    with pytest.raises(cli.StoppedError, match="same command"):
        cli._stop(2, None)


def test_regions_of_the_command_line_are_those_of_the_phantom() -> None:
    assert set(get_args(cli.Region)) == {region.value for region in BodyRegion}
