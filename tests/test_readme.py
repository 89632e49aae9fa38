"""What the README says is what the program does."""

import re
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from pipelines.cli import app
from pipelines.config_reference import config_reference

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def test_settings_are_those_of_the_models() -> None:
    between = re.search(
        r"<!-- settings: begin -->\n(.*)<!-- settings: end -->", README, flags=re.DOTALL
    )
    assert between is not None
    assert between.group(1) == config_reference()


def test_every_verb_is_named() -> None:
    verbs = re.search(r"## Verbs\n(.*?)\n## ", README + "\n## ", flags=re.DOTALL)
    assert verbs is not None
    named = set(re.findall(r"`([a-z]+)(?: [A-Z]+)?`", verbs.group(1)))
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    assert set(group.commands) <= named


def test_pictures_are_in_the_repository() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (Path(__file__).parent.parent / picture).is_file()
