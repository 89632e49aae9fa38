"""The audit's files: `audit.json`, pictures of flagged pairs, and `audit.html`."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsynth.records.atomic import write_bytes_atomically, write_text_atomically
from medsynth.records.json_lines import write_json

MOST_PICTURES = 24
_DECIMALS = 6


def write_report(
    folder: Path, record: Mapping[str, Any], pictures: Mapping[int, NDArray[np.uint8]]
) -> None:
    """Write the audit's files.

    Args:
        folder: an existing, empty folder.
        record: the content of `audit.json`, without the names of pictures.
        pictures: place in `record["flagged"]` -> (rows, columns, 3) uint8.
    """
    pairs = folder / "flagged"
    pairs.mkdir()
    encoded = {index: _encode_png(picture) for index, picture in pictures.items()}
    flagged = [dict(flag) for flag in record["flagged"]]
    for index, content in encoded.items():
        name = f"{index:04d}.png"
        write_bytes_atomically(pairs / name, content)
        flagged[index]["picture"] = f"flagged/{name}"
    rounded = _rounded({**record, "flagged": flagged})
    write_json(folder / "audit.json", rounded)
    write_text_atomically(folder / "audit.html", _render_page(rounded, encoded))


def _encode_png(picture: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG")
    return stream.getvalue()


def _rounded(value: Any) -> Any:
    """Round every number, so that the last bits of a sum cannot change a file."""
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _render_page(record: Mapping[str, Any], encoded: Mapping[int, bytes]) -> str:
    template = Template(resources.files("privacy_audit").joinpath("report.html").read_text("utf-8"))
    self_test = record["self_test"]
    counts = ", ".join(f"{count} {role}" for role, count in sorted(record["patients"].items()))
    deciding = [name for name, check in record["checks"].items() if _decides(check, record["mode"])]
    return template.substitute(
        verdict=html.escape(record["verdict"]),
        mode=html.escape(record["mode"]),
        patients=html.escape(f"Patients: {counts}."),
        reasons="".join(f"<li>{html.escape(reason)}</li>" for reason in record["reasons"]),
        checks="\n".join(_check_row(name, check) for name, check in record["checks"].items()),
        deciding=html.escape(f"In this mode the verdict is decided by: {', '.join(deciding)}."),
        self_test_verdict=html.escape(self_test["verdict"]),
        self_test=html.escape(self_test["explanation"]),
        kinds="\n".join(_kind_row(kind, result) for kind, result in self_test["kinds"].items()),
        flagged_count=len(record["flagged"]),
        shown_count=len(encoded),
        pairs="\n".join(_figure(record["flagged"][index], encoded[index]) for index in encoded),
    )


def _decides(check: Mapping[str, Any], mode: str) -> bool:
    return mode in check["applies_to"]


def _check_row(name: str, check: Mapping[str, Any]) -> str:
    interval = check["ci"]
    cells = [
        name,
        check["verdict"],
        _number(check["statistic"]),
        "not measured" if interval is None else " to ".join(_number(bound) for bound in interval),
        _number(check["threshold"]),
        str(check["n"]),
        check["explanation"],
    ]
    return _table_row(cells)


def _kind_row(kind: str, result: Mapping[str, Any]) -> str:
    similarity = _number(result["lowest_similarity"])
    return _table_row([kind, str(result["planted"]), str(result["found"]), similarity])


def _table_row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _figure(flag: Mapping[str, Any], content: bytes) -> str:
    caption = (
        f"{flag['synthetic']} points to patient {flag['patient']} ({flag['check']}, "
        f"p = {flag['p_value']:.4f}, similarity {flag['similarity']:.2f})"
    )
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<figure><img alt="synthetic, real and overlay" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
