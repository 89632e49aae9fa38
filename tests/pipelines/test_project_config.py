from pathlib import Path

import pytest

from medsynth.errors import ConfigurationError
from medsynth.records.configuration import read_toml
from pipelines.project_config import ProjectConfig, load_config

CONFIGS = sorted((Path(__file__).parents[2] / "pipelines" / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configuration_is_valid(path: Path) -> None:
    assert load_config([read_toml(path)]) != ProjectConfig()


def test_of_steps_and_minutes_the_one_named_last_counts() -> None:
    remembered = {"train": {"steps": 10, "batch": 2}}
    config = load_config([remembered], ["train.minutes=5"])
    assert (config.train.steps, config.train.minutes, config.train.batch) == (None, 5.0, 2)
    config = load_config([config.model_dump(mode="json")], ["train.steps=7"])
    assert (config.train.steps, config.train.minutes) == (7, None)


def test_rule_between_settings_names_them() -> None:
    with pytest.raises(ConfigurationError, match=r"split\.contrast_train.* at most 1"):
        load_config([], ["split.contrast_train=0.9"])


@pytest.mark.parametrize("assignment", ["train.steps=-1", "release.mode=public", "train.batch=x"])
def test_value_out_of_range_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigurationError, match=assignment.split("=", maxsplit=1)[0]):
        load_config([], [assignment])
