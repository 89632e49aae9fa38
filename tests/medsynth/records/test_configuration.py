from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from medsynth.errors import ConfigurationError
from medsynth.records.configuration import (
    Settings,
    apply_override,
    fill_settings,
    merge_values,
    read_toml,
)


class _Train(Settings):
    steps: Annotated[int, Field(ge=1)] = 10
    rate: float = 0.5
    name: str = "plain"


class _Project(Settings):
    seed: int = 0
    train: _Train = _Train()


def test_later_layers_and_then_overrides_win() -> None:
    layers: list[dict[str, Any]] = [{"seed": 1, "train": {"steps": 2}}, {"train": {"steps": 3}}]
    filled = fill_settings(_Project, layers, ["train.rate=0.25"])
    assert filled == _Project(seed=1, train=_Train(steps=3, rate=0.25))


def test_override_value_is_toml_or_else_text() -> None:
    assert apply_override({}, "a.b=1e-4") == {"a": {"b": 1e-4}}
    assert apply_override({}, "a=[1, 2]") == {"a": [1, 2]}
    assert apply_override({}, "a=plain text") == {"a": "plain text"}
    assert apply_override({}, 'a="quoted"') == {"a": "quoted"}


def test_override_leaves_its_input_unchanged() -> None:
    values = {"train": {"steps": 1}}
    apply_override(values, "train.steps=2")
    assert values == {"train": {"steps": 1}}


def test_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigurationError, match=r'"train\.stepz" is unknown.*"train\.steps"'):
        fill_settings(_Project, [{"train": {"stepz": 1}}])


def test_unknown_section_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigurationError, match=r'"trian" is unknown.*Did you mean "train"'):
        fill_settings(_Project, [{"trian": {"steps": 1}}])


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        fill_settings(_Project, [{"sed": 1, "train": {"steps": 0}}])
    assert "sed" in str(caught.value)
    assert "train.steps" in str(caught.value)


@pytest.mark.parametrize("assignment", ["train.steps", "=1", "train..steps=1", "seed.below=1"])
def test_malformed_override_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigurationError):
        fill_settings(_Project, [{"seed": 1}], [assignment])


def test_file_that_is_no_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("steps 5")
    with pytest.raises(ConfigurationError, match="line 1"):
        read_toml(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not there"):
        read_toml(tmp_path / "none.toml")


def test_merge_wins_key_by_key() -> None:
    assert merge_values({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}) == {"a": {"x": 1, "y": 3}}
