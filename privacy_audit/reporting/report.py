"""The audit's files: the private record, page and pictures, and what may be public."""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsynth.records.atomic import write_bytes_atomically, write_text_atomically
from medsynth.records.json_lines import write_json
from privacy_audit.reporting.public_report import public_record, render_public_page
from privacy_audit.reporting.report_page import render_page

MOST_PICTURES = 24
PUBLIC_FOLDER = "public"
_DECIMALS = 6


def write_report(
    folder: Path, record: Mapping[str, Any], pictures: Mapping[int, NDArray[np.uint8]]
) -> None:
    """Write the audit's files.

    `audit.json`, `audit.html` and `flagged/` are private. `public/` holds
    `audit_public.json` and `audit_public.html`, without anything of a patient.

    Args:
        folder: an existing, empty folder.
        record: the content of `audit.json`, without the names of pictures. Beside what the
            contract names it may hold "notes", sentences about the input, and "findings",
            traces in files, each with "file", "place", "kind" and, if wanted, "meaning".
        pictures: place in `record["flagged"]` -> (rows, columns, 3) uint8.
    """
    pairs = folder / "flagged"
    pairs.mkdir()
    encoded = {index: _encode_png(pictures[index]) for index in sorted(pictures)}
    flagged = [dict(flag) for flag in record["flagged"]]
    for index, content in encoded.items():
        name = f"{index:04d}.png"
        write_bytes_atomically(pairs / name, content)
        for flag in flagged:
            if _pair(flag) == _pair(flagged[index]):
                flag["picture"] = f"flagged/{name}"
    plain = as_plain({**record, "flagged": flagged})
    write_json(folder / "audit.json", plain)
    write_text_atomically(folder / "audit.html", render_page(plain, encoded))
    public = public_record(plain)
    (folder / PUBLIC_FOLDER).mkdir()
    write_json(folder / PUBLIC_FOLDER / "audit_public.json", public)
    page = render_public_page(public)
    write_text_atomically(folder / PUBLIC_FOLDER / "audit_public.html", page)


def as_plain(value: Any) -> Any:
    """Give a value as JSON can hold it, the same on every machine.

    Numbers are rounded, so that the last bits of a sum cannot change a file.
    What is no number becomes null, and what is infinite "inf" or "-inf".
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if math.isfinite(value):
            # Adding zero takes the sign from a zero.
            return round(value, _DECIMALS) + 0.0
        return None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {key: as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [as_plain(item) for item in value]
    return value


def _pair(flag: Mapping[str, Any]) -> tuple[Any, Any]:
    return flag["synthetic"], flag["patient"]


def _encode_png(picture: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG")
    return stream.getvalue()
