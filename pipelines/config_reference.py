"""The configuration as a document, made from the models themselves."""

import typing
from collections.abc import Iterator
from types import NoneType, UnionType

from pydantic.fields import FieldInfo

from medsynth.records.configuration import Settings
from pipelines.project_config import ProjectConfig


def config_reference() -> str:
    """Give the Markdown tables of all settings: key, default, meaning."""
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    lines += _rows(ProjectConfig, "")
    return "\n".join(lines) + "\n"


def _rows(model: type[Settings], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            yield from _rows(annotation, f"{prefix}{name}.")
        else:
            meaning = " ".join((field.description or "").split())
            yield f"| `{prefix}{name}` | {_default(field)} | {meaning}{_choices(field)} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{', '.join(str(item) for item in value)}`"
    return f"`{value}`"


def _choices(field: FieldInfo) -> str:
    annotation = field.annotation
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        annotation = next(each for each in typing.get_args(annotation) if each is not NoneType)
    if typing.get_origin(annotation) is not typing.Literal:
        return ""
    return " One of: " + ", ".join(f"`{choice}`" for choice in typing.get_args(annotation)) + "."
