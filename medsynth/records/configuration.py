"""Settings: pydantic models filled from one TOML file and from `--set a.b=c`."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from medsynth.errors import ConfigurationError


class Settings(pydantic.BaseModel):
    """The base of every settings model: frozen, and no unknown keys."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True
    )


SettingsModel = TypeVar("SettingsModel", bound=Settings)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into nested dictionaries.

    Raises:
        ConfigurationError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"Configuration file {path} is not there. Expected a TOML file. Check the path."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"Configuration file {path} is not TOML: {error}. Expected lines such as "
            '"steps = 2000" under "[train]". Mend the line.'
        ) from None


def apply_override(values: dict[str, Any], assignment: str) -> dict[str, Any]:
    """Give the values with one `a.b=c` assignment applied.

    The right side is read as a TOML value; what is no TOML value is taken as text.

    Args:
        values: nested dictionaries; left unchanged.
        assignment: for example "train.steps=500".

    Returns:
        New nested dictionaries.

    Raises:
        ConfigurationError: there is no "=" or no key, or the key runs through a plain value.
    """
    path, separator, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not separator or not all(keys):
        raise ConfigurationError(
            f'Setting "{assignment}" has no key or no "=". Expected section.key=value, such as '
            "train.steps=500. Mend the --set option."
        )
    return _with_value(values, keys, _toml_value(text.strip()), assignment)


def merge_values(base: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Give nested dictionaries in which `above` wins key by key."""
    merged = dict(base)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge_values(merged[key], value)
        else:
            merged[key] = value
    return merged


def fill_settings(
    model: type[SettingsModel],
    layers: Iterable[Mapping[str, Any]],
    overrides: Sequence[str] = (),
) -> SettingsModel:
    """Fill a settings model from layers of values, later layers winning.

    Args:
        model: the settings model.
        layers: nested dictionaries, for example one per configuration file.
        overrides: assignments such as "train.steps=500", applied last, in order.

    Returns:
        The checked settings.

    Raises:
        ConfigurationError: listing every unknown key, with the nearest known
            one, and every value that is not allowed.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        values = merge_values(values, layer)
    for assignment in overrides:
        values = apply_override(values, assignment)
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        problems = [_explain(model, problem) for problem in error.errors()]
        raise ConfigurationError("\n".join(problems)) from None


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _with_value(
    values: Mapping[str, Any], keys: Sequence[str], value: Any, assignment: str
) -> dict[str, Any]:
    changed = dict(values)
    if len(keys) == 1:
        changed[keys[0]] = value
        return changed
    below = changed.get(keys[0], {})
    if not isinstance(below, Mapping):
        raise ConfigurationError(
            f'Setting "{assignment}" goes below {keys[0]}, which is a single value. Expected '
            "section.key=value. Mend the --set option."
        )
    changed[keys[0]] = _with_value(below, keys[1:], value, assignment)
    return changed


def _explain(model: type[Settings], problem: Any) -> str:
    location = [str(part) for part in problem["loc"]]
    name = ".".join(location)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.0)
        return (
            f'Setting "{name}" is unknown. Expected one of: {", ".join(sorted(known))}. '
            f'Did you mean "{".".join([*location[:-1], *near])}"?'
        )
    if problem["type"] == "value_error":
        # A rule between several settings; its message names them.
        return f"{problem['msg'].removeprefix('Value error, ')}. Change one of them."
    return (
        f'Setting "{name}" is {problem["input"]!r}. Expected: {problem["msg"]}. '
        "Change it in the configuration file or with --set."
    )


def _known_keys(model: type[Settings], location: Sequence[str]) -> list[str]:
    for key in location:
        annotation = model.model_fields[key].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, Settings)):
            return []
        model = annotation
    return list(model.model_fields)
